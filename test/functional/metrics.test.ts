// What servers and hosts take: now, asked of the host; over a day, from a ring of rows that is no longer than the day; and who may see it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import type { Clock } from '../../src/base/clock.ts';
import { tx } from '../../src/db/tx.ts';
import { lastHostSamples, lastServerSamples } from '../../src/db/usage-samples.ts';
import type { GuestUsage, HostUsage } from '../../src/domain/servers/measures.ts';
import { usageMetrics } from '../../src/main/usage-metrics.ts';
import { handleReport } from '../../src/ops/index.ts';
import { usageSamples } from '../../src/ops/reconcile/usage-samples.ts';
import { makeMetrics } from '../../src/web/metrics.ts';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const SLOTS = 288;

const usageOf = (cpu: number): GuestUsage => ({
  ...{ seconds: 300, vcpus: 1, cpu, steal: 0.1 },
  disk: { readBytes: 10, writeBytes: 20, reads: 1, writes: 2 },
  network: { receivedBytes: 30, sentBytes: 40, receivedPackets: 3, sentPackets: 4 },
  memory: { balloonMb: 512, totalMb: 500, availableMb: 100 },
});
const hostUsage: HostUsage = {
  ...{ load: 1.5, cpus: 8, memoryMb: 8192, availableMb: 4096 },
  pools: [{ name: 'instances', totalGb: 100, freeGb: 60 }],
};

for (const engine of engines) {
  describe(`metrics on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    let other: string;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
      id = await servers.create();
      other = await servers.create();
    });
    after(() => servers.close());

    const get = (path: string, as: Who = 'reader') => servers.request('GET', path, { as });
    const metrics = `/os-xloud-metrics`;
    const hostOf = async (uuid: string): Promise<string> =>
      (await servers.show(uuid, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'] as string;
    const report = (host: string, guests: Readonly<Record<string, GuestUsage>>, nowMs = Date.now()) =>
      handleReport(
        { ...servers.world.deps, clock: { ...servers.world.deps.clock, now: () => nowMs } as Clock },
        {
          ...{ kind: 'usage', host, usage: hostUsage },
          guests: Object.entries(guests).map(([uuid, usage]) => ({ uuid, usage })),
        },
      );
    const rows = async (): Promise<number> =>
      Number((await servers.world.database.read('usage_samples').count({ count: '*' }))[0]?.['count']);

    it('of a server are asked of its host, for those who may look at it', async () => {
      const { status, body } = await get(`/servers/${id}${metrics}`);
      assert.equal(status, 200);
      assert.deepEqual(body, {
        server_id: id,
        ...{ seconds: 1, vcpus: 1, cpu: 0, steal: null },
        memory_mb: { balloon: null, total: null, available: null },
        disk: { read_bytes: 0, write_bytes: 0, read_requests: 0, write_requests: 0 },
        network: { received_bytes: 0, sent_bytes: 0, received_packets: 0, sent_packets: 0 },
      });
      for (const path of [`/servers/${id}${metrics}`, `/servers/${id}${metrics}/history`])
        assert.equal((await get(path, 'other')).status, 404);
      await servers.act(other, { 'os-stop': null });
      await servers.world.settled();
      assert.equal((await get(`/servers/${other}${metrics}`)).status, 409);
    });

    it('of a day are in a ring: a slot is written over, and there are no more than a day has', async () => {
      const host = await hostOf(id);
      const startMs = Date.now() - (SLOTS + 20) * limits.usageSlotMs;
      const before = await rows();
      for (let slot = 0; slot <= SLOTS + 20; slot += 1)
        await report(host, { [id]: usageOf(slot) }, startMs + slot * limits.usageSlotMs);
      assert.equal((await rows()) - before, 2 * SLOTS);
      const { body } = await get(`/servers/${id}${metrics}/history`);
      assert.equal(body.slot_seconds, 300);
      const told = body.samples.map(({ cpu }: { cpu: number }) => cpu);
      assert.ok(told.length === SLOTS, `${told.length}`);
      assert.deepEqual([told[0], told.at(-1)], [21, SLOTS + 20]);
      assert.deepEqual(body.samples.at(-1).memory_mb, { balloon: 512, total: 500, available: 100 });
      const hosts = await get(`/os-xloud-host-metrics/${host}/history`, 'admin');
      assert.equal(hosts.body.samples.length, SLOTS);
      assert.deepEqual(hosts.body.samples[0].pools, [{ name: 'instances', total_gb: 100, free_gb: 60 }]);
    });

    it('are not taken from a host that does not have the server, nor from one that nobody knows', async () => {
      const host = await hostOf(id);
      const elsewhere = host === 'host-1' ? 'host-2' : 'host-1';
      const nowMs = Date.now();
      await report(host, { [id]: usageOf(0.5) }, nowMs);
      await report(elsewhere, { [id]: usageOf(99) }, nowMs);
      const before = await rows();
      await report('nobody', { [id]: usageOf(99) }, nowMs);
      assert.equal(await rows(), before);
      const { body } = await get(`/servers/${id}${metrics}/history`);
      assert.equal(body.samples.at(-1).cpu, 0.5);
    });

    it('of a host are for administrators, with what is claimed of it', async () => {
      const host = await hostOf(id);
      const path = `/os-xloud-host-metrics/${host}`;
      const { status, body } = await get(path, 'admin');
      assert.equal(status, 200);
      assert.deepEqual([body.host, body.usage.load, body.usage.memory_mb.available], [host, 1.5, 4096]);
      assert.ok(body.claims.memory_mb.claimed >= 512);
      assert.equal(
        body.claims.overcommit.memory_mb,
        Math.round((body.claims.memory_mb.claimed / body.claims.memory_mb.has) * 1000) / 1000,
      );
      for (const one of [path, `${path}/history`]) assert.equal((await get(one, 'member')).status, 403);
      assert.equal((await get('/os-xloud-host-metrics/nobody', 'admin')).status, 404);
    });

    it('say of servers whether they run as they should', async () => {
      const host = await hostOf(id);
      const nowMs = Date.now();
      const healthOf = async (uuid: string) => (await get(`/servers/${uuid}/os-xloud-health`)).body;
      const updatedAt = (uuid: string, at: number) =>
        tx(servers.world.database, (t) => t('servers').where({ uuid }).update({ updated_at: at, created_at: at }));
      await report(host, { [id]: usageOf(0.5) }, nowMs);
      const healthy = await healthOf(id);
      assert.deepEqual([healthy.server_id, healthy.status, healthy.reason], [id, 'healthy', null]);
      assert.match(healthy.checked_at, /^\d{4}-\d\d-\d\dT/);
      const short = { ...usageOf(0.5), memory: { balloonMb: 512, totalMb: 500, availableMb: 20 } };
      await report(host, { [id]: short }, nowMs);
      const degraded = await healthOf(id);
      assert.deepEqual(
        [degraded.status, degraded.reason],
        ['degraded', 'The guest has 20 MiB of 500 MiB of memory left.'],
      );
      assert.equal((await healthOf(other)).status, 'off');
      const listed = (await get('/os-xloud-health')).body.health;
      assert.deepEqual(
        Object.fromEntries(listed.map((one: { server_id: string; status: string }) => [one.server_id, one.status])),
        { [id]: 'degraded', [other]: 'off' },
      );
      const page = (await get('/os-xloud-health?limit=1')).body;
      assert.equal(page.health.length, 1);
      assert.match(page.health_links[0].href, /marker=/);

      await tx(servers.world.database, (t) => t('usage_samples').where({ host_id: 0 }).delete());
      assert.equal((await healthOf(id)).status, 'unknown');
      await updatedAt(id, nowMs - 3 * limits.usageSlotMs);
      const unseen = await healthOf(id);
      assert.deepEqual(
        [unseen.status, unseen.reason, unseen.checked_at],
        ['unhealthy', 'Its host reports, and has not seen it run.', null],
      );
      const services = (forced_down: number) =>
        tx(servers.world.database, (t) => t('services').where({ host }).update({ forced_down }));
      await services(1);
      assert.deepEqual(
        [(await healthOf(id)).status, (await healthOf(id)).reason],
        ['unknown', 'Its host does not report.'],
      );
      await services(0);
      await report(host, { [id]: usageOf(0.5) }, nowMs);
      // not of others
      assert.equal((await get(`/servers/${id}/os-xloud-health`, 'other')).status, 404);
      assert.deepEqual((await get('/os-xloud-health', 'other')).body.health, []);
      assert.equal((await get('/os-xloud-health?all_tenants=1', 'member')).status, 403);
      assert.equal((await get('/os-xloud-health?all_tenants=1', 'admin')).body.health.length, 2);
    });

    it('say of the cloud how full it is, to administrators', async () => {
      const path = '/os-xloud-cluster-stats';
      assert.equal((await get(path, 'member')).status, 403);
      const { hosts, servers: counted, vcpus, memory_mb, disk_gb } = (await get(path, 'admin')).body;
      assert.deepEqual(hosts, { total: 2, up: 2, disabled: 0, down: 0 });
      assert.deepEqual(counted, { total: 2, by_state: { active: 1, stopped: 1 } });
      const rooms = await Promise.all(
        ['host-1', 'host-2'].map(async (host) => (await get(`/os-xloud-host-metrics/${host}`, 'admin')).body.claims),
      );
      for (const [told, key] of [
        [vcpus, 'vcpus'],
        [memory_mb, 'memory_mb'],
        [disk_gb, 'disk_gb'],
      ] as const) {
        const sum = (part: string) => rooms.reduce((all, room) => all + room[key][part], 0);
        assert.deepEqual([told.has, told.claimed], [sum('has'), sum('claimed')], key);
        assert.equal(told.free, Math.round((told.capacity - told.claimed) * 10) / 10, key);
        assert.equal(told.utilization_pct, Math.round((1_000 * told.claimed) / told.capacity) / 10, key);
      }
      assert.ok(vcpus.ceiling >= vcpus.claimed && vcpus.claimed > 0);
      // a host that is disabled is counted, and nothing of it is for new servers
      await tx(servers.world.database, (t) => t('services').where({ host: 'host-1' }).update({ disabled: 1 }));
      const less = (await get(path, 'admin')).body;
      assert.deepEqual(less.hosts, { total: 2, up: 1, disabled: 1, down: 0 });
      assert.ok(less.vcpus.has < vcpus.has);
      await tx(servers.world.database, (t) => t('services').where({ host: 'host-1' }).update({ disabled: 0 }));
    });

    it('are on /metrics where the operator says so', async () => {
      const { database, deps } = servers.world;
      const textOf = async (which: 'none' | 'hosts' | 'servers') => {
        const made = makeMetrics();
        usageMetrics({ metrics: made, database, clock: deps.clock, which });
        return made.registry.metrics();
      };
      assert.doesNotMatch(await textOf('none'), /xloud_(host_load|server_cpu)/);
      const hosts = await textOf('hosts');
      assert.match(hosts, /^xloud_host_load\{host="host-\d"\} 1\.5$/m);
      assert.match(hosts, /^xloud_host_pool_free_bytes\{host="host-\d",pool="instances"\} 64424509440$/m);
      assert.doesNotMatch(hosts, /xloud_server_cpu/);
      const all = await textOf('servers');
      assert.match(all, new RegExp(`^xloud_server_cpu\\{server="${id}",project="[^"]+"\\} 0\\.5$`, 'm'));
      assert.match(all, /^xloud_server_network_bytes_per_second\{.*way="sent"\} 40$/m);
    });

    it('older than a day are forgotten', async () => {
      const { database, deps } = servers.world;
      const nowMs = Date.now();
      await tx(database, (t) => t('usage_samples').update({ at: nowMs - 86_400_001 }));
      assert.deepEqual((await get(`/servers/${id}${metrics}/history`)).body.samples, []);
      assert.deepEqual(await lastServerSamples(database.read, nowMs), []);
      assert.deepEqual(await lastHostSamples(database.read, nowMs), []);
      await usageSamples(deps);
      assert.equal(await rows(), 0);
    });
  });
}
