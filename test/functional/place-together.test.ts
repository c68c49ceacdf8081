// Servers that are asked for together get their hosts in one pass, all or none, whatever happens to the one that does it.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { unavailable } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { moveHostsOn } from '../../src/db/hosts.ts';
import { updateServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { engines } from '../support/database.ts';
import { OwnStatements } from '../support/statements.ts';
import { adminOp, createRequest, makeOp, makeWorld, type World, type WorldOptions } from '../support/world.ts';

const MIB = 256;

for (const engine of engines) {
  describe(`servers placed together on ${engine}`, () => {
    let world: World;
    let statements: OwnStatements;
    afterEach(() => world.close());

    /** A cloud of hosts that have room for so many servers each. */
    async function cloud(hosts: number, each: number, more: WorldOptions = {}): Promise<void> {
      const inventory = { vcpus: 64, memoryMb: each * MIB, diskGb: 1_000 };
      world = await makeWorld({
        engine,
        hosts: Array.from({ length: hosts }, (_, index) => ({ name: `host-${index + 1}`, inventory })),
        ...more,
      });
      statements = new OwnStatements(world.database);
    }
    const ask = async (count: number, more: object = {}): Promise<string[]> => {
      const flavorRef = await world.flavor({ vcpus: 1, memoryMb: MIB, rootGb: 0 });
      const request = { ...createRequest(flavorRef, world.imageId), minCount: count, maxCount: count, ...more };
      return (await world.ops.createServers(makeOp(), request)).servers.map(({ uuid }) => uuid);
    };
    const ended = async (uuids: readonly string[]): Promise<Server[]> => {
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
      return Promise.all(uuids.map((uuid) => world.server(uuid)));
    };
    const states = (servers: readonly Server[]) => [...new Set(servers.map(({ vmState }) => vmState))];
    const perHost = (servers: readonly Server[]) =>
      [...Map.groupBy(servers, ({ host }) => host).values()].map(({ length }) => length);

    it('takes no statement for each server', async () => {
      const taken: number[] = [];
      let begun = false;
      await cloud(2, 100, {
        hooks: {
          point(name) {
            if (name === 'create.place.before' && !begun) {
              begun = true;
              statements.begin();
            }
            if (name === 'create.place.claimed') taken.push(statements.seen.length);
          },
        },
      });
      for (const count of [4, 60]) {
        begun = false;
        assert.deepEqual(states(await ended(await ask(count))), ['active']);
      }
      assert.equal(taken.length, 2, 'one transaction for each request');
      assert.ok((taken[0] as number) > 0, 'its statements are seen');
      assert.ok((taken[1] as number) <= (taken[0] as number) + 2, taken.join(', '));
    });

    it('none gets a place where there is none for all, and all say so', async () => {
      await cloud(2, 3);
      const servers = await ended(await ask(7));
      assert.deepEqual(states(servers), ['error']);
      assert.deepEqual([...new Set(servers.map(({ host }) => host))], [null]);
      const faults: { message: string }[] = await world.database.read('server_faults');
      assert.equal(faults.length, 7);
      for (const { message } of faults) assert.match(message, /^No valid host was found\. There are not enough hosts/);
      const events: { result: string }[] = await world.database.read('instance_action_events').select('result');
      assert.deepEqual(
        events.map(({ result }) => result),
        Array.from({ length: 7 }, () => 'Error'),
      );
      assert.deepEqual(states(await ended(await ask(6))), ['active'], 'and the room is still there');
    });

    it('what was claimed is given back when others take the rest meanwhile', async (test) => {
      const { hostsClaimedAtOnce } = limits;
      test.after(() => Object.assign(limits, { hostsClaimedAtOnce }));
      Object.assign(limits, { hostsClaimedAtOnce: 1 });
      let claims = 0;
      const filled: Promise<unknown>[] = [];
      await cloud(3, 2, {
        hooks: {
          point(name) {
            if (name !== 'create.place.claimed') return;
            claims += 1;
            // an operator shrinks the hosts that are left
            if (claims === 1) {
              const { write } = world.database;
              const room = { memory_mb: write.ref('claimed_memory_mb'), generation: write.raw('generation + 1') };
              filled.push(
                write('hosts')
                  .update(room)
                  .then(() => null),
              );
            }
          },
        },
      });
      const servers = await ended(await ask(6));
      await Promise.all(filled);
      assert.ok(claims >= 1);
      assert.deepEqual(states(servers), ['error']);
      const rows: { claimed_memory_mb: number }[] = await world.database.read('hosts').select('claimed_memory_mb');
      assert.deepEqual(
        rows.map((row) => row.claimed_memory_mb),
        [0, 0, 0],
      );
    });

    it('hosts that changed meanwhile are looked at again', async () => {
      const moved: Promise<unknown>[] = [];
      await cloud(3, 4, {
        hooks: {
          point(name) {
            const hosts = ['host-1', 'host-2', 'host-3'];
            if (name === 'create.place.before' && moved.length === 0)
              moved.push(tx(world.database, (t) => moveHostsOn(t, hosts)));
          },
        },
      });
      const servers = await ended(await ask(12));
      await Promise.all(moved);
      assert.deepEqual([states(servers), perHost(servers)], [['active'], [4, 4, 4]]);
    });

    it('goes on where it was when it is begun again', async (test) => {
      const { hostsClaimedAtOnce, stepPauseMs } = limits;
      test.after(() => Object.assign(limits, { hostsClaimedAtOnce, stepPauseMs }));
      Object.assign(limits, { hostsClaimedAtOnce: 1, stepPauseMs: 10 });
      let claims = 0;
      await cloud(4, 3, {
        hooks: {
          point(name) {
            if (name !== 'create.place.claimed') return;
            claims += 1;
            if (claims === 2) throw unavailable('the power went out');
          },
        },
      });
      const servers = await ended(await ask(12));
      assert.deepEqual([states(servers), perHost(servers), claims], [['active'], [3, 3, 3, 3], 4]);
    });

    it('the next one takes the part of one that is deleted, and those that are deleted need no place', async () => {
      await cloud(1, 3, { worker: false });
      const uuids = await ask(5);
      for (const uuid of uuids.slice(0, 2)) await world.ops.deleteServer(makeOp(), { uuid });
      await world.startWorker();
      const servers = await ended(uuids);
      assert.deepEqual(
        servers.map(({ vmState }) => vmState),
        ['deleted', 'deleted', 'active', 'active', 'active'],
      );
    });

    it('who hears nothing finds a place alone', async () => {
      await cloud(1, 3, { worker: false });
      const uuids = await ask(4);
      const [lost] = uuids as [string];
      const { id } = await world.server(lost);
      await tx(world.database, (t) => updateServer(t, id, { taskState: null, vmState: 'error' }, Date.now()));
      await world.database.write('instance_actions').where({ server_uuid: lost }).update({ state: 'done' });
      await world.startWorker();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await world.server(uuids[1] as string)).taskState, 'scheduling', 'they wait for its word');
      await world.database.write('instance_actions').whereNotNull('lease_until').update({ lease_until: 1 });
      const servers = await ended(uuids);
      assert.deepEqual(
        servers.map(({ vmState }) => vmState),
        ['error', 'active', 'active', 'active'],
      );
    });

    it('servers of a group keep to its policy, all or none', async () => {
      await cloud(3, 100);
      const wish = { name: 'apart', policy: 'anti-affinity' as const, maxServerPerHost: null };
      const { uuid } = await world.ops.createServerGroup(makeOp(), wish);
      const group = { schedulerHints: { group: uuid } };
      assert.deepEqual(perHost(await ended(await ask(2, group))), [1, 1]);
      assert.deepEqual(states(await ended(await ask(2, group))), ['error'], 'one host is left');
      assert.deepEqual(states(await ended(await ask(1, group))), ['active']);
      await world.ops.setServiceStatus(adminOp(), { host: 'host-2', binary: 'nova-compute' }, { disabled: true });
      const beside = { name: 'beside', policy: 'affinity' as const, maxServerPerHost: null };
      const hint = { schedulerHints: { group: (await world.ops.createServerGroup(makeOp(), beside)).uuid } };
      assert.deepEqual(perHost(await ended(await ask(5, hint))), [5]);
    });
  });
}
