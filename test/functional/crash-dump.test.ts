// A guest interrupted so that it dumps its memory: in which states, from which version, and that nothing of the server changes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const DUMP = { trigger_crash_dump: null };
const LEGAL = ['active', 'paused', 'rescued', 'resized', 'error'];
const ILLEGAL = ['suspended', 'stopped', 'building', 'shelved', 'shelved_offloaded', 'soft-delete'];

for (const engine of engines) {
  describe(`crash dumps on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create();
    });
    after(() => servers.close());

    const dump = (body: unknown = DUMP, version = '2.17', as: 'member' | 'reader' | 'other' = 'member') =>
      servers.act(id, body, { version, as });

    it('interrupts the guest and changes no state', async () => {
      assert.deepEqual([(await dump()).status, (await dump(DUMP, '2.104')).text], [202, '']);
      const shown = await servers.show(id);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['ACTIVE', null]);
      await servers.world.settled();
      const console = servers.world.drivers.get('host-1')?.store.get(id)?.console ?? '';
      assert.equal(console.match(/NMI received/g)?.length, 2);
    });

    it('is on record, also when it fails', async () => {
      const off = await servers.create();
      await servers.act(off, { 'os-stop': null });
      await servers.world.settled();
      await servers.set(off, { vm_state: 'error' });
      assert.equal((await servers.act(off, DUMP, { version: '2.17' })).status, 202);
      await servers.world.settled();
      const list = await servers.request('GET', `/servers/${off}/os-instance-actions`, { as: 'member' });
      const [last] = list.body.instanceActions;
      assert.deepEqual([last.action, last.message], ['trigger_crash_dump', 'Error']);
      const shown = await servers.show(off);
      assert.equal(shown.status, 'ERROR');
      assert.match(shown.fault.message, /is not running/);
    });

    it('is there from 2.17 on, with null and nothing else', async () => {
      assert.equal((await dump(DUMP, '2.16')).status, 404);
      assert.equal((await dump({ trigger_crash_dump: {} })).status, 400);
    });

    it('needs a state with a guest, no lock and a member', async () => {
      for (const state of LEGAL) {
        await servers.set(id, { vm_state: state });
        assert.equal((await dump()).status, 202, state);
        await servers.world.settled();
      }
      for (const state of ILLEGAL) {
        await servers.set(id, { vm_state: state });
        const { status, body } = await dump();
        assert.deepEqual(
          [status, body.conflictingRequest.message],
          [409, `Cannot 'trigger_crash_dump' instance ${id} while it is in vm_state ${state}`],
        );
      }
      await servers.set(id, { vm_state: 'active', task_state: 'rebooting' });
      assert.match((await dump()).body.conflictingRequest.message, /task_state rebooting$/);
      await servers.set(id, { task_state: null, locked_by: 'owner' });
      assert.equal((await dump()).body.conflictingRequest.message, `Instance ${id} is locked`);
      await servers.set(id, { locked_by: null, host: null });
      assert.equal((await dump()).body.conflictingRequest.message, `Instance ${id} is not ready`);
      await servers.set(id, { host: 'host-1' });
      assert.equal((await dump(DUMP, '2.17', 'reader')).status, 403);
      assert.equal((await dump(DUMP, '2.17', 'other')).status, 404);
    });
  });
}
