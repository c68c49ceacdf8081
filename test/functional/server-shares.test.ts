// What no host here can: shares of file systems, and snapshots of volumes that the hypervisor makes. Each is refused as Nova
// refuses it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { type Servers, startServers } from '../support/servers.ts';

const SHARE = '8db0037b-e98f-4bde-ae71-f96a077c19a4';

describe('shares of servers', () => {
  let servers: Servers;
  let id: string;
  before(async () => {
    servers = await startServers();
    id = await servers.create();
  });
  after(() => servers.close());

  const ask = (method: string, share = '', body?: unknown, as: Who = 'member', version = '2.97') =>
    servers.request(method, `/servers/${id}/shares${share}`, { as, version, ...(body === undefined ? {} : { body }) });
  const attach = (share: unknown) => ask('POST', '', { share });

  it('are there from 2.97 on: none', async () => {
    for (const [method, share, body] of [
      ['GET', '', undefined],
      ['POST', '', { share: { share_id: SHARE } }],
      ['GET', `/${SHARE}`, undefined],
      ['DELETE', `/${SHARE}`, undefined],
    ] as const) {
      assert.equal((await ask(method, share, body, 'member', '2.96')).status, 404);
    }
    assert.deepEqual((await ask('GET', '', undefined, 'reader')).body, { shares: [] });
    const one = await ask('GET', `/${SHARE}`, undefined, 'reader');
    assert.deepEqual([one.status, one.body.itemNotFound.message], [404, `Share ${SHARE} could not be found.`]);
    assert.equal((await ask('GET', '?x=1')).status, 400);
    assert.equal((await ask('GET', `/${SHARE}?x=1`)).status, 400);
  });

  it('are attached and detached only while the server is off, and then the host cannot', async () => {
    for (const wrong of [null, {}, { share_id: 'x' }, { share_id: SHARE, tag: 'a b' }, { share_id: SHARE, x: 1 }]) {
      assert.equal((await attach(wrong)).status, 400, JSON.stringify(wrong));
    }
    const refused = async (answer: ReturnType<typeof ask>, message: string) =>
      assert.deepEqual([(await answer).status, (await answer).body.conflictingRequest?.message], [409, message]);
    for (const state of ['active', 'paused', 'error', 'rescued']) {
      await servers.set(id, { vm_state: state });
      const message = (word: string) => `Cannot '${word}' instance ${id} while it is in vm_state ${state}`;
      await refused(attach({ share_id: SHARE }), message('create share'));
      if (state !== 'error') await refused(ask('DELETE', `/${SHARE}`), message('delete share'));
    }
    await servers.set(id, { vm_state: 'stopped' });
    await refused(
      attach({ share_id: SHARE, tag: 'data-1' }),
      'Feature not supported because either compute or instance are not configured correctly.',
    );
    const gone = await ask('DELETE', `/${SHARE}`);
    assert.deepEqual([gone.status, gone.body.itemNotFound.message], [404, `Share ${SHARE} could not be found.`]);
  });

  it('are seen by readers, changed by members, and nobody else’s business', async () => {
    assert.equal((await ask('POST', '', { share: { share_id: SHARE } }, 'reader')).status, 403);
    assert.equal((await ask('DELETE', `/${SHARE}`, undefined, 'reader')).status, 403);
    assert.equal((await ask('GET', '', undefined, 'other')).status, 404);
  });
});

describe('assisted snapshots of volumes', () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers.close());

  const VOLUME = '521752a6-acf6-4b2d-bc7a-119f9148cd8c';
  const info = { snapshot_id: 'snap', type: 'qcow2', new_file: 'file' };
  const create = (snapshot: unknown, as: Who = 'admin') =>
    servers.request('POST', '/os-assisted-volume-snapshots', { as, body: { snapshot } });
  const remove = (query: string, version = '2.1', as: Who = 'admin') =>
    servers.request('DELETE', `/os-assisted-volume-snapshots/snap${query}`, { as, version });
  const deleteInfo = (value: unknown) => `?delete_info=${encodeURIComponent(JSON.stringify(value))}`;
  const noMapping = `No volume Block Device Mapping with id ${VOLUME}.`;

  it('there is no attached volume to make one of', async () => {
    const answer = await create({ volume_id: VOLUME, create_info: info });
    assert.deepEqual([answer.status, answer.body.badRequest.message], [400, noMapping]);
    for (const wrong of [
      {},
      { volume_id: VOLUME },
      { volume_id: '', create_info: info },
      { volume_id: VOLUME, create_info: { ...info, type: 'raw' } },
      { volume_id: VOLUME, create_info: { ...info, more: 1 } },
    ]) {
      const refused = await create(wrong);
      assert.equal(refused.status, 400);
      assert.notEqual(refused.body.badRequest.message, noMapping);
    }
  });

  it('nor to remove one of', async () => {
    for (const [query, message] of [
      [deleteInfo({ volume_id: VOLUME }), noMapping],
      ['', "'delete_info'"],
      [deleteInfo({}), "'volume_id'"],
      [deleteInfo([]), "'volume_id'"],
      [deleteInfo(null), "'volume_id'"],
      ['?delete_info={', 'delete_info is not JSON'],
    ] as const) {
      const answer = await remove(query);
      assert.deepEqual([answer.status, answer.body.badRequest.message], [400, message]);
    }
    const both = `${deleteInfo({ volume_id: VOLUME })}&x=1`;
    assert.equal((await remove(both, '2.74')).body.badRequest.message, noMapping);
    assert.match((await remove(both, '2.75')).body.badRequest.message, /'x' was unexpected/);
  });

  it('are for services and administrators', async () => {
    assert.equal((await create({ volume_id: VOLUME, create_info: info }, 'manager')).status, 403);
    assert.equal((await remove(deleteInfo({ volume_id: VOLUME }), '2.1', 'member')).status, 403);
  });
});
