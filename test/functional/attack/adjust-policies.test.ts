// Whoever has a policy of a server that adjusts itself moves nobody else's server, and no policy moves one that follows another; who is
// killed on the way leaves the rest to be done.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { limits } from '../../../src/base/limits.ts';
import { adjustSchedules } from '../../../src/ops/reconcile/autoscale.ts';
import { engines } from '../../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../../support/servers.ts';

const PATH = '/os-xloud-adjust-policies';

function jumpingClock(): Clock & { jump(ms: number): void } {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
    jump(ms) {
      aheadMs += ms;
    },
  };
}

type As = 'member' | 'other' | 'admin';

for (const engine of engines) {
  describe(`attacks with policies of servers that adjust themselves on ${engine}`, () => {
    const clock = jumpingClock();
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, clock });
    });
    after(() => servers.close());

    const send = (method: 'GET' | 'POST' | 'DELETE', path: string, policy?: object, as: As = 'member') =>
      servers.request(method, `${PATH}${path}`, { as, ...(policy === undefined ? {} : { body: { policy } }) });
    async function make(policy: object, as: As = 'member'): Promise<string> {
      const answer = await send('POST', '', { name: 'p', ...policy }, as);
      assert.equal(answer.status, 201, answer.text);
      return answer.body.policy.id as string;
    }
    const decisionsOf = async (id: string) =>
      (await send('GET', `/${id}/decisions`, undefined, 'admin')).body.decisions as Record<string, unknown>[];
    const vcpusOf = async (id: string) => (await servers.world.server(id)).currentVcpus;
    const each = (vcpus: number) => ({ schedules: [{ cron: '* * * * *', vcpus }] });
    async function minutesPass(count: number): Promise<void> {
      clock.jump(count * 60_000);
      await servers.world.agents.get('host-1')?.reportNow();
    }
    async function turn(): Promise<void> {
      await adjustSchedules(servers.world.deps);
      await servers.world.settled();
    }
    const remove = async (...ids: string[]): Promise<void> => {
      for (const id of ids) assert.equal((await send('DELETE', `/${id}`, undefined, 'admin')).status, 204);
    };

    it("a flavor's schedule leaves alone who has one of his own", async () => {
      const [own, plain] = [await servers.create({ flavorRef: ELASTIC }), await servers.create({ flavorRef: ELASTIC })];
      const mine = await make({ server_id: own, ...each(2) });
      const all = await make({ flavor_id: ELASTIC, ...each(3) }, 'admin');
      await minutesPass(1);
      await turn();
      assert.deepEqual([await vcpusOf(own), await vcpusOf(plain)], [2, 3]);
      assert.deepEqual(
        (await decisionsOf(all)).map((one) => one['server_id']),
        [plain],
      );
      await remove(mine, all);
    });

    it("a group's schedule leaves alone the server of another project that is in it", async () => {
      const group = await servers.request('POST', '/os-server-groups', {
        as: 'other',
        body: { server_group: { name: 'trap', policies: ['soft-anti-affinity'] } },
        version: '2.15',
      });
      const groupId = group.body.server_group.id as string;
      const row = await servers.world.server(await servers.create({ flavorRef: ELASTIC }));
      const { write } = servers.world.database;
      const found: { id: number } = await write('server_groups').where({ uuid: groupId }).first();
      await write('server_group_members').insert({ group_id: found.id, server_id: row.id });
      const id = await make({ server_group_id: groupId, ...each(4) }, 'other');
      await minutesPass(1);
      await turn();
      assert.equal(await vcpusOf(row.uuid), 1);
      assert.deepEqual(await decisionsOf(id), []);
      await remove(id);
    });

    it("a policy for another project's server is refused to an administrator too: it would never decide", async () => {
      const uuid = await servers.create({ flavorRef: ELASTIC });
      const answer = await send('POST', '', { name: 'p', server_id: uuid, ...each(2) }, 'admin');
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.text, /another project's/);
    });

    it('a worker that dies between the moment and the adjustment leaves it to the next', async () => {
      const uuid = await servers.create({ flavorRef: ELASTIC });
      const id = await make({ server_id: uuid, schedules: [{ cron: '0 8 * * *', vcpus: 2 }] });
      const { next_scheduled_at: next } = (await send('GET', `/${id}`)).body.policy as { next_scheduled_at: string };
      await minutesPass((Date.parse(next) - clock.now()) / 60_000 + 1);
      // it takes the turn, and no more is heard of it
      const { deps } = servers.world;
      const read = Object.assign((...args: unknown[]) => (deps.database.read as unknown as CallableFunction)(...args), {
        ...deps.database.read,
        raw: () => Promise.reject(new Error('killed')),
      });
      const dying = { ...deps, database: { ...deps.database, read: read as unknown as typeof deps.database.read } };
      await assert.rejects(adjustSchedules(dying), /killed/);
      await turn();
      assert.equal(await vcpusOf(uuid), 1, 'its turn lasts a while');
      await minutesPass(limits.scheduleRetryMs / 60_000 + 1);
      await turn();
      assert.equal(await vcpusOf(uuid), 2);
      const { next_scheduled_at: later } = (await send('GET', `/${id}`)).body.policy as { next_scheduled_at: string };
      assert.equal(Date.parse(later) - Date.parse(next), 86_400_000);
      await turn();
      assert.equal((await decisionsOf(id)).length, 1);
      await remove(id);
    });

    it('a project has no more policies than it may have, however many it asks for at once', async () => {
      const uuid = await servers.create({ flavorRef: ELASTIC });
      const pressure = { vcpus: { min: 1, max: 2 } };
      const ids: string[] = [];
      while (ids.length < limits.adjustPolicies - 1) ids.push(await make({ server_id: uuid, pressure }));
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => send('POST', '', { name: 'p', server_id: uuid, pressure })),
      );
      assert.deepEqual(
        answers.map(({ status }) => status).toSorted((one, other) => one - other),
        [201, ...Array.from({ length: 11 }, () => 403)],
      );
      const list = (await send('GET', '')).body.policies as { id: string }[];
      assert.equal(list.length, limits.adjustPolicies);
      await remove(...list.map((one) => one.id));
    });
  });
}
