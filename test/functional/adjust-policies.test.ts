// Servers that adjust themselves: what is decided goes the way of everybody's adjustment, within claims, quota and what the operator leaves to
// others, and every decision is there to be read.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { keepDecision } from '../../src/db/adjust-policies.ts';
import { findClaim } from '../../src/db/claims.ts';
import { tx } from '../../src/db/tx.ts';
import type { Pressure } from '../../src/domain/adjustment/autoscale.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { adjustSchedules, handlePressure } from '../../src/ops/reconcile/autoscale.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const PATH = '/os-xloud-adjust-policies';

const pressure = {
  vcpus: { min: 1, max: 4 },
  memory_mb: { min: 256, max: 4096 },
  looks: 1,
  cooldown_seconds: { grow: 0, shrink: 0 },
};

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

type As = 'member' | 'other' | 'reader' | 'admin';

for (const engine of engines) {
  describe(`policies of servers that adjust themselves on ${engine}`, () => {
    const clock = jumpingClock();
    let servers: Servers;
    let server = '';

    const send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, policy?: object, as: As = 'member') =>
      servers.request(method, `${PATH}${path}`, { as, ...(policy === undefined ? {} : { body: { policy } }) });
    async function make(policy: object, as: As = 'member'): Promise<string> {
      const answer = await send('POST', '', { name: 'grows', ...policy }, as);
      assert.equal(answer.status, 201, answer.text);
      return answer.body.policy.id as string;
    }
    const decisionsOf = async (id: string) =>
      (await send('GET', `/${id}/decisions`)).body.decisions as Record<string, unknown>[];
    const sizeOf = async (id: string) => {
      const row = await servers.world.server(id);
      const claim = await findClaim(servers.world.database.read, row.id);
      return [row.currentVcpus, row.currentMemoryMb, claim?.vcpus, claim?.memoryMb];
    };
    /** Its host tells what its guest takes, and what follows is over. */
    async function tell(id: string, seen: Partial<Pressure>): Promise<void> {
      const row = await servers.world.server(id);
      const full = {
        vcpus: row.currentVcpus,
        cpu: 0.6 * row.currentVcpus,
        steal: null,
        totalMb: 1_000,
        availableMb: 250,
      };
      const guests = [{ uuid: id, pressure: { ...full, ...seen } }];
      await handlePressure(servers.world.deps, { kind: 'pressure', host: row.host ?? '', guests });
      await servers.world.settled();
    }

    before(async () => {
      servers = await startServers({ engine, clock, config: { ...testConfig, autoscaleHostShare: 0.5 } });
      server = await servers.create({ flavorRef: ELASTIC });
    });
    after(async () => {
      assert.deepEqual(await servers.world.leftovers(), []);
      await servers.close();
    });

    it('grow a server that is short of something, and take back what it does not use', async () => {
      const id = await make({ server_id: server, pressure });
      await tell(server, {});
      assert.deepEqual(await sizeOf(server), [1, 256, 1, 256]);
      await tell(server, { cpu: 1 });
      assert.deepEqual(await sizeOf(server), [2, 256, 2, 256]);
      await tell(server, { totalMb: 250, availableMb: 10 });
      assert.deepEqual(await sizeOf(server), [2, 512, 2, 512]);
      await tell(server, { cpu: 0.1, totalMb: 500, availableMb: 450 });
      assert.deepEqual(await sizeOf(server), [1, 256, 1, 256]);
      const decisions = await decisionsOf(id);
      assert.deepEqual(
        decisions.map(({ kind, outcome }) => [kind, outcome]),
        [
          ['shrink', 'done'],
          ['grow', 'done'],
          ['grow', 'done'],
        ],
      );
      assert.deepEqual(decisions[2]?.['from'], { vcpus: 1, memory_mb: 256 });
      assert.deepEqual(decisions[2]?.['to'], { vcpus: 2, memory_mb: 256 });
      assert.match(String(decisions[2]?.['reason']), /^100 % of 1 vCPUs used or waited for, more than 90 %$/);
      const { body } = await servers.request('GET', `/servers/${server}/os-instance-actions`, { as: 'member' });
      const requests = (body.instanceActions as { action: string; request_id: string }[]).map((one) => one.request_id);
      assert.ok(
        decisions.every((one) => requests.includes(String(one['request_id']))),
        'each is an action of the server',
      );
      assert.equal((await send('DELETE', `/${id}`)).status, 204);
      await tell(server, { cpu: 1 });
      assert.deepEqual(await sizeOf(server), [1, 256, 1, 256], 'nobody looks any more');
    });

    it('only say what they would do, where that is wished', async () => {
      const id = await make({ server_id: server, pressure, dry_run: true });
      await tell(server, { cpu: 1 });
      assert.deepEqual(await sizeOf(server), [1, 256, 1, 256]);
      assert.deepEqual(
        (await decisionsOf(id)).map(({ outcome, request_id: request }) => [outcome, request]),
        [['dry_run', null]],
      );
      await send('PUT', `/${id}`, { dry_run: false, enabled: false });
      await tell(server, { cpu: 1 });
      assert.equal((await decisionsOf(id)).length, 1);
      await send('DELETE', `/${id}`);
    });

    it('leave alone who is locked, and record what was refused', async () => {
      const id = await make({ server_id: server, pressure });
      await servers.act(server, { lock: null });
      await tell(server, { cpu: 1 });
      await servers.act(server, { unlock: null });
      assert.deepEqual(await decisionsOf(id), []);
      // half of what may be claimed is taken
      await servers.world.database.write('hosts').where({ host: 'host-1' }).increment('claimed_vcpus', 1_000);
      await tell(server, { cpu: 1 });
      await servers.world.database.write('hosts').where({ host: 'host-1' }).decrement('claimed_vcpus', 1_000);
      const [guarded] = await decisionsOf(id);
      assert.equal(guarded?.['outcome'], 'refused');
      assert.match(String(guarded?.['reason']), /: more than 50 % of its host would be claimed$/);
      assert.deepEqual(await sizeOf(server), [1, 256, 1, 256]);
      await send('DELETE', `/${id}`);
    });

    it('of the server go before those of its group, and those before the flavor', async () => {
      const group = await servers.request('POST', '/os-server-groups', {
        as: 'member',
        body: { server_group: { name: 'all', policies: ['soft-anti-affinity'] } },
        version: '2.15',
      });
      const groupId = group.body.server_group.id as string;
      const answer = await servers.post(
        { flavorRef: ELASTIC },
        { beside: { 'os:scheduler_hints': { group: groupId } } },
      );
      await servers.world.settled();
      const member = answer.body.server.id as string;
      const max = (vcpus: number) => ({ pressure: { ...pressure, vcpus: { min: vcpus, max: vcpus } } });
      const flavor = await make({ flavor_id: ELASTIC, ...max(2) }, 'admin');
      await tell(member, {});
      assert.equal((await sizeOf(member))[0], 2);
      const all = await make({ server_group_id: groupId, ...max(3) });
      await tell(member, {});
      assert.equal((await sizeOf(member))[0], 3);
      const own = await make({ server_id: member, ...max(4) });
      await tell(member, {});
      assert.equal((await sizeOf(member))[0], 4);
      for (const id of [flavor, all, own])
        assert.equal((await send('DELETE', `/${id}`, undefined, 'admin')).status, 204);
    });

    it('come at their time, once', async () => {
      const id = await make({
        server_id: server,
        schedules: [
          { cron: '0 8 * * *', vcpus: 3 },
          { cron: '0 20 * * *', timezone: 'Europe/Berlin', vcpus: 1 },
        ],
      });
      const { next_scheduled_at: next } = (await send('GET', `/${id}`)).body.policy as { next_scheduled_at: string };
      const at = (hour: number) => {
        clock.jump(((hour + 24 - new Date(clock.now()).getUTCHours()) % 24) * 3_600_000 - (clock.now() % 3_600_000));
        if (clock.now() < Date.parse(next)) clock.jump(86_400_000);
      };
      at(8);
      await servers.world.agents.get('host-1')?.reportNow();
      await Promise.all([adjustSchedules(servers.world.deps), adjustSchedules(servers.world.deps)]);
      await servers.world.settled();
      const decisions = await decisionsOf(id);
      assert.deepEqual(
        decisions.map(({ kind, outcome, to }) => [kind, outcome, to]),
        [['schedule', 'done', { vcpus: 3, memory_mb: 256 }]],
      );
      await reconcileAll(servers.world.deps, { adjustSchedules });
      assert.equal((await decisionsOf(id)).length, 1);
      // nobody took its turn for days
      await send('PUT', `/${id}`, { schedules: [{ cron: '0 0 * * 1', vcpus: 2 }] });
      clock.jump(9.5 * 86_400_000);
      await servers.world.agents.get('host-1')?.reportNow();
      await adjustSchedules(servers.world.deps);
      await servers.world.settled();
      assert.equal((await decisionsOf(id))[0]?.['outcome'], 'done');
      assert.equal((await sizeOf(server))[0], 2);
      await send('DELETE', `/${id}`);
    });

    it('may be deleted while they decide', async () => {
      const { database } = servers.world;
      const gone = {
        ...{ policyId: 1_000_000, serverUuid: server, decidedAt: clock.now() },
        ...({ kind: 'grow', outcome: 'done' } as const),
        ...{ from: { vcpus: 1, memoryMb: 256 }, to: { vcpus: 2, memoryMb: 256 } },
        ...{ reason: 'busy', measures: null, requestId: null },
      };
      await tx(database, (t) => keepDecision(t, gone));
      assert.deepEqual(await database.read('adjust_decisions').where({ policy_id: gone.policyId }), []);
    });

    it('belong to their project', async () => {
      const id = await make({ server_id: server, pressure });
      for (const [method, path] of [
        ['GET', `/${id}`],
        ['PUT', `/${id}`],
        ['DELETE', `/${id}`],
        ['GET', `/${id}/decisions`],
      ] as const) {
        const answer = await send(method, path, method === 'PUT' ? { enabled: false } : undefined, 'other');
        assert.equal(answer.status, 404, `${method} ${path}`);
      }
      assert.deepEqual((await send('GET', '', undefined, 'other')).body.policies, []);
      assert.equal((await send('GET', '?all_projects=1')).status, 403);
      assert.equal((await send('GET', '?all_projects=1', undefined, 'admin')).body.policies.length, 1);
      assert.equal((await send('POST', '', { name: 'x', server_id: server, pressure }, 'other')).status, 400);
      assert.equal((await send('POST', '', { name: 'x', server_id: server, pressure }, 'reader')).status, 403);
      assert.equal((await send('POST', '', { name: 'x', flavor_id: ELASTIC, pressure })).status, 403);
      await send('DELETE', `/${id}`);
    });

    it('are refused where they mean nothing', async () => {
      const wrong: object[] = [
        { server_id: server },
        { pressure },
        { server_id: server, server_group_id: server, pressure },
        { server_id: 'none', pressure },
        { server_id: server, pressure: {} },
        { server_id: server, pressure: { vcpus: { min: 3, max: 2 } } },
        { server_id: server, pressure: { vcpus: { min: 0, max: 2 } } },
        { server_id: server, pressure: { ...pressure, cpu: { grow_above: 2 } } },
        { server_id: server, pressure: { ...pressure, cpu: { grow_above: 0.3 } } },
        { server_id: server, schedules: [{ cron: 'now', vcpus: 1 }] },
        { server_id: server, schedules: [{ cron: '0 0 30 2 *', vcpus: 1 }] },
        { server_id: server, schedules: [{ cron: '* * * * * *', vcpus: 1 }] },
        { server_id: server, schedules: [{ cron: '0 0 * * *', timezone: 'Mars/Olympus', vcpus: 1 }] },
        { server_id: server, schedules: [{ cron: '0 0 * * *' }] },
        { server_id: await servers.create(), pressure },
        { flavor_id: 'plain', pressure },
      ];
      for (const one of wrong) {
        const answer = await send('POST', '', { name: 'x', ...one }, 'flavor_id' in one ? 'admin' : 'member');
        assert.equal(answer.status, 400, `${JSON.stringify(one)}: ${answer.text}`);
      }
    });

    it('believe no host what cannot be', async () => {
      const id = await make({ server_id: server, pressure });
      const before = await sizeOf(server);
      const row = await servers.world.server(server);
      for (const lie of [
        { cpu: Number.NaN, vcpus: -1, totalMb: -5, availableMb: 9e99 },
        { cpu: 'x', vcpus: null, totalMb: {}, availableMb: [] },
      ]) {
        const guests = [{ uuid: server, pressure: { ...lie, steal: null } as unknown as Pressure }];
        await handlePressure(servers.world.deps, { kind: 'pressure', host: row.host ?? '', guests });
        // a host tells of its own guests alone
        await handlePressure(servers.world.deps, { kind: 'pressure', host: 'host-2', guests });
        await servers.world.settled();
      }
      const after = await sizeOf(server);
      assert.ok((after[0] ?? 0) <= (before[0] ?? 0), 'nothing grew');
      await send('DELETE', `/${id}`);
    });
  });
}
