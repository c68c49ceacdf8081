// What a server costs as its owner sees it: prices it was made with, now, and recorded; and who sees what.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { findHost } from '../../src/db/hosts.ts';
import { metering } from '../../src/ops/reconcile/metering.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const HOUR_MS = 3_600_000;
const project = callers.member.projectId as string;
const other = callers.other.projectId as string;

/** At the beginning of an hour when it is told so: files are loaded long before their tests run. */
function jumpingClock(): Clock & { toNextHour(): void; jump(hours: number): void } {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
    toNextHour() {
      aheadMs = HOUR_MS - (systemClock.now() % HOUR_MS);
    },
    jump(hours) {
      aheadMs += hours * HOUR_MS;
    },
  };
}

interface Line {
  readonly cost: string;
  readonly hours: number;
  readonly vcpu_hours: number;
  readonly [key: string]: unknown;
}

for (const engine of engines) {
  describe(`costs on ${engine}`, () => {
    const clock = jumpingClock();
    let servers: Servers;
    let server = '';
    let foreign = '';

    /** Hours pass, and the host is heard again. */
    async function pass(hours: number): Promise<void> {
      clock.jump(hours);
      const { agents, database } = servers.world;
      await agents.get('host-1')?.reportNow();
      const seen = async () => (await findHost(database.read, { host: 'host-1' }))?.lastSeenAt ?? 0;
      while ((await seen()) < clock.now() - HOUR_MS / 2) await clock.sleep(2);
    }
    const get = async (path: string, as: 'member' | 'other' | 'reader' | 'admin' = 'member') =>
      servers.request('GET', path, { as });
    const linesOf = async (path: string, as?: 'member' | 'admin'): Promise<readonly Line[]> => {
      const answer = await get(path, as);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.costs as Line[];
    };

    before(async () => {
      servers = await startServers({ engine, clock });
      clock.toNextHour();
      await pass(0);
      const specs = { minimum_cpu: '1', minimum_memory: '256' };
      const prices = { 'price:hour': '0.36', 'price:vcpu_hour': '0.1', 'price:memory_gb_hour': '0.04' };
      await servers.world.flavor({ id: 'plan', specs: { ...specs, ...prices } });
      server = await servers.create({ flavorRef: 'plan', name: 'pays' });
      foreign = await servers.create({ flavorRef: 'plan' }, { as: 'other' });
      await servers.create({ name: 'free' });
      await pass(1);
      const body = { current_vcpus: 3, current_memory_mb: 1280 };
      assert.equal((await servers.request('POST', `/os-xloud-adjust/${server}`, { as: 'member', body })).status, 202);
      await servers.world.settled();
      // two more, and the minutes after which an hour is recorded
      await pass(2.2);
      await metering(servers.world.deps);
    });
    after(async () => {
      assert.deepEqual(await servers.world.leftovers(), []);
      await servers.close();
    });

    it('shows the prices that a server was made with, and what it costs now', async () => {
      const answer = await get(`/servers/${server}/os-xloud-cost`, 'reader');
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body.prices, { hour: '0.360000', vcpu_hour: '0.100000', memory_gb_hour: '0.040000' });
      assert.equal(answer.body.cost_per_hour, '0.600000000', 'two vCPUs and a GiB above the floor');
      assert.equal(answer.body.currency, 'USD');
      // an hour of the floor, 2.2 of the larger size, and the seconds of this test
      const cost = Number(answer.body.cost);
      assert.ok(cost >= 1.679 && cost < 1.7, answer.body.cost);
    });

    it('shows what was recorded, by whatever is asked for', async () => {
      const [line, ...more] = await linesOf(`/os-xloud-costs/${project}?group_by=kind,resource`);
      assert.deepEqual(
        [line?.['kind'], line?.['resource'], more.length],
        ['server', server, 0],
        'what has no price has no record',
      );
      const cost = Number(line?.cost);
      assert.ok(cost >= 1.54 && cost <= 1.57, line?.cost);
      const hours = await linesOf(`/os-xloud-costs/${project}?group_by=hour&resource=${server}`);
      assert.equal(hours.reduce((sum, one) => sum + one.hours, 0).toFixed(3), line?.hours.toFixed(3));
      assert.ok(hours.length >= 3);
      const users = await linesOf(`/os-xloud-costs/${project}?group_by=user`);
      assert.deepEqual(
        users.map((one) => [one['user'], one.cost]),
        [[callers.member.userId, line?.cost]],
      );
      const [first, second] = [
        await linesOf(`/os-xloud-costs/${project}?group_by=hour&limit=1`),
        await linesOf(`/os-xloud-costs/${project}?group_by=hour&limit=1&offset=1`),
      ];
      assert.deepEqual([first[0]?.['hour'], second[0]?.['hour']], [hours[0]?.['hour'], hours[1]?.['hour']]);
      assert.deepEqual(await linesOf(`/os-xloud-costs/${project}?offset=99999999999999999999`), []);
      assert.deepEqual(
        await linesOf(`/os-xloud-costs/${project}?end=2000-01-01T00:00:00&start=1999-01-01T00:00:00`),
        [],
      );
    });

    it('gives the same as a sheet', async () => {
      const [line] = await linesOf(`/os-xloud-costs/${project}`);
      const answer = await get(`/os-xloud-costs/${project}?format=csv`);
      assert.equal(answer.headers['content-type'], 'text/csv; charset=utf-8');
      assert.deepEqual(answer.text.split('\r\n'), [
        'resource,hours,vcpu_hours,memory_mb_hours,gb_hours,cost,currency',
        [server, line?.hours, line?.vcpu_hours, line?.['memory_mb_hours'], line?.['gb_hours'], line?.cost, 'USD'].join(
          ',',
        ),
        '',
      ]);
    });

    it('shows a project its own alone, and an administrator all', async () => {
      assert.equal((await get(`/os-xloud-costs/${other}`)).status, 403);
      assert.equal((await get('/os-xloud-costs')).status, 403);
      assert.equal((await get(`/servers/${foreign}/os-xloud-cost`)).status, 404);
      const both = await linesOf('/os-xloud-costs?group_by=project', 'admin');
      assert.deepEqual(new Set(both.map((one) => one['project'])), new Set([project, other]));
      assert.deepEqual(
        (await linesOf(`/os-xloud-costs/${other}`, 'admin')).map((one) => one['resource']),
        [foreign],
      );
    });

    it('refuses what means nothing', async () => {
      for (const wrong of [
        ...['start=yesterday', 'group_by=colour', 'group_by=day,month', 'format=xml', 'limit=x', 'colour=red'],
        ...['start=2026-11-02T00:00:00&end=2026-11-01T00:00:00', 'start=0001-01-01T00:00:00', 'offset=-1'],
        'start=0099-01-01T00:00:00&end=0100-01-01T00:00:00&group_by=month',
      ]) {
        const answer = await get(`/os-xloud-costs/${project}?${wrong}`);
        assert.equal(answer.status, 400, `${wrong}: ${answer.text}`);
      }
    });

    it('lists the flavors that have a price', async () => {
      const { plans } = (await get('/os-xloud-plans')).body as { plans: Record<string, unknown>[] };
      assert.deepEqual(
        plans.map(({ id, price_per_hour: price, floor }) => [id, price, floor]),
        [['plan', '0.360000', { vcpus: 1, memory_mb: 256 }]],
      );
    });

    it('takes no extra spec for a price that is none', async () => {
      const set = (value: string) =>
        servers.request('POST', '/flavors/plain/os-extra_specs', {
          as: 'admin',
          body: { extra_specs: { 'price:hour': value } },
        });
      for (const wrong of ['free', '-1', '1e3', '0.0000001', '1001'])
        assert.equal((await set(wrong)).status, 400, wrong);
    });

    it('changes the prices of what has none of its own, for administrators alone', async () => {
      const put = (prices: object, as: 'member' | 'admin') =>
        servers.request('PUT', '/os-xloud-prices', { as, body: { prices } });
      assert.equal((await put({ volume: '0.1' }, 'member')).status, 403);
      for (const wrong of [{ volume: 1 }, { colour: '1' }, { volume: 'x' }]) {
        assert.equal((await put(wrong, 'admin')).status, 400, JSON.stringify(wrong));
      }
      assert.equal((await put({ volume: '0.0001', floating_ip: '0.005' }, 'admin')).status, 200);
      assert.deepEqual((await get('/os-xloud-prices')).body, {
        currency: 'USD',
        prices: {
          ...{ volume: '0.000100', snapshot: '0.000000', image: '0.000000', floating_ip: '0.005000' },
          ...{ server_snapshot: '0.000000', backup: '0.000000' },
        },
      });
    });
  });
}
