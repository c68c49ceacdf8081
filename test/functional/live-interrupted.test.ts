// A hypervisor may end at the switch-over of a live migration, when the guest runs on neither side: whoever it left standing still at home is
// not taken for the guest where that is on the other host already, and goes on where it is not.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { GuestView } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import { endLive, mover } from '../support/move-contract.ts';
import { type Servers, startServers } from '../support/servers.ts';

const NOTHING = { total: null, processed: null, remaining: null };
const NONE = { state: 'none', memory: NOTHING, disk: NOTHING } as const;
const RUNNING = { state: 'running', memory: { total: 1, processed: 1, remaining: 0 }, disk: NOTHING } as const;

for (const engine of engines) {
  describe(`live migrations whose hypervisor ends at the switch-over, on ${engine}`, () => {
    let servers: Servers;
    /** What becomes of the guest: it came, with a shell of it at home, or it did not. */
    let comes = true;
    /** Hosts that were asked to remove what they have. */
    const removed: string[] = [];

    const dying = (driver: FakeDriver): FakeDriver => {
      let shell: GuestView | null = null;
      return {
        ...driver,
        async liveMigrate(args) {
          const { uuid } = args;
          if (!comes) {
            await driver.pause?.({ uuid });
            return RUNNING;
          }
          const left = (await driver.inspect({ uuid })) ?? assert.fail();
          await mover(driver).liveMigrate(args);
          await endLive(driver, uuid);
          shell = { ...left, powerState: power.paused };
          return RUNNING;
        },
        liveProgress: async () => NONE,
        inspect: async (args) => shell ?? driver.inspect(args),
        async destroy(args) {
          removed.push((await driver.inventory()).hypervisorHostname);
          shell = null;
          return driver.destroy(args);
        },
      };
    };

    before(async () => {
      servers = await startServers({ engine, hosts: ['host-1', 'host-2'].map((name) => ({ name, wrap: dying })) });
    });
    after(() => servers.close());

    const moved = async () => {
      const id = await servers.create();
      const home = (await servers.world.server(id)).host as string;
      removed.length = 0;
      const body = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
      assert.equal((await servers.act(id, body, { as: 'admin', version: '2.80' })).status, 202);
      await servers.world.settled();
      const shown = await servers.show(id, { as: 'admin' });
      const { migrations } = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body;
      return { id, home, shown, host: shown['OS-EXT-SRV-ATTR:host'] as string, move: migrations.at(-1).status };
    };

    it('end on the other host where the guest is there', async () => {
      comes = true;
      const { id, home, shown, host, move } = await moved();
      assert.deepEqual([shown.status, move], ['ACTIVE', 'completed']);
      assert.notEqual(host, home);
      assert.deepEqual(removed, [home], 'only what is left at home is removed');
      assert.equal(servers.world.drivers.get(host)?.store.get(id)?.powerState, power.running);
    });

    it('end at home where it is not there, and it runs on', async () => {
      comes = false;
      const { id, home, shown, host, move } = await moved();
      assert.deepEqual([shown.status, host, move], ['ACTIVE', home, 'failed']);
      assert.ok(!removed.includes(home));
      assert.equal(servers.world.drivers.get(home)?.store.get(id)?.powerState, power.running);
    });
  });
}
