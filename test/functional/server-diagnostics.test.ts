// Diagnostics of a running server: the hypervisor's own words up to 2.47, one form for all from 2.48 on, and when there are none.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`diagnostics of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create({ flavorRef: ELASTIC, config_drive: true });
    });
    after(() => servers.close());

    const get = (version: string, query = '', as: Who = 'admin') =>
      servers.request('GET', `/servers/${id}/diagnostics${query}`, { as, version });

    it('are counters by name up to 2.47', async () => {
      for (const version of ['2.1', '2.47']) {
        const { status, body } = await get(version);
        assert.equal(status, 200);
        assert.equal(body.memory, 4096 * 1024);
        for (const name of [
          'cpu0_time',
          'vda_read',
          'vda_read_req',
          'vda_write',
          'vda_write_req',
          'vnet1_rx',
          'vnet1_tx_drop',
        ]) {
          assert.equal(typeof body[name], 'number', name);
        }
        assert.equal(body.vda_errors, -1);
        assert.equal(body.cpu1_time, undefined);
      }
    });

    it('have one form for all hypervisors from 2.48 on', async () => {
      await servers.set(id, { launched_at: Date.now() - 90_500 });
      const { status, body } = await get('2.48');
      assert.equal(status, 200);
      const { uptime, cpu_details, disk_details, nic_details, ...rest } = body;
      assert.ok(uptime >= 90 && uptime < 100, `${uptime} s`);
      assert.deepEqual(rest, {
        ...{ state: 'running', driver: 'libvirt', hypervisor: 'fake', hypervisor_os: 'linux', config_drive: true },
        ...{ num_cpus: 1, num_disks: 1, num_nics: 1, memory_details: { maximum: 4096, used: null } },
      });
      assert.deepEqual(cpu_details, [{ id: 0, time: 0, utilisation: 0 }]);
      assert.deepEqual(disk_details, [
        { read_bytes: 0, read_requests: 0, write_bytes: 0, write_requests: 0, errors_count: null },
      ]);
      const [address] = Object.values((await servers.show(id)).addresses).flat() as Record<string, unknown>[];
      assert.equal(nic_details[0].mac_address, address?.['OS-EXT-IPS-MAC:mac_addr']);
      assert.deepEqual([nic_details[0].rx_octets, nic_details[0].rx_rate, nic_details[0].tx_rate], [0, 0, 0]);
    });

    it('count the vCPUs that are there now', async () => {
      const adjusted = await servers.request('POST', `/os-xloud-adjust/${id}`, { body: { current_vcpus: 3 } });
      assert.equal(adjusted.status, 202, adjusted.text);
      await servers.world.settled();
      assert.equal((await get('2.48')).body.num_cpus, 3);
      assert.equal((await get('2.47')).body.cpu2_time, 0);
    });

    it('there are none of a server that does not run or has no host', async () => {
      const refused = async (message: string) => {
        for (const version of ['2.1', '2.104']) {
          const answer = await get(version);
          assert.deepEqual([answer.status, answer.body.conflictingRequest?.message], [409, message]);
        }
      };
      await servers.act(id, { pause: null });
      await servers.world.settled();
      await refused(`Cannot 'get_diagnostics' instance ${id} while it is in power state paused`);
      await servers.act(id, { unpause: null });
      await servers.world.settled();
      await servers.set(id, { power_state: 4 });
      await refused(`Cannot 'get_diagnostics' instance ${id} while it is in power state shutdown`);
      await servers.set(id, { power_state: 1, host: null });
      await refused(`Instance ${id} is not ready`);
      await servers.set(id, { host: 'host-1' });
    });

    it('are for administrators, and unknown parameters refused from 2.102 on', async () => {
      for (const as of ['member', 'manager'] as const) assert.equal((await get('2.1', '', as)).status, 403);
      assert.equal((await get('2.1', '', 'other')).status, 404);
      assert.equal((await get('2.101', '?x=1')).status, 200);
      assert.equal((await get('2.102', '?x=1')).status, 400);
    });

    it('a host whose driver cannot count says so', async () => {
      const { database } = servers.world;
      const row = await database.read('hosts').select('facts').first();
      const facts = JSON.parse(row.facts);
      facts.capabilities.verbs = [];
      await database.write('hosts').update({ facts: JSON.stringify(facts) });
      const answer = await get('2.48');
      assert.equal(answer.status, 501);
      assert.equal(answer.body.notImplemented.message, 'The requested functionality is not supported.');
    });
  });
}
