// Why: what an administrator says of groups of hosts. A host is in one zone at a time, and no server changes its zone because
// its host was put elsewhere: whoever would do that is refused, also while servers are being placed.

import { badRequest, conflict, type Fault, notFound } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Op } from '../../base/op.ts';
import {
  addAggregateHost,
  aggregatesOfHost,
  deleteAggregateRow,
  insertAggregate,
  lockAggregate,
  mergeAggregateMetadata,
  otherZones,
  removeAggregateHost,
  renameAggregate,
} from '../../db/aggregates.ts';
import { isDuplicate } from '../../db/errors.ts';
import { countServersOn } from '../../db/host-servers.ts';
import { moveHostsOn } from '../../db/hosts.ts';
import { findService } from '../../db/services.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type Aggregate, ZONE_KEY, zoneOf } from '../../domain/placement/aggregates.ts';
import { aggregatePayload } from '../../domain/notifications/notifications.ts';
import { termKeys, termsProblem } from '../../domain/placement/host-terms.ts';
import type { OpsDeps } from '../deps.ts';
import { note } from '../notifications/notify.ts';
import { applyTerms } from '../placement/host-terms.ts';

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

type Change = 'update_metadata' | 'update_prop' | 'add_host' | 'remove_host';

/** Writes a change and tells of it, before and after; `shown` is what is told before. Returns the aggregate as it is then. */
async function told(
  t: Tx,
  deps: OpsDeps,
  op: Op,
  what: Change,
  shown: Aggregate,
  write: () => Promise<void>,
): Promise<Aggregate> {
  await note(t, deps, op, `aggregate.${what}.start`, () => aggregatePayload(shown));
  await write();
  const changed = await locked(t, shown.id);
  await note(t, deps, op, `aggregate.${what}.end`, () => aggregatePayload(changed));
  return changed;
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
export function createAggregate(deps: OpsDeps, op: Op, { name, zone }: NewAggregate): Promise<Aggregate> {
  return tx(deps.database, async (t) => {
    const row = { uuid: newUuid(), name, createdAt: deps.clock.now() };
    const metadata: Record<string, string> = zone === null ? {} : { [ZONE_KEY]: zone };
    await note(t, deps, op, 'aggregate.create.start', () => aggregatePayload({ ...row, metadata }));
    const id = await named(name, () => insertAggregate(t, row));
    await mergeAggregateMetadata(t, id, metadata);
    const made = await locked(t, id);
    await note(t, deps, op, 'aggregate.create.end', () => aggregatePayload(made));
    return made;
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
async function merge(
  t: Tx,
  deps: OpsDeps,
  op: Op,
  aggregate: Aggregate,
  metadata: Metadata,
  what: string,
): Promise<Aggregate> {
  await moveHostsOn(t, aggregate.hosts);
  if (ZONE_KEY in metadata) {
    const problem = await zoneProblem(t, aggregate, metadata[ZONE_KEY] ?? null);
    if (problem !== null) throw badRequest(`Cannot update ${what} ${aggregate.id}. Reason: ${problem}.`);
  }
  const problem = termsProblem(metadata);
  if (problem !== null) throw badRequest(`Cannot update ${what} ${aggregate.id}. Reason: ${problem}.`);
  const merged = await told(t, deps, op, 'update_metadata', aggregate, async () => {
    await mergeAggregateMetadata(t, aggregate.id, metadata);
    if (termKeys.some((key) => key in metadata)) await applyTerms(t, deps, aggregate.hosts);
  });
  // only this answer says so: for Nova an aggregate was updated when its name was
  return { ...merged, updatedAt: deps.clock.now() };
}

/** Changes name, zone or both. Throws 404, 409 (the name is taken) and 400 (hosts with servers or in another zone). */
export function updateAggregate(
  deps: OpsDeps,
  op: Op,
  id: number,
  { name, zone }: { readonly name?: string; readonly zone?: string | null },
): Promise<Aggregate> {
  return tx(deps.database, async (t) => {
    let aggregate = await locked(t, id);
    if (name !== undefined) {
      const write = () => named(name, () => renameAggregate(t, id, name, deps.clock.now()));
      aggregate = await told(t, deps, op, 'update_prop', { ...aggregate, name }, write);
    }
    return zone === undefined ? aggregate : merge(t, deps, op, aggregate, { [ZONE_KEY]: zone }, 'aggregate');
  });
}

/** Sets pairs; those with null go. Throws 404 and 400, as `updateAggregate`. */
export function setAggregateMetadata(deps: OpsDeps, op: Op, id: number, metadata: Metadata): Promise<Aggregate> {
  return tx(deps.database, async (t) => merge(t, deps, op, await locked(t, id), metadata, 'metadata of aggregate'));
}

/** Throws 404, and 400 while hosts are in it. */
export function deleteAggregate(deps: OpsDeps, op: Op, id: number): Promise<void> {
  return tx(deps.database, async (t) => {
    const aggregate = await locked(t, id);
    if (aggregate.hosts.length > 0) {
      throw badRequest(`Cannot remove host from aggregate ${id}. Reason: Host aggregate is not empty.`);
    }
    await note(t, deps, op, 'aggregate.delete.start', () => aggregatePayload(aggregate));
    await deleteAggregateRow(t, id);
    await note(t, deps, op, 'aggregate.delete.end', () => aggregatePayload(aggregate));
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
export function addHostToAggregate(deps: OpsDeps, op: Op, id: number, host: string): Promise<Aggregate> {
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
    return told(t, deps, op, 'add_host', aggregate, async () => {
      await addAggregateHost(t, id, host);
      await applyTerms(t, deps, [host]);
    });
  });
}

/** Throws 404 (no such host, aggregate, or host in it) and 409 (servers there would change zone). */
export function removeHostFromAggregate(deps: OpsDeps, op: Op, id: number, host: string): Promise<Aggregate> {
  return tx(deps.database, async (t) => {
    const aggregate = await lockAggregate(t, id);
    if (aggregate === null || !aggregate.hosts.includes(host)) {
      throw notFound(`Cannot remove host ${host} in aggregate ${id}`);
    }
    await moveHostsOn(t, [host]);
    const problem = await moveProblem(t, aggregate, host, 'removed from');
    if (problem !== null) throw conflict(`Cannot remove host from aggregate ${id}. Reason: ${problem}.`);
    return told(t, deps, op, 'remove_host', aggregate, async () => {
      await removeAggregateHost(t, id, host);
      await applyTerms(t, deps, [host]);
    });
  });
}

/** A host that is gone for good leaves its aggregates. The caller saw that no server is there. */
export async function leaveAggregates(t: Tx, deps: OpsDeps, op: Op, host: string): Promise<void> {
  for (const id of await aggregatesOfHost(t, host)) {
    const aggregate = await locked(t, id);
    await told(t, deps, op, 'remove_host', aggregate, () => removeAggregateHost(t, id, host));
  }
}
