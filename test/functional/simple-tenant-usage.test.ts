// Why: usage is what people pay. An adjusted server is billed for what it held when it held it, to the hour.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { findHost } from '../../src/db/hosts.ts';
import { lockServer, updateServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

const project = callers.member.projectId as string;
const other = callers.other.projectId as string;
const HOUR_MS = 3_600_000;
/** What the test itself takes, in hours. */
const TOLERANCE = 0.02;

interface Entry {
  readonly instance_id: string;
  readonly [key: string]: unknown;
}

/** The system's clock, set forward by whole hours. */
function jumpingClock(): Clock & { jump(hours: number): void } {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
    jump(hours) {
      aheadMs += hours * HOUR_MS;
    },
  };
}

const near = (actual: unknown, expected: number, what: string): void =>
  assert.ok(
    Math.abs((actual as number) - expected) <= TOLERANCE * Math.max(1, expected),
    `${what}: ${actual as number} instead of ${expected}`,
  );

for (const engine of engines) {
  describe(`usage on ${engine}`, () => {
    const clock = jumpingClock();
    let beginMs = 0;
    let servers: Servers;
    let elastic = '';
    let plain = '';
    let foreign = '';

    /** Hours pass; the host is heard again, so that it counts as up. */
    async function pass(hours: number): Promise<void> {
      clock.jump(hours);
      const { agents, database } = servers.world;
      await agents.get('host-1')?.reportNow();
      const isSeen = async () =>
        ((await findHost(database.read, { host: 'host-1' }))?.lastSeenAt ?? 0) > clock.now() - HOUR_MS / 2;
      while (!(await isSeen())) await clock.sleep(2);
    }
    const adjust = async (body: object) => {
      const answer = await servers.request('POST', `/os-xloud-adjust/${elastic}`, { as: 'member', body });
      assert.equal(answer.status, 202, answer.text);
      await servers.world.settled();
    };
    const at = (hours: number, separator: 'T' | '+' = 'T'): string =>
      new Date(beginMs + hours * HOUR_MS).toISOString().slice(0, 23).replace('T', separator);
    const show = async (query: string, version = '2.1') => {
      const answer = await servers.request('GET', `/os-simple-tenant-usage/${project}?${query}`, {
        as: 'reader',
        version,
      });
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };

    before(async () => {
      servers = await startServers({ engine, clock, pageSize: 3 });
      beginMs = clock.now();
      elastic = await servers.create({ flavorRef: ELASTIC, name: 'grows' });
      foreign = await servers.create({ name: 'foreign' }, { as: 'other' });
      await pass(1);
      await adjust({ current_vcpus: 3, current_memory_mb: 1024 });
      await pass(2);
      await servers.act(elastic, { 'os-stop': null });
      await servers.world.settled();
      plain = await servers.create({ name: 'stays' });
      await pass(1);
      await servers.request('DELETE', `/servers/${elastic}`, { as: 'member' });
      await servers.world.settled();
      await pass(2);
    });
    after(async () => {
      assert.deepEqual(await servers.world.leftovers(), []);
      await servers.close();
    });

    it('integrates the size that a server had, when it had it', async () => {
      const { tenant_usage: usage } = await show(`start=${at(-1)}`);
      const one = (usage.server_usages as Entry[]).find(({ instance_id: id }) => id === elastic) as Entry;
      assert.deepEqual(
        [one.name, one.flavor, one.state, one.tenant_id, one.vcpus, one.memory_mb, one.local_gb],
        ['grows', 'flavor-elastic', 'terminated', project, 3, 1024, 1],
      );
      near(one.hours, 4, 'hours until it was deleted');
      near((one.uptime as number) / 3600, 4, 'uptime');
      assert.match(one.started_at as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
      assert.match(one.ended_at as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
      // one hour of 1 vCPU and 256 MiB, three of 3 and 1024; and three of the plain one
      near(usage.total_hours, 4 + 3, 'hours');
      near(usage.total_vcpus_usage, 1 + 9 + 3, 'vCPU hours');
      near(usage.total_memory_mb_usage, 256 + 3 * 1024 + 3 * 512, 'MiB hours');
      near(usage.total_local_gb_usage, 4 + 3, 'GiB hours');
      assert.equal(usage.tenant_id, project);
      assert.equal(usage.start, `${at(-1)}000`);
    });

    it('counts only what lies in the period', async () => {
      assert.deepEqual((await show(`start=${at(-2)}&end=${at(-1)}`)).tenant_usage, {});
      const first = (await show(`start=${at(-1)}&end=${at(0.5)}`)).tenant_usage;
      near(first.total_vcpus_usage, 0.5, 'in its first half hour');
      assert.deepEqual([first.server_usages[0].vcpus, first.server_usages[0].memory_mb], [1, 256]);
      const grown = (await show(`start=${at(1.5, '+')}&end=${at(2.5, '+')}`)).tenant_usage;
      near(grown.total_vcpus_usage, 3, 'in an hour of 3 vCPUs');
      near(grown.total_memory_mb_usage, 1024, 'in an hour of 1024 MiB');
      const last = (await show(`start=${at(4.5)}&end=${at(1000)}`)).tenant_usage;
      assert.deepEqual(
        (last.server_usages as Entry[]).map(({ instance_id: id, state, ended_at: ended }) => [id, state, ended]),
        [[plain, 'active', null]],
      );
      near(last.total_hours, 1.5, 'until now, not until a day to come');
    });

    it('counts a server that is off as what it will boot with, as its quota does', async () => {
      const off = (await show(`start=${at(3.2)}&end=${at(3.7)}`)).tenant_usage.server_usages as Entry[];
      const one = off.find(({ instance_id: id }) => id === elastic) as Entry;
      assert.deepEqual([one.vcpus, one.memory_mb], [3, 1024]);
    });

    it('without a period is of this moment', async () => {
      const { tenant_usage: usage } = await show('');
      assert.deepEqual(
        (usage.server_usages as Entry[]).map(({ instance_id: id }) => id),
        [plain],
      );
      near(usage.total_hours, 0, 'hours');
    });

    it('of all projects is for administrators, with servers where details are wanted', async () => {
      const list = (query: string, as: 'admin' | 'manager' = 'admin') =>
        servers.request('GET', `/os-simple-tenant-usage?start=${at(-1)}${query}`, { as });
      assert.equal((await list('', 'manager')).status, 403);
      const { tenant_usages: usages } = (await list('')).body;
      const totals = new Map(
        (usages as Record<string, unknown>[]).map((one) => [one['tenant_id'], one['total_vcpus_usage']]),
      );
      assert.deepEqual([...totals.keys()], [other, project].toSorted());
      near(totals.get(project), 13, 'vCPU hours');
      near(totals.get(other), 6, 'vCPU hours of the other');
      assert.equal(usages[0].server_usages, undefined);
      const detailed = (await list('&detailed=1')).body.tenant_usages as { server_usages: Entry[] }[];
      assert.deepEqual(
        detailed.flatMap((one) => one.server_usages.map(({ instance_id: id }) => id)).toSorted(),
        [elastic, plain, foreign].toSorted(),
      );
    });

    it('of another project is 403', async () => {
      const answer = await servers.request('GET', `/os-simple-tenant-usage/${other}`, { as: 'manager' });
      assert.equal(answer.status, 403);
      assert.match(answer.body.forbidden.message, /os_compute_api:os-simple-tenant-usage:show/);
    });

    it('comes in pages from 2.40 on, the servers by project and id', async () => {
      const seen: string[] = [];
      let url = `/os-simple-tenant-usage/${project}?start=${at(-1)}&limit=1`;
      for (let pages = 0; url !== ''; pages += 1) {
        assert.ok(pages < 4);
        const { body } = await servers.request('GET', url, { as: 'member', version: '2.40' });
        for (const one of body.tenant_usage.server_usages ?? []) seen.push(one.instance_id as string);
        const [next] = (body.tenant_usage_links ?? []) as { rel: string; href: string }[];
        url = next === undefined ? '' : next.href.slice(next.href.indexOf('/v2.1'));
        if (next !== undefined) assert.equal(next.rel, 'next');
      }
      assert.deepEqual(seen, [elastic, plain].toSorted());
      const all = await servers.request('GET', `/os-simple-tenant-usage?start=${at(-1)}&limit=2&detailed=1`, {
        version: '2.40',
      });
      assert.equal(all.body.tenant_usages_links.length, 1);
      const missing = await servers.request('GET', `/os-simple-tenant-usage/${project}?marker=nobody`, {
        version: '2.40',
      });
      assert.deepEqual([missing.status, missing.body.badRequest.message], [400, 'Marker nobody could not be found.']);
      // before, a limit is one of the parameters that mean nothing
      assert.equal((await show(`start=${at(-1)}&limit=1`, '2.39')).tenant_usage.server_usages.length, 2);
    });

    it('refuses what is no period, and from 2.75 on what it does not know', async () => {
      const refused = async (query: string, version: string, message: string) => {
        const answer = await servers.request('GET', `/os-simple-tenant-usage/${project}?${query}`, { version });
        assert.deepEqual([answer.status, answer.body.badRequest.message], [400, message], query);
      };
      const invalid = 'Invalid datetime string: Datetime is in invalid format';
      for (const start of [
        'yesterday',
        '2026-02-30T00:00:00',
        '2026-01-01',
        '2026-01-01+00:00:00',
        '2026-01-01T00:00:00Z',
      ]) {
        await refused(`start=${start}`, '2.1', invalid);
      }
      await refused(`end=never`, '2.1', invalid);
      const order = 'Invalid start time. The start time cannot occur after the end time.';
      await refused(`start=${at(2)}&end=${at(1)}`, '2.1', order);
      await refused(`start=${at(2)}&end=${at(2)}`, '2.1', order);
      assert.deepEqual((await show(`x=1&start=${at(0)}`, '2.74')).tenant_usage.tenant_id, project);
      await refused('x=1', '2.75', "Additional properties are not allowed ('x' was unexpected)");
      await refused(
        'limit=x',
        '2.40',
        "Invalid input for query parameters limit. Value: x. 'x' does not match '^[0-9]*$'",
      );
    });

    it('does not forget what was before a server was launched anew', async () => {
      const totals = async () => {
        const usage = (await show(`start=${at(-1)}&end=${at(4.5)}`)).tenant_usage;
        return [usage.total_hours, usage.total_vcpus_usage];
      };
      const then = await totals();
      // whoever rebuilds, resizes or unshelves moves launched_at
      const nowMs = clock.now();
      await tx(servers.world.database, async (t) => {
        const server = await lockServer(t, plain);
        await updateServer(t, (server as Server).id, { launchedAt: nowMs }, nowMs);
      });
      assert.deepEqual(await totals(), then);
    });

    it('knows nothing of a server that never ran', async () => {
      await servers.world.flavor({ id: 'huge', vcpus: 900, memoryMb: 900_000 });
      const quota_set = { cores: -1, ram: -1, instances: -1 };
      await servers.request('PUT', `/os-quota-sets/${project}`, { body: { quota_set } });
      const id = await servers.create({ flavorRef: 'huge' });
      assert.equal((await servers.show(id)).status, 'ERROR');
      const entries = (await show(`start=${at(-1)}`)).tenant_usage.server_usages as Entry[];
      assert.ok(!entries.some((one) => one.instance_id === id));
      await servers.request('DELETE', `/servers/${id}`, { as: 'member' });
      await servers.world.settled();
    });

    it('asks for servers, then for their sizes, in two queries that an index serves', async () => {
      const { read } = servers.world.database;
      const explain = engine === 'sqlite' ? 'explain query plan' : 'explain';
      const lived = `select uuid from servers where (terminated_at is null or terminated_at > 1) and exists
        (select 1 from server_sizes where server_id = servers.id and billed = 1 and started_at < 9) and project_id = 'p' order by project_id, uuid limit 3`;
      assert.match(JSON.stringify(await read.raw(`${explain} ${lived}`)), /servers_project_id_uuid_index/);
      const spans = 'select * from server_sizes where server_id in (1, 2) and started_at < 9';
      assert.match(JSON.stringify(await read.raw(`${explain} ${spans}`)), /server_sizes_server_id_ended_at_index/);
    });
  });
}
