// Whatever administrators and users do at the same time: every server is in the zone of its host and in the one it was asked
// into, no host is in two zones, strict groups hold, and claims are the sum of the servers.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { listAggregates } from '../../src/db/aggregates.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { listServers } from '../../src/db/server-list.ts';
import { findServerGroup, membersOf } from '../../src/db/server-groups.ts';
import { Fault } from '../../src/base/errors.ts';
import { zoneOf } from '../../src/domain/placement/aggregates.ts';
import { engines } from '../support/database.ts';
import { adminOp, createRequest, makeOp, makeWorld, testConfig, type World } from '../support/world.ts';

const HOSTS = ['h1', 'h2', 'h3', 'h4'];
const ZONES = ['nova', 'east', 'west'];
const AGGREGATES = 3;

type Step =
  | { readonly kind: 'create'; readonly zone: string | null; readonly group: number | null }
  | { readonly kind: 'delete'; readonly nth: number }
  | { readonly kind: 'add' | 'remove'; readonly aggregate: number; readonly host: string }
  | { readonly kind: 'zone'; readonly aggregate: number; readonly zone: string };

const host = fc.constantFrom(...HOSTS);
const aggregate = fc.nat({ max: AGGREGATES - 1 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      zone: fc.option(fc.constantFrom(...ZONES)),
      group: fc.option(fc.nat({ max: 1 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), nth: fc.nat({ max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('add' as const, 'remove' as const), aggregate, host }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('zone' as const), aggregate, zone: fc.constantFrom(...ZONES) }),
  },
);

interface Made {
  readonly flavorRef: string;
  readonly aggregates: readonly number[];
  readonly groups: readonly { readonly id: number; readonly uuid: string }[];
}

async function arrange(world: World): Promise<Made> {
  const op = adminOp();
  const aggregates: number[] = [];
  for (let index = 0; index < AGGREGATES; index += 1) {
    const made = await world.ops.createAggregate(op, { name: `a${index}`, zone: ZONES[index] as string });
    aggregates.push(made.id);
  }
  const groups = [];
  for (const policy of ['affinity', 'anti-affinity'] as const) {
    groups.push(await world.ops.createServerGroup(makeOp(), { name: policy, policy, maxServerPerHost: null }));
  }
  return { aggregates, groups, flavorRef: await world.flavor({ vcpus: 1, memoryMb: 256, rootGb: 0 }) };
}

const living = (world: World) => listServers(world.database.read, {}, { limit: 1_000, marker: null, sort: [] });

async function run(world: World, made: Made, step: Step): Promise<void> {
  const op = adminOp();
  if (step.kind === 'create') {
    const group = step.group === null ? {} : { group: made.groups[step.group]?.uuid };
    const request = createRequest(made.flavorRef, world.imageId);
    await world.ops.createServers(makeOp(), { ...request, zone: step.zone, schedulerHints: group });
  } else if (step.kind === 'delete') {
    const servers = await living(world);
    const server = servers[step.nth % Math.max(1, servers.length)];
    if (server !== undefined) await world.ops.deleteServer(makeOp(), server);
  } else {
    const id = made.aggregates[step.aggregate] as number;
    if (step.kind === 'add') await world.ops.addHostToAggregate(op, id, step.host);
    if (step.kind === 'remove') await world.ops.removeHostFromAggregate(op, id, step.host);
    if (step.kind === 'zone') await world.ops.updateAggregate(op, id, { zone: step.zone });
  }
}

async function laws(world: World, made: Made): Promise<void> {
  const { read } = world.database;
  const zones = new Map((await listHosts(read)).map((one) => [one.host, one.zone]));
  for (const name of HOSTS) {
    const mine = (await listAggregates(read)).filter(({ hosts }) => hosts.includes(name)).map(zoneOf);
    assert.ok(new Set(mine).size <= 1, `${name} is in ${mine.join()}`);
    assert.equal(zones.get(name), mine[0] ?? 'nova');
  }
  const placed = (await living(world)).filter((server) => server.host !== null);
  for (const server of placed) {
    assert.equal(server.availabilityZone, zones.get(server.host as string), `zone of a server on ${server.host}`);
    if (server.requestedZone !== null) assert.equal(server.availabilityZone, server.requestedZone);
  }
  const placeOf = new Map(placed.map((server) => [server.uuid, server.host as string]));
  for (const { id, uuid } of made.groups) {
    const group = await findServerGroup(read, uuid);
    const members = (await membersOf(read, [id])).get(id) ?? [];
    const places = members.flatMap((member) => placeOf.get(member) ?? []);
    const hosts = new Set(places);
    if (group?.policy === 'affinity') assert.ok(hosts.size <= 1, `affinity: ${places.join()}`);
    else assert.equal(hosts.size, places.length, `anti-affinity: ${places.join()}`);
  }
  assert.deepEqual(await world.leftovers(), []);
}

for (const engine of engines) {
  describe(`placement on ${engine}`, () => {
    it('keeps its laws, whatever is done at the same time', { timeout: 240_000 }, async () => {
      const rounds = fc.array(fc.array(steps, { minLength: 4, maxLength: 12 }), { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(rounds, async (all) => {
          const quota = { ...testConfig.quota, server_groups: -1, server_group_members: -1 };
          const world = await makeWorld({ engine, hosts: HOSTS.map((name) => ({ name })), config: { quota } });
          try {
            const made = await arrange(world);
            for (const round of all) {
              const ends = await Promise.allSettled(round.map((step) => run(world, made, step)));
              for (const end of ends) {
                // a refusal is an answer; anything else is a mistake
                if (end.status === 'rejected') assert.ok(end.reason instanceof Fault, String(end.reason));
              }
              await world.settled();
              await laws(world, made);
            }
          } finally {
            await world.close();
          }
        }),
        { numRuns: engine === 'sqlite' ? 20 : 6 },
      );
    });
  });
}
