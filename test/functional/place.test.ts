// What happens between the choice of a host and the claim on it: somebody else is quicker, and the choice is thought over.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { releaseClaim } from '../../src/db/claims.ts';
import { findBuild } from '../../src/db/servers.ts';
import { type Tx, tx } from '../../src/db/tx.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import type { GroupPolicy } from '../../src/domain/servers/server-groups.ts';
import type { BuildRequest } from '../../src/ops/servers/build.ts';
import { hostsFor, placementOf, placeServer } from '../../src/ops/placement/place.ts';
import type { StepContext } from '../../src/ops/engine/saga.ts';
import { filterNames } from '../../src/scheduler/index.ts';
import { engines } from '../support/database.ts';
import { adminOp, createRequest, makeOp, makeWorld, memberCaller, type World } from '../support/world.ts';

for (const engine of engines) {
  describe(`between choice and claim on ${engine}`, () => {
    let world: World;
    let flavorRef: string;
    beforeEach(async () => {
      const hosts = ['h1', 'h2'].map((name) => ({ name }));
      world = await makeWorld({ engine, hosts, scheduler: { filters: filterNames } });
      flavorRef = await world.flavor({ vcpus: 1, memoryMb: 256, rootGb: 0 });
    });
    afterEach(() => world.close());

    /** A server that waits for its place and that no worker touches. */
    async function waiting(hints: object = {}, zone: string | null = null): Promise<Server> {
      const request = { ...createRequest(flavorRef, world.imageId), zone, schedulerHints: { ...hints } };
      const made = await world.ops.createServers(makeOp(), request);
      const uuid = made.servers[0]?.uuid as string;
      await world.settled();
      const server = await world.server(uuid);
      await tx(world.database, async (t) => {
        await releaseClaim(t, server.id, Date.now());
        await t('servers').where({ id: server.id }).update({ host: null, node: null, availability_zone: null });
      });
      await world.drivers.get(server.host as string)?.destroy({ uuid });
      return world.server(uuid);
    }

    /** Places a server; `meanwhile` runs once, after the choice and before the first claim. Returns where it came. */
    async function place(server: Server, meanwhile: (chosen: string) => Promise<unknown>): Promise<Server> {
      let pending: typeof meanwhile | null = meanwhile;
      const first = await firstChoice(server);
      const context = {
        deps: world.deps,
        server,
        point: () => undefined,
        async finish<T>(work: (t: Tx, nowMs: number) => Promise<T>): Promise<T> {
          const once = pending;
          pending = null;
          await once?.(first);
          return tx(world.database, (t) => work(t, world.deps.clock.now()));
        },
      } as unknown as StepContext<unknown>;
      await placeServer(context, { ...(await wishOf(server)), excluded: [] }, 'networking');
      return world.server(server.uuid);
    }

    const wishOf = async (server: Server) =>
      placementOf(world.deps, server, await findBuild<BuildRequest>(world.database.read, server.id), server.flavor);

    /** The host that stands first for a server as things are. */
    async function firstChoice(server: Server): Promise<string> {
      const { hosts } = await hostsFor(world.deps, server, { ...(await wishOf(server)), excluded: [] });
      return hosts[0]?.host as string;
    }

    const other = (host: string): string => (host === 'h1' ? 'h2' : 'h1');

    async function aggregate(host: string, zone: string | null, metadata: Record<string, string> = {}): Promise<void> {
      const { id } = await world.ops.createAggregate(adminOp(), { name: `of ${host}`, zone });
      await world.ops.addHostToAggregate(adminOp(), id, host);
      await world.ops.setAggregateMetadata(adminOp(), id, metadata);
    }

    it('a host that was put into another zone is left alone', async () => {
      const server = await waiting({}, 'nova');
      const placed = await place(server, (chosen) => aggregate(chosen, 'east'));
      assert.equal(placed.availabilityZone, 'nova');
    });

    it('a server that may be anywhere is in the zone that its host has by then', async () => {
      const server = await waiting();
      await world.ops.setServiceStatus(adminOp(), { host: 'h2', binary: 'nova-compute' }, { disabled: true });
      const placed = await place(server, () => aggregate('h1', 'east'));
      assert.deepEqual([placed.host, placed.availabilityZone], ['h1', 'east']);
    });

    it('a host that was given to another project is left alone', async () => {
      const server = await waiting();
      let kept = '';
      const placed = await place(server, (chosen) => {
        kept = chosen;
        return aggregate(chosen, null, { filter_tenant_id: `not ${memberCaller.projectId}` });
      });
      assert.equal(placed.host, other(kept));
    });

    it('a host that was filled is left alone', async () => {
      const server = await waiting();
      let full = '';
      const placed = await place(server, async (chosen) => {
        full = chosen;
        await world.database
          .write('hosts')
          .where({ host: chosen })
          .update({
            claimed_memory_mb: 1_000_000_000,
            generation: world.database.write.raw('generation + 1'),
          });
      });
      assert.equal(placed.host, other(full));
    });

    for (const policy of ['anti-affinity', 'affinity'] as const satisfies readonly GroupPolicy[]) {
      it(`another server of the ${policy} group that came first is heeded`, async () => {
        const wish = { name: policy, policy, maxServerPerHost: null };
        const group = await world.ops.createServerGroup(makeOp(), wish);
        const hints = { group: group.uuid };
        const [server, quick] = [await waiting(hints), await waiting(hints)];
        let taken = '';
        const placed = await place(server, async (chosen) => {
          taken = policy === 'affinity' ? other(chosen) : chosen;
          // as its own placement writes it, on a host whose generation stays as it was
          await world.database.write('servers').where({ id: quick.id }).update({ host: taken });
        });
        assert.equal(placed.host, policy === 'affinity' ? taken : other(taken));
      });
    }
  });
}
