// What cloud-init came to in a server: asked of its guest, else read from its console, for those who may read its console.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { type Servers, startServers } from '../support/servers.ts';

describe('what cloud-init came to', () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers.close());

  const get = (id: string, as: Who = 'member') => servers.request('GET', `/servers/${id}/os-xloud-cloud-init`, { as });
  const made = (behaviour: string) => servers.create({ metadata: { xloud_fake: behaviour } });

  it('is told by the guest', async () => {
    const id = await servers.create();
    const { status, body } = await get(id);
    assert.equal(status, 200);
    const { log, ...told } = body;
    assert.deepEqual(told, {
      ...{ server_id: id, source: 'agent', status: 'done', stage: null, seconds: 5 },
      ...{ datasource: 'DataSourceOpenStackLocal [net,ver=2]', errors: [], warnings: [], phoned_home: null },
    });
    assert.match(log, /^Cloud-init finished/);
    const failed = (await get(await made('init-fails'))).body;
    assert.equal(failed.status, 'error');
    assert.match(failed.errors[0], /told to fail/);
  });

  it('is what the console says where no agent answers, or the server is off', async () => {
    const mute = (await get(await made('mute'))).body;
    assert.deepEqual([mute.source, mute.status, mute.log], [null, 'unknown', null]);
    const id = await servers.create();
    await servers.act(id, { 'os-stop': null });
    await servers.world.settled();
    assert.deepEqual((await get(id)).body.source, null);
  });

  it('is shown to whoever may read the console, and of a server that has a host', async () => {
    const id = await servers.create();
    assert.equal((await get(id, 'reader')).status, 403);
    assert.equal((await get(id, 'other')).status, 404);
    await servers.set(id, { host: null });
    assert.equal((await get(id)).status, 409);
  });
});
