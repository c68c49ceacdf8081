// Why: what an administrator says of groups of hosts. A host is in one zone at a time, and no server changes its zone because
// its host was put elsewhere: whoever would do that is refused, also while servers are being placed.

import { badRequest, conflict, type Fault, notFound } from '../base/errors.ts';
import { newUuid } from '../base/ids.ts';
import type { Op } from '../base/op.ts';
import {
  addAggregateHost,
  deleteAggregateRow,
  insertAggregate,
  lockAggregate,
  mergeAggregateMetadata,
  otherZones,
  removeAggregateHost,
  touchAggregate,
} from '../db/aggregates.ts';
import { isDuplicate } from '../db/errors.ts';
import { countServersOn } from '../db/host-servers.ts';
import { moveHostsOn } from '../db/hosts.ts';
import { findService } from '../db/services.ts';
import { type Tx, tx } from '../db/tx.ts';
import { type Aggregate, ZONE_KEY, zoneOf } from '../domain/aggregate.ts';
import type { OpsDeps } from './deps.ts';

export interface NewAggregate {
  readonly name: string;
  /** Null: its hosts stay in the zones where they are. */
  readonly zone: string | null;
}

type Metadata = Readonly<Record<string, string | null>>;

export const noAggregate = (id: number): Fault =>
  notFound(`Aggregate ${id} could not be found.`, { code: 'aggregate' });

async function locked(t: Tx, id: number): Promise<Aggregate> {
  const aggregate = await lockAggregate(t, id);
  if (aggregate === null) throw noAggregate(id);
  return aggregate;
}

/** Runs a change in a transaction that holds the aggregate, and returns what it is then. Throws 404. */
function change(
  deps: OpsDeps,
  id: number,
  work: (t: Tx, aggregate: Aggregate, nowMs: number) => Promise<void>,
): Promise<Aggregate> {
  return tx(deps.database, async (t) => {
    await work(t, await locked(t, id), deps.clock.now());
    return locked(t, id);
  });
}

async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Aggregate ${name} already exists.`, { code: 'aggregate.name' });
    throw error;
  }
}

/** Throws 409 when the name is taken. */
export function createAggregate(deps: OpsDeps, _op: Op, { name, zone }: NewAggregate): Promise<Aggregate> {
  return tx(deps.database, async (t) => {
    const row = { uuid: newUuid(), name, createdAt: deps.clock.now() };
    const id = await named(name, () => insertAggregate(t, row));
    if (zone !== null) await mergeAggregateMetadata(t, id, { [ZONE_KEY]: zone });
    return locked(t, id);
  });
}

/** Nova's words for a zone as Python prints it in a message. */
const quoted = (zone: string | null): string => `'${zone ?? 'None'}'`;

const inOtherZones = (zones: readonly string[]): string =>
  `One or more hosts already in availability zone(s) [${zones.map(quoted).join(', ')}]`;

/** Why the aggregate's hosts can't come into a zone; null: they can. */
async function zoneProblem(t: Tx, aggregate: Aggregate, zone: string | null): Promise<string | null> {
  if (zone === null || zone === '') return `Aggregate ${aggregate.name} does not support empty named availability zone`;
  const others = (await otherZones(t, aggregate.hosts, aggregate.id)).filter((other) => other !== zone);
  if (others.length > 0) return inOtherZones(others);
  if (zoneOf(aggregate) !== zone && (await countServersOn(t, aggregate.hosts)) > 0) {
    return 'One or more hosts contain instances in this zone';
  }
  return null;
}

/** Merges metadata; `what` stands in the 400 for a zone that the hosts can't come into. */
async function merge(t: Tx, aggregate: Aggregate, metadata: Metadata, what: string): Promise<void> {
  await moveHostsOn(t, aggregate.hosts);
  if (ZONE_KEY in metadata) {
    const problem = await zoneProblem(t, aggregate, metadata[ZONE_KEY] ?? null);
    if (problem !== null) throw badRequest(`Cannot update ${what} ${aggregate.id}. Reason: ${problem}.`);
  }
  await mergeAggregateMetadata(t, aggregate.id, metadata);
}

/** Changes name, zone or both. Throws 404, 409 (the name is taken) and 400 (hosts with servers or in another zone). */
export function updateAggregate(
  deps: OpsDeps,
  _op: Op,
  id: number,
  { name, zone }: { readonly name?: string; readonly zone?: string | null },
): Promise<Aggregate> {
  return change(deps, id, async (t, aggregate, nowMs) => {
    await named(name ?? aggregate.name, () => touchAggregate(t, id, nowMs, name));
    if (zone === undefined) return;
    await merge(t, { ...aggregate, name: name ?? aggregate.name }, { [ZONE_KEY]: zone }, 'aggregate');
  });
}

/** Sets pairs; those with null go. Throws 404 and 400, as `updateAggregate`. */
export function setAggregateMetadata(deps: OpsDeps, _op: Op, id: number, metadata: Metadata): Promise<Aggregate> {
  return change(deps, id, async (t, aggregate, nowMs) => {
    await merge(t, aggregate, metadata, 'metadata of aggregate');
    await touchAggregate(t, id, nowMs);
  });
}

/** Throws 404, and 400 while hosts are in it. */
export function deleteAggregate(deps: OpsDeps, _op: Op, id: number): Promise<void> {
  return tx(deps.database, async (t) => {
    const { hosts } = await locked(t, id);
    if (hosts.length > 0) {
      throw badRequest(`Cannot remove host from aggregate ${id}. Reason: Host aggregate is not empty.`);
    }
    await deleteAggregateRow(t, id);
  });
}

const wouldMove = (verb: string, from: string | null, to: string | null, servers: number): string =>
  `The host cannot be ${verb} the aggregate as the availability zone of the host would change from ${quoted(from)} ` +
  `to ${quoted(to)} but the host already has ${servers} instance(s). Changing the AZ of an existing instance is not ` +
  'supported by this action. Move the instances away from this host then try again. If you need to move the ' +
  'instances between AZs then you can use shelve_offload and unshelve to achieve this.';

/** What putting the host into the aggregate, or taking it out, would make of its servers' zone; null: nothing. */
async function moveProblem(t: Tx, aggregate: Aggregate, host: string, verb: 'added to' | 'removed from') {
  const mine = zoneOf(aggregate);
  if (mine === null) return null;
  const [other = null] = await otherZones(t, [host], aggregate.id);
  const servers = await countServersOn(t, [host]);
  if (other === mine || servers === 0) return null;
  return verb === 'added to' ? wouldMove(verb, other, mine, servers) : wouldMove(verb, mine, other, servers);
}

const isComputeHost = async (t: Tx, host: string): Promise<boolean> =>
  (await findService(t, { host, binary: 'nova-compute' })) !== null;

/** Throws 404 (no such host or aggregate) and 409 (in it already, in another zone, has servers that would change zone). */
export function addHostToAggregate(deps: OpsDeps, _op: Op, id: number, host: string): Promise<Aggregate> {
  const cannot = (reason: string) => conflict(`Cannot add host to aggregate ${id}. Reason: ${reason}.`);
  return tx(deps.database, async (t) => {
    if (!(await isComputeHost(t, host))) throw notFound(`Compute host ${host} could not be found.`);
    const aggregate = await locked(t, id);
    await moveHostsOn(t, [host]);
    const zone = zoneOf(aggregate);
    const others = (await otherZones(t, [host], id)).filter((other) => other !== zone);
    if (zone !== null && others.length > 0) throw cannot(inOtherZones(others));
    if (aggregate.hosts.includes(host)) throw conflict(`Aggregate ${id} already has host ${host}.`);
    const problem = await moveProblem(t, aggregate, host, 'added to');
    if (problem !== null) throw cannot(problem);
    await addAggregateHost(t, id, host);
    await touchAggregate(t, id, deps.clock.now());
    return locked(t, id);
  });
}

/** Throws 404 (no such host, aggregate, or host in it) and 409 (servers there would change zone). */
export function removeHostFromAggregate(deps: OpsDeps, _op: Op, id: number, host: string): Promise<Aggregate> {
  return tx(deps.database, async (t) => {
    const aggregate = await lockAggregate(t, id);
    if (aggregate === null || !aggregate.hosts.includes(host)) {
      throw notFound(`Cannot remove host ${host} in aggregate ${id}`);
    }
    await moveHostsOn(t, [host]);
    const problem = await moveProblem(t, aggregate, host, 'removed from');
    if (problem !== null) throw conflict(`Cannot remove host from aggregate ${id}. Reason: ${problem}.`);
    await removeAggregateHost(t, id, host);
    await touchAggregate(t, id, deps.clock.now());
    return locked(t, id);
  });
}
