// Hosts that fall silent: whose servers are built anew elsewhere, when, and when they are better left alone.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { makeEvacuations } from '../../src/ops/reconcile/evacuations.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const HOSTS = ['host-1', 'host-2', 'host-3'];
const AFTER_MS = 600_000;

for (const engine of engines) {
  describe(`hosts that fall silent on ${engine}`, () => {
    let servers: Servers;
    let look: ReturnType<typeof makeEvacuations>;
    let aheadMs = 0;
    /** By host, how long ago it was heard of last when the test began to look; others are heard of at all times. */
    let silentMs: Map<string, number>;
    const start = async (marked: boolean): Promise<void> => {
      const config = { ...testConfig, hostDownMs: 60_000, evacuateAfterMs: AFTER_MS, evacuateMarkedOnly: marked };
      servers = await startServers({ engine, config, hosts: HOSTS.map((name) => ({ name })) });
      look = makeEvacuations();
      aheadMs = 0;
      silentMs = new Map();
    };
    beforeEach(() => start(false));
    afterEach(() => servers.close());

    const hostOf = async (id: string): Promise<string> =>
      (await servers.show(id, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'] as string;

    const now = (): number => Date.now() + aheadMs;
    async function silence(host: string, forMs = 0): Promise<void> {
      await servers.world.agents.get(host)?.close();
      silentMs.set(host, now() - forMs);
    }
    /** A worker looks at its turns for so long. */
    async function pass(ms: number): Promise<void> {
      const { deps, database } = servers.world;
      for (let passed = 0; passed <= ms; passed += limits.reconcileMs) {
        for (const host of HOSTS)
          await database
            .write('services')
            .where({ host })
            .update({ last_seen_at: silentMs.get(host) ?? now() });
        await reconcileAll({ ...deps, clock: { ...deps.clock, now } }, { look });
        aheadMs += limits.reconcileMs;
      }
      await servers.world.settled();
    }
    const LONG_MS = AFTER_MS + 2 * limits.reconcileMs;

    it('have their servers built anew elsewhere, as they were; others stay', async () => {
      const home = 'host-1';
      const at = (host: string) => servers.create({ availability_zone: `nova:${host}` }, { as: 'admin' });
      const [running, off, stay] = [await at(home), await at(home), await at('host-2')];
      await servers.act(off, { 'os-stop': null }, { as: 'admin' });
      await servers.world.settled();
      await silence(home);
      await pass(LONG_MS);
      assert.equal((await servers.show(running, { as: 'admin' })).status, 'ACTIVE');
      assert.notEqual(await hostOf(running), home);
      assert.equal((await servers.show(off, { as: 'admin' })).status, 'SHUTOFF');
      assert.notEqual(await hostOf(off), home);
      assert.equal(await hostOf(stay), 'host-2');
      const { body } = await servers.request('GET', `/os-migrations?instance_uuid=${running}`);
      assert.deepEqual(
        body.migrations.map((move: Record<string, unknown>) => [move['status'], move['source_compute']]),
        [['done', home]],
      );
    });

    it('are left alone before it is time, and where an administrator took one down that still reports', async () => {
      const id = await servers.create({});
      const home = await hostOf(id);
      await servers.request('PUT', '/os-services/force-down', {
        version: '2.11',
        body: { host: home, binary: 'nova-compute', forced_down: true },
      });
      await pass(LONG_MS);
      assert.equal(await hostOf(id), home);
      await silence(home);
      await pass(AFTER_MS - 60_000);
      assert.equal(await hostOf(id), home);
    });

    it('are left alone while most are silent, and until the others were heard for as long: it was not they who were away', async () => {
      const id = await servers.create({});
      const home = await hostOf(id);
      const [second = ''] = HOSTS.filter((name) => name !== home);
      await silence(home);
      // its agent lives: it is not heard
      silentMs.set(second, now());
      await pass(LONG_MS);
      assert.equal(await hostOf(id), home);
      // the others are back a little earlier than it
      silentMs.delete(second);
      await pass(AFTER_MS - 60_000);
      assert.equal(await hostOf(id), home);
      await pass(120_000);
      assert.notEqual(await hostOf(id), home);
    });

    it('are left alone by a worker that was halted, or has only begun', async () => {
      const id = await servers.create({});
      const home = await hostOf(id);
      await silence(home, 2 * AFTER_MS);
      await pass(60_000);
      aheadMs += 2 * AFTER_MS;
      await pass(60_000);
      assert.equal(await hostOf(id), home);
    });

    it('have only those evacuated that ask for it, where the operator says so', async () => {
      await servers.close();
      await start(true);
      const zone = { availability_zone: `nova:${HOSTS[0]}` };
      const marked = await servers.create({ ...zone, metadata: { HA_Enabled: 'True' } }, { as: 'admin' });
      const no = await servers.create({ ...zone, metadata: { HA_Enabled: 'False' } }, { as: 'admin' });
      const plain = await servers.create(zone, { as: 'admin' });
      await silence('host-1');
      await pass(LONG_MS);
      assert.notEqual(await hostOf(marked), 'host-1');
      assert.deepEqual([await hostOf(no), await hostOf(plain)], ['host-1', 'host-1']);
    });

    it('whose servers find no other place leave them in error, with the reason, and try once', async () => {
      const id = await servers.create({});
      const home = await hostOf(id);
      for (const host of HOSTS.filter((name) => name !== home)) {
        const body = { status: 'disabled' };
        const { body: found } = await servers.request('GET', `/os-services?host=${host}`, { version: '2.53' });
        await servers.request('PUT', `/os-services/${found.services[0].id}`, { version: '2.53', body });
      }
      await silence(home);
      await pass(LONG_MS);
      const shown = await servers.show(id, { as: 'admin' });
      assert.equal(shown.status, 'ERROR');
      assert.match(shown.fault.message, /No valid host was found/);
      await pass(60_000);
      const { body } = await servers.request('GET', `/os-migrations?instance_uuid=${id}`);
      assert.equal(body.migrations.length, 1);
    });
  });
}
