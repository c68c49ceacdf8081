// Volumes where there are none: no server has any, none is found, and what else is wrong with a request is said first;
// and the addresses of old that lead to servers and to machines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import type { CallerName } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Servers, startServers } from '../support/servers.ts';

const LAST = '2.35';
const GONE = '2.36';
const VOLUME = newUuid();
const NO_VOLUME = `Volume ${VOLUME} could not be found.`;

const says = (answer: Answer, status: number, envelope: string, message: string) => {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body[envelope].message, message);
};

for (const engine of engines) {
  describe(`volumes on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create();
    });
    after(() => servers.close());

    const ask = (method: string, path: string, version = LAST, body?: unknown, as: CallerName = 'member') =>
      servers.request(method, path, { as, version, ...(body === undefined ? {} : { body }) });
    const attachments = (method: string, more: string, version: string, volumeAttachment?: object, as?: CallerName) => {
      const body = volumeAttachment === undefined ? undefined : { volumeAttachment };
      return ask(method, `/servers/${id}/os-volume_attachments${more}`, version, body, as);
    };
    const attach = (volumeAttachment: object, version = '2.101') => attachments('POST', '', version, volumeAttachment);

    it('of a server are none', async () => {
      for (const version of ['2.1', '2.70', '2.79', '2.89', '2.104']) {
        assert.deepEqual((await attachments('GET', '?limit=1&offset=0', version)).body, { volumeAttachments: [] });
        const missing = `Instance ${id} is not attached to volume ${VOLUME}`;
        says(await attachments('GET', `/${VOLUME}`, version), 404, 'itemNotFound', missing);
      }
      assert.equal((await attachments('GET', '?x=1', '2.74')).status, 200);
      assert.equal((await attachments('GET', '?x=1', '2.75')).status, 400);
      assert.equal((await attachments('GET', '?limit=a', '2.1')).status, 400);
      assert.equal((await attachments('GET', '', '2.1', undefined, 'other')).status, 404);
      assert.deepEqual((await servers.show(id))['os-extended-volumes:volumes_attached'], []);
    });

    it('cannot be attached, since none is found', async () => {
      for (const version of ['2.1', '2.49', '2.79', '2.101']) {
        says(await attach({ volumeId: VOLUME, device: '/dev/vdb' }, version), 404, 'itemNotFound', NO_VOLUME);
      }
      assert.equal((await attach({ volumeId: VOLUME, device: 'vdb' })).status, 400);
      assert.equal((await attach({ volumeId: 'x' })).status, 400);
      assert.equal((await attach({})).status, 400);
      assert.equal((await attach({ volumeId: VOLUME, tag: 'x' }, '2.48')).status, 400);
      assert.equal((await attach({ volumeId: VOLUME, tag: 'x' }, '2.49')).status, 404);
      assert.equal((await attach({ volumeId: VOLUME, delete_on_termination: true }, '2.78')).status, 400);
      assert.equal((await attach({ volumeId: VOLUME, delete_on_termination: true }, '2.79')).status, 404);
    });

    it('the state of the server comes first where they are attached', async () => {
      const refused = (state: string) => `Cannot 'attach_volume' instance ${id} while it is in vm_state ${state}`;
      for (const state of ['active', 'paused', 'stopped', 'resized', 'soft-delete']) {
        await servers.set(id, { vm_state: state });
        says(await attach({ volumeId: VOLUME }), 404, 'itemNotFound', NO_VOLUME);
      }
      for (const state of ['suspended', 'rescued', 'error', 'building']) {
        await servers.set(id, { vm_state: state });
        says(await attach({ volumeId: VOLUME }), 409, 'conflictingRequest', refused(state));
      }
      for (const state of ['shelved', 'shelved_offloaded']) {
        await servers.set(id, { vm_state: state });
        says(await attach({ volumeId: VOLUME }, '2.19'), 409, 'conflictingRequest', refused(state));
        says(await attach({ volumeId: VOLUME }, '2.20'), 404, 'itemNotFound', NO_VOLUME);
        const detached = `Cannot 'detach_volume' instance ${id} while it is in vm_state ${state}`;
        says(await attachments('DELETE', `/${VOLUME}`, '2.19'), 409, 'conflictingRequest', detached);
        says(await attachments('DELETE', `/${VOLUME}`, '2.20'), 404, 'itemNotFound', NO_VOLUME);
      }
      await servers.set(id, { vm_state: 'active', task_state: 'rebooting' });
      const busy = `Cannot 'attach_volume' instance ${id} while it is in task_state rebooting`;
      says(await attach({ volumeId: VOLUME }), 409, 'conflictingRequest', busy);
      await servers.set(id, { task_state: null, locked_by: 'owner' });
      says(await attach({ volumeId: VOLUME }), 409, 'conflictingRequest', `Instance ${id} is locked`);
      await servers.set(id, { locked_by: null });
    });

    it('cannot be exchanged, changed or detached', async () => {
      const other = newUuid();
      const put = (volumeId: string, version: string, as: CallerName, more = {}) =>
        attachments('PUT', `/${VOLUME}`, version, { volumeId, ...more }, as);
      const denied = (rule: string) =>
        `Policy doesn't allow os_compute_api:os-volumes-attachments:${rule} to be performed.`;
      // until 2.84 it is always an exchange, which is for the block storage service
      says(await put(VOLUME, '2.84', 'member'), 403, 'forbidden', denied('swap'));
      says(await put(VOLUME, '2.84', 'admin'), 404, 'itemNotFound', NO_VOLUME);
      // since then an exchange only where another volume is named
      says(await put(other, '2.85', 'member'), 403, 'forbidden', denied('swap'));
      says(await put(VOLUME, '2.85', 'reader'), 403, 'forbidden', denied('update'));
      const missing = `No volume Block Device Mapping with id ${VOLUME}.`;
      says(await put(VOLUME, '2.85', 'member', { delete_on_termination: true }), 404, 'itemNotFound', missing);
      says(await put(other, '2.85', 'admin'), 404, 'itemNotFound', missing);
      assert.equal((await put(VOLUME, '2.84', 'admin', { tag: 'x' })).status, 400);
      says(await attachments('DELETE', `/${VOLUME}`, '2.104'), 404, 'itemNotFound', NO_VOLUME);
    });

    it('and their snapshots are empty lists until 2.35, and none is found or made', async () => {
      for (const [noun, word] of [
        ['volumes', 'Volume'],
        ['snapshots', 'Snapshot'],
      ] as const) {
        for (const path of [`/os-${noun}`, `/os-${noun}/detail?limit=3&x=y`]) {
          assert.deepEqual((await ask('GET', path)).body, { [noun]: [] });
          assert.equal((await ask('GET', path, GONE)).status, 404);
        }
        const missing = `${word} ${VOLUME} could not be found.`;
        says(await ask('GET', `/os-${noun}/${VOLUME}`), 404, 'itemNotFound', missing);
        says(await ask('DELETE', `/os-${noun}/${VOLUME}`), 404, 'itemNotFound', missing);
        assert.equal((await ask('GET', `/os-${noun}?limit=a`)).status, 400);
      }
      const from = { volume: { size: '1', snapshot_id: VOLUME } };
      says(await ask('POST', '/os-volumes', LAST, from), 404, 'itemNotFound', `Snapshot ${VOLUME} could not be found.`);
      says(await ask('POST', '/os-snapshots', LAST, { snapshot: { volume_id: VOLUME } }), 400, 'badRequest', NO_VOLUME);
      for (const body of [{ volume: {} }, { volume: { size: 0 } }, { volume: { size: 1, more: 1 } }, {}]) {
        assert.equal((await ask('POST', '/os-volumes', LAST, body)).status, 400);
      }
      for (const body of [{ snapshot: {} }, { snapshot: { volume_id: VOLUME, force: 'maybe' } }]) {
        assert.equal((await ask('POST', '/os-snapshots', LAST, body)).status, 400);
      }
    });

    it('servers have a second address until 2.102', async () => {
      const made = await servers.request('POST', '/os-volumes_boot', {
        as: 'member',
        version: '2.1',
        body: { server: { name: 'boot', flavorRef: 'plain', imageRef: servers.imageId } },
      });
      assert.equal(made.status, 202, made.text);
      const second = made.body.server.id as string;
      assert.match(made.headers['location'] ?? '', new RegExp(`/v2.1/servers/${second}$`));
      await servers.world.settled();
      for (const version of ['2.1', '2.102']) {
        for (const path of ['', '/detail', `/${second}`]) {
          const [here, there] = [
            await ask('GET', `/os-volumes_boot${path}`, version),
            await ask('GET', `/servers${path}`, version),
          ];
          assert.equal(here.status, 200, here.text);
          assert.deepEqual(here.body, there.body);
        }
      }
      const page = (await ask('GET', '/os-volumes_boot?limit=1', '2.102')).body;
      assert.match(page.servers_links[0].href, /\/v2.1\/servers\?limit=1&marker=/);
      const renamed = await ask('PUT', `/os-volumes_boot/${second}`, '2.1', { server: { name: 'renamed' } });
      assert.equal(renamed.body.server.name, 'renamed');
      const act = (body: object, version = '2.1') => ask('POST', `/os-volumes_boot/${second}/action`, version, body);
      assert.equal((await act({ 'os-stop': null })).status, 202);
      await servers.world.settled();
      assert.equal((await servers.show(second)).status, 'SHUTOFF');
      const elsewhere = await act({ pause: null });
      says(elsewhere, 400, 'badRequest', 'There is no such action: pause');
      assert.equal((await act({ 'os-start': null }, '2.103')).status, 404);
      assert.equal((await ask('GET', '/os-volumes_boot', '2.103')).status, 404);
      assert.equal((await ask('GET', `/os-volumes_boot/${second}`, '2.1', undefined, 'other')).status, 404);
      assert.equal((await ask('DELETE', `/os-volumes_boot/${second}`, '2.102')).status, 204);
    });

    it('machines of a bare metal service are not here', async () => {
      const none = 'Ironic client unavailable, cannot access Ironic.';
      for (const path of ['/os-baremetal-nodes', `/os-baremetal-nodes/${VOLUME}`]) {
        says(await ask('GET', path, LAST, undefined, 'admin'), 501, 'notImplemented', none);
        assert.equal((await ask('GET', path, LAST)).status, 403);
        assert.equal((await ask('GET', path, GONE, undefined, 'admin')).status, 404);
      }
      const elsewhere = (command: string) =>
        `Command not supported. Please use Ironic command ${command} to perform this action.`;
      says(await ask('POST', '/os-baremetal-nodes', LAST, { node: {} }), 400, 'badRequest', elsewhere('node-create'));
      says(await ask('DELETE', `/os-baremetal-nodes/${VOLUME}`), 400, 'badRequest', elsewhere('node-delete'));
      const act = (action: string) => ask('POST', `/os-baremetal-nodes/${VOLUME}/action`, LAST, { [action]: {} });
      says(await act('add_interface'), 400, 'badRequest', elsewhere('port-create'));
      says(await act('remove_interface'), 400, 'badRequest', elsewhere('port-delete'));
    });
  });
}
