// Why: people look before they leap. What a plan says is what an adjustment then meets, and a plan changes nothing.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { adjustMetrics } from '../../src/main/adjust-metrics.ts';
import { makeMetrics } from '../../src/web/metrics.ts';
import { callers, type Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const config = { ...testConfig, ratios: { cpu: 1, ram: 1, disk: 1 } };
const project = callers.member.projectId as string;

for (const engine of engines) {
  describe(`plans of adjustments on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      const small = { vcpus: 4, memoryMb: 4096, diskGb: 400 };
      const hosts = [
        { name: 'host-1', inventory: small },
        { name: 'host-2', inventory: small },
      ];
      servers = await startServers({ engine, hosts, config });
    });
    after(() => servers.close());

    const plan = (id: string, body: unknown, as: Who = 'member') =>
      servers.request('POST', `/os-xloud-adjust/${id}/plan`, { as, body });
    // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
    const planned = async (id: string, body: object, as: Who = 'member'): Promise<any> => {
      const answer = await plan(id, body, as);
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };
    const adjust = async (id: string, body: object): Promise<number> => {
      const { status } = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body });
      await servers.world.settled();
      return status;
    };
    const on = (host: string, flavorRef: string) =>
      servers.create({ flavorRef, availability_zone: `nova:${host}` }, { as: 'admin' });

    it('says that it can be done at once, and does nothing', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      const now = (await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'member' })).body;
      const outlook = await planned(id, { current_vcpus: '2', current_memory_mb: 1024 });
      assert.deepEqual(outlook, {
        server_id: id,
        result: 'live',
        target: { vcpus: 2, memory_mb: 1024 },
        memory: { method: 'balloon', block_mb: 1 },
        persist: true,
        growth: { vcpus: 1, memory_mb: 768 },
        ways: {
          live: { possible: true, reasons: [] },
          live_after_migration: {
            possible: true,
            reasons: [],
            automatic: false,
            hosts: [{ availability_zone: 'nova', hypervisor_type: 'fake', count: 1 }],
          },
          next_boot: {
            possible: false,
            reasons: [{ code: 'state', message: 'The server runs and is changed at once, not at its next boot.' }],
          },
        },
        largest: { vcpus: 4, memory_mb: 4096 },
      });
      assert.deepEqual((await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'member' })).body, now);
      const { instanceActions } = (await servers.request('GET', `/servers/${id}/os-instance-actions`)).body;
      assert.deepEqual(
        (instanceActions as { action: string }[]).map(({ action }) => action),
        ['create'],
      );
      assert.equal(await adjust(id, { current_vcpus: 2, current_memory_mb: 1024 }), 202);
      await servers.request('DELETE', `/servers/${id}`);
      await servers.world.settled();
    });

    it('names the room that is missing, where there is some, and hosts only to administrators', async () => {
      const id = await on('host-1', ELASTIC);
      const neighbours = [await on('host-1', PLAIN), await on('host-1', PLAIN)];
      const wish = { current_vcpus: 3 };
      const outlook = await planned(id, wish, 'admin');
      assert.equal(outlook.result, 'live_after_migration');
      assert.deepEqual(outlook.ways.live, {
        possible: false,
        reasons: [{ code: 'room', message: 'The host has no room for 2 more vCPUs (1 free).' }],
      });
      assert.deepEqual(outlook.ways.live_after_migration.hosts[0].names, ['host-2']);
      assert.deepEqual(outlook.largest, { vcpus: 2, memory_mb: 3072 });
      const refused = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'admin', body: wish });
      assert.equal(refused.status, 409);
      // and nowhere else, once the other host is taken too
      const others = [await on('host-2', PLAIN), await on('host-2', PLAIN)];
      assert.deepEqual((await planned(id, wish, 'admin')).result, 'refused');
      for (const one of [id, ...neighbours, ...others]) await servers.request('DELETE', `/servers/${one}`);
      await servers.world.settled();
    });

    it('counts the quota, and of a server that is off says that it waits', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      await servers.act(id, { 'os-stop': null });
      await servers.world.settled();
      const off = await planned(id, { current_vcpus: 3 });
      assert.deepEqual([off.result, off.ways.live.possible, off.ways.next_boot.possible], ['next_boot', false, true]);
      const limits = (cores: number) =>
        servers.request('PUT', `/os-quota-sets/${project}`, { body: { quota_set: { cores } } });
      await limits(2);
      const poor = await planned(id, { current_vcpus: 3 });
      assert.deepEqual(poor.ways.next_boot.reasons, [
        { code: 'quota', message: 'Quota exceeded for cores: Requested 2, but already used 1 of 2 cores' },
      ]);
      assert.deepEqual([poor.result, poor.largest.vcpus], ['refused', 2]);
      assert.equal(await adjust(id, { current_vcpus: poor.largest.vcpus + 1 }), 403);
      assert.equal(await adjust(id, { current_vcpus: poor.largest.vcpus }), 202);
      await servers.request('DELETE', `/os-quota-sets/${project}`);
      await servers.request('DELETE', `/servers/${id}`);
      await servers.world.settled();
    });

    it('is asked with the same body, by readers of the project', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      assert.equal((await planned(id, { current_vcpus: 9 })).ways.live.reasons[0].code, 'bounds');
      for (const body of [
        {},
        { current_vcpus: 0 },
        { current_vcpus: 1, x: 1 },
        { current_vcpus: 1, persist: 'false' },
      ]) {
        assert.equal((await plan(id, body)).status, 400);
      }
      assert.equal((await plan(id, { current_vcpus: 2 }, 'reader')).status, 200);
      assert.equal((await plan(id, { current_vcpus: 2 }, 'other')).status, 404);
      assert.equal((await plan('nobody', { current_vcpus: 2 })).status, 404);
      await servers.request('DELETE', `/servers/${id}`);
      await servers.world.settled();
    });
  });
}

describe('metrics of adjustments', () => {
  it('count how they ended, how long guests took and what moved', async (t) => {
    const metrics = makeMetrics();
    const servers = await startServers({
      observer: { ...adjustMetrics(metrics), acted() {}, reconciled() {}, reported() {} },
    });
    t.after(() => servers.close());
    const read = async (name: string): Promise<number> => {
      const line = (await metrics.registry.metrics()).split('\n').find((one) => one.startsWith(`${name} `));
      assert.ok(line !== undefined, `no ${name}`);
      return Number(line.slice(name.length));
    };
    const adjust = async (id: string, body: object) => {
      const { status } = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body });
      assert.equal(status, 202);
      await servers.world.settled();
    };
    assert.equal(await read('xloud_adjust_total{outcome="success"}'), 0);
    const id = await servers.create({ flavorRef: ELASTIC });
    await adjust(id, { current_vcpus: 3, current_memory_mb: 1024 });
    await adjust(id, { current_vcpus: 2 });
    assert.equal(await read('xloud_adjust_total{outcome="success"}'), 2);
    assert.equal(await read('xloud_adjust_confirm_seconds_count'), 2);
    assert.equal(await read('xloud_adjust_vcpus_total{direction="up"}'), 2);
    assert.equal(await read('xloud_adjust_vcpus_total{direction="down"}'), 1);
    assert.equal(await read('xloud_adjust_memory_bytes_total{direction="up"}'), 768 * 1024 * 1024);
    await servers.act(id, { 'os-stop': null });
    await servers.world.settled();
    await adjust(id, { current_vcpus: 1 });
    assert.equal(await read('xloud_adjust_total{outcome="stored"}'), 1);
    const stubborn = await servers.create({ flavorRef: ELASTIC, metadata: { xloud_fake: 'refuse:memory' } });
    await adjust(stubborn, { current_memory_mb: 2048 });
    const ended =
      (await read('xloud_adjust_total{outcome="partial"}')) + (await read('xloud_adjust_total{outcome="error"}'));
    assert.equal(ended, 1);
  });
});
