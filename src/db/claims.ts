// Why: what a server holds of its host is one row, and the host's sums move with it in the same transaction. The host's
// generation decides between two who saw the same free room: one conditional update, the other looks again. A server that moves
// holds a second one on its other host until the move is confirmed or taken back.

import { areAmounts, invariant } from '../base/invariant.ts';
import type { Amounts } from '../domain/placement/resources.ts';
import { type NumaTopology, type NumaUsage, withTopology } from '../domain/numa/numa.ts';
import { type TakenDevice, withDevices } from '../domain/pci/pci.ts';
import type { Resources } from '../domain/placement/resource-specs.ts';
import { withResources } from '../domain/placement/resources.ts';
import { type Size, sameSize } from '../domain/adjustment/size.ts';
import { fromNullableJson, toNullableJson } from './codec.ts';
import { amongNumbers, readRows, type Reader } from './engine.ts';
import { isDuplicate, StaleRow } from './errors.ts';
import { movedOn } from './host-changes.ts';
import { noteSize } from './server-sizes.ts';
import { defineNoun, joined } from './table.ts';
import { noteRoom } from './waiting-placements.ts';
import { insertRows, type Tx } from './tx.ts';

/** All numbers are absolute. */
export interface Claim extends Amounts {
  readonly serverId: number;
  readonly hostId: number;
  /** The server's flavor, for the host's ceiling. */
  readonly maximum: Size;
  /** What it has of the host's NUMA nodes; null: it leaves that to the host. */
  readonly numa: NumaTopology | null;
  /** What else it takes of the host; null: nothing. */
  readonly resources: Resources | null;
  /** The host's devices that it has; null: none. */
  readonly pci: readonly TakenDevice[] | null;
}

type Row = {
  readonly server_id: number;
  readonly host_id: number;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
  readonly max_vcpus: number;
  readonly max_memory_mb: number;
  readonly numa: string | null;
  readonly resources: string | null;
  readonly pci: string | null;
};

/** As rows of `claims` and, but for the key, of `held_claims`. */
export const claimNoun = defineNoun<Claim>({
  table: 'claims',
  columns: {
    serverId: ['server_id', 'number'],
    hostId: ['host_id', 'number'],
    vcpus: ['vcpus', 'number'],
    memoryMb: ['memory_mb', 'number'],
    diskGb: ['disk_gb', 'number'],
    maximum: { vcpus: ['max_vcpus', 'number'], memoryMb: ['max_memory_mb', 'number'] },
    numa: ['numa', 'json'],
    resources: ['resources', 'json'],
    pci: ['pci', 'json'],
  },
});
const { columns } = claimNoun;

/** The claim of what it is joined to; null: there is none. */
export const joinedClaim = joined(claimNoun, 'claim_', 'server_id');

const ONE_CLAIM = `select ${columns.join(', ')} from claims where server_id = ?`;

export async function findClaim(reader: Reader, serverId: number): Promise<Claim | null> {
  const [row] = await readRows(reader, ONE_CLAIM, [serverId]);
  return row === undefined ? null : claimNoun.fromRow(row);
}

/** The claims of a page of servers, by the server's number. */
export async function findClaims(reader: Reader, serverIds: readonly number[]): Promise<Map<number, Claim>> {
  if (serverIds.length === 0) return new Map();
  const among = amongNumbers(reader, 'server_id', serverIds);
  const rows = await readRows(reader, `select ${columns.join(', ')} from claims where ${among.sql}`, among.bindings);
  return new Map(claimNoun.fromRows(rows).map((claim) => [claim.serverId, claim]));
}

/** Sums of a host: column, its part of a claim. */
const sums = [
  ['claimed_vcpus', 'vcpus'],
  ['claimed_memory_mb', 'memory_mb'],
  ['claimed_disk_gb', 'disk_gb'],
  ['ceiling_vcpus', 'max_vcpus'],
  ['ceiling_memory_mb', 'max_memory_mb'],
] as const;

/** A part of a claim that is no number, and the sum of a host that takes it: JSON texts, null for nothing. */
interface Usage {
  readonly part: 'numa' | 'resources' | 'pci';
  readonly sum: string;
  /** The sum with one more part in it, or one less. */
  readonly add: (sum: string | null, part: string | null, sign: 1 | -1) => string | null;
}
type Part = Usage['part'];

const usage = <S, P>(
  part: Part,
  sum: string,
  add: (sum: S | null, part: P | null, sign: 1 | -1) => S | null,
): Usage => ({
  part,
  sum,
  add: (before, some, sign) => toNullableJson(add(fromNullableJson<S>(before), fromNullableJson<P>(some), sign)),
});

const usages: readonly Usage[] = [
  usage<NumaUsage, NumaTopology>('numa', 'numa_used', withTopology),
  usage<Resources, Resources>('resources', 'resources_used', withResources),
  usage<readonly TakenDevice[], readonly TakenDevice[]>('pci', 'pci_taken', withDevices),
];

type Amount = Pick<Row, 'vcpus' | 'memory_mb' | 'disk_gb' | 'max_vcpus' | 'max_memory_mb' | Part>;

const nothing: Amount = {
  ...{ vcpus: 0, memory_mb: 0, disk_gb: 0, max_vcpus: 0, max_memory_mb: 0 },
  ...{ numa: null, resources: null, pci: null },
};

/** Moves a host's usages from one claim's parts to another's; the host's row is locked. */
async function moveUsages(tx: Tx, hostId: number, from: Amount, to: Amount): Promise<void> {
  const moved = usages.filter(({ part }) => from[part] !== to[part]);
  if (moved.length === 0) return;
  const before: Record<string, string | null> | undefined = await tx('hosts')
    .select(moved.map(({ sum }) => sum))
    .where({ id: hostId })
    .forUpdate()
    .first();
  const after = moved.map(({ part, sum, add }) => {
    const less = add(before?.[sum] ?? null, from[part], -1);
    return [sum, add(less, to[part], 1)] as const;
  });
  await tx('hosts').where({ id: hostId }).update(Object.fromEntries(after));
}

/** Moves a host's sums from one claim to another. Returns whether the generation was still the expected one. */
async function moveSums(
  tx: Tx,
  hostId: number,
  from: Amount,
  to: Amount,
  servers: number,
  generation: number | undefined,
): Promise<boolean> {
  const changes: Record<string, unknown> = movedOn(tx);
  for (const [sum, part] of sums) {
    const delta = to[part] - from[part];
    if (delta !== 0) changes[sum] = tx.raw('?? + ?', [sum, delta]);
  }
  if (servers !== 0) changes['running_vms'] = tx.raw('?? + ?', ['running_vms', servers]);
  if (sums.some(([, part]) => to[part] < from[part])) noteRoom(tx);
  const query = tx('hosts').where({ id: hostId });
  if (generation !== undefined) void query.where({ generation });
  if ((await query.update(changes)) !== 1) {
    invariant(generation !== undefined, `host ${hostId}, which something is claimed of, has a row`);
    return false;
  }
  await moveUsages(tx, hostId, from, to);
  return true;
}

/** Where a claim stands: as the server's own, or held for it by a move (its other host). */
interface Slot {
  readonly table: 'claims' | 'held_claims';
  readonly key: Readonly<Record<string, number>>;
  /** What the row has beside the key and the amounts. */
  readonly more: Readonly<Record<string, number>>;
  /** How many servers it stands for in the host's count. */
  readonly servers: 0 | 1;
}

const ownSlot = (serverId: number): Slot => ({
  table: 'claims',
  key: { server_id: serverId },
  more: {},
  servers: 1,
});

const heldSlot = (migrationId: number, serverId: number): Slot => ({
  table: 'held_claims',
  key: { migration_id: migrationId },
  more: { server_id: serverId },
  servers: 0,
});

const amountOf = (claim: Omit<Claim, 'serverId' | 'hostId'>): Amount => {
  const { vcpus, memoryMb, diskGb, maximum, numa, resources, pci } = claim;
  const amounts = [vcpus, memoryMb, diskGb, maximum.vcpus, maximum.memoryMb];
  invariant(areAmounts(...amounts), () => `a claim is whole numbers from 0 (${amounts.join(', ')})`);
  return claimNoun.toRow({ vcpus, memoryMb, diskGb, maximum, numa, resources, pci }) as Amount;
};

const lockSlot = (tx: Tx, { table, key }: Slot): Promise<Row | undefined> =>
  tx(table).select(columns).where(key).forUpdate().first();

async function put(tx: Tx, slot: Slot, claim: Claim, generation: number | undefined): Promise<'claimed' | 'stale'> {
  const { table, key, more, servers } = slot;
  const next = amountOf(claim);
  const before = await lockSlot(tx, slot);
  const stays = before !== undefined && before.host_id === claim.hostId;
  const same =
    stays &&
    [...sums.map(([, part]) => part), ...usages.map(({ part }) => part)].every((part) => before[part] === next[part]);
  if (same && generation === undefined) return 'claimed';
  if (!(await moveSums(tx, claim.hostId, stays ? before : nothing, next, stays ? 0 : servers, generation))) {
    return 'stale';
  }
  if (table === 'claims') noteSize(tx, claim.serverId);
  const row = { host_id: claim.hostId, ...next };
  if (before === undefined) await tx(table).insert({ ...key, ...more, ...row });
  else {
    if (!stays) await moveSums(tx, before.host_id, before, nothing, -servers, undefined);
    await tx(table).where(key).update(row);
  }
  return 'claimed';
}

async function take(tx: Tx, slot: Slot): Promise<void> {
  const before = await lockSlot(tx, slot);
  if (before === undefined) return;
  await tx(slot.table).where(slot.key).delete();
  await moveSums(tx, before.host_id, before, nothing, -slot.servers, undefined);
}

/**
 * The server's claim becomes exactly this. With `generation` only if the host is still as it was in that snapshot: `stale`
 * means that somebody was quicker, and nothing was written. Without it the caller holds the host's lock (`lockHost`) or
 * gives back, which always fits.
 */
export const setClaim = (tx: Tx, claim: Claim, generation?: number): Promise<'claimed' | 'stale'> =>
  put(tx, ownSlot(claim.serverId), claim, generation);

/**
 * The vCPUs and memory of a claim that this transaction read become these, where it is. It is not read again: a claim that somebody
 * changed since makes the transaction begin anew (`StaleRow`). Who grows one holds the host's lock (`lockRoom`).
 */
export async function moveClaim(tx: Tx, claim: Claim, size: Size): Promise<void> {
  if (sameSize(claim, size)) return;
  const numbers = ({ vcpus, memoryMb }: Size) => ({ vcpus, memory_mb: memoryMb });
  const before = amountOf(claim);
  await moveSums(tx, claim.hostId, before, { ...before, ...numbers(size) }, 0, undefined);
  const touched: number = await tx('claims')
    .where({ server_id: claim.serverId, host_id: claim.hostId, ...numbers(claim) })
    .update(numbers(size));
  if (touched !== 1) throw new StaleRow(`The claim of server ${claim.serverId} changed meanwhile.`);
  noteSize(tx, claim.serverId);
}

/**
 * As `setClaim` with a generation, for a server that should have no claim yet.
 * @param counted what the server counts for without one
 */
export async function addClaim(tx: Tx, claim: Claim, generation: number, counted: Size): Promise<'claimed' | 'stale'> {
  const { serverId, hostId } = claim;
  const amount = amountOf(claim);
  if (!(await moveSums(tx, hostId, nothing, amount, 1, generation))) return 'stale';
  if (!sameSize(claim, counted)) noteSize(tx, serverId);
  try {
    await tx('claims').insert({ server_id: serverId, host_id: hostId, ...amount });
    return 'claimed';
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    await moveSums(tx, hostId, amount, nothing, -1, undefined);
    return setClaim(tx, claim);
  }
}

/**
 * As `setClaim` with a generation, for several servers alike that have no claim yet and take nothing but numbers: one statement for
 * the host, one for them.
 */
export async function addClaims(
  tx: Tx,
  serverIds: readonly number[],
  { hostId, ...claim }: Omit<Claim, 'serverId' | Part>,
  generation: number,
): Promise<'claimed' | 'stale'> {
  const each = amountOf({ ...claim, numa: null, resources: null, pci: null });
  const count = serverIds.length;
  invariant(new Set(serverIds).size === count, 'each server claims once');
  const all: Amount = {
    vcpus: each.vcpus * count,
    memory_mb: each.memory_mb * count,
    disk_gb: each.disk_gb * count,
    max_vcpus: each.max_vcpus * count,
    max_memory_mb: each.max_memory_mb * count,
    ...{ numa: null, resources: null, pci: null },
  };
  if (!(await moveSums(tx, hostId, nothing, all, count, generation))) return 'stale';
  await insertRows(
    tx,
    'claims',
    serverIds.map((server_id) => ({ server_id, host_id: hostId, ...each })),
  );
  for (const id of serverIds) noteSize(tx, id);
  return 'claimed';
}

/** As `setClaim`, for what a move holds on the server's other host. */
export const holdClaim = (
  tx: Tx,
  migrationId: number,
  claim: Claim,
  generation?: number,
): Promise<'claimed' | 'stale'> => put(tx, heldSlot(migrationId, claim.serverId), claim, generation);

/** What a move holds; null: nothing. */
export async function findHeldClaim(reader: Reader, migrationId: number): Promise<Claim | null> {
  const row: Row | undefined = await reader('held_claims').select(columns).where({ migration_id: migrationId }).first();
  return row === undefined ? null : claimNoun.fromRow(row);
}

/** Gives back what a move holds; twice is once. */
export const releaseHeld = (tx: Tx, migrationId: number): Promise<void> => take(tx, heldSlot(migrationId, 0));

/** The server is on its other host now: its own claim, if it has one, and the held one change places. */
export async function swapClaims(tx: Tx, migrationId: number, serverId: number): Promise<void> {
  const held = await findHeldClaim(tx, migrationId);
  const own = await findClaim(tx, serverId);
  invariant(held !== null, `migration ${migrationId}, whose server changes its place, holds a claim there`);
  invariant(held.serverId === serverId, `what migration ${migrationId} holds is for server ${serverId}`);
  await setClaim(tx, held);
  if (own === null) await releaseHeld(tx, migrationId);
  else await holdClaim(tx, migrationId, own);
}

/** Gives back all that a server claimed, its moves among it; twice is once. Until `nowMs` it counts as used. */
export async function releaseClaim(tx: Tx, serverId: number, nowMs: number): Promise<void> {
  const held: { migration_id: number }[] = await tx('held_claims')
    .select('migration_id')
    .where({ server_id: serverId });
  for (const { migration_id } of held) await releaseHeld(tx, migration_id);
  // the span that ends with it ends when the row was changed
  await tx('servers').where({ id: serverId, deleted: 0 }).update({ updated_at: nowMs });
  noteSize(tx, serverId);
  await take(tx, ownSlot(serverId));
}

export interface ClaimDrift {
  readonly hostId: number;
  readonly column: string;
  readonly is: Sum;
  readonly shouldBe: Sum;
}

/** A number, or the text of a usage. */
type Sum = number | string | null;

/** Numbers of hosts; null: all. */
type Hosts = readonly number[] | null;

/** The usages that hosts should have, as `trueSums`. */
async function trueUsages(reader: Reader, hosts: Hosts): Promise<Map<number, Record<string, string | null>>> {
  const totals = new Map<number, Record<string, string | null>>();
  for (const table of ['claims', 'held_claims'] as const) {
    const parts = usages.map(({ part }) => part);
    const query = reader(table).select('host_id', ...parts);
    void query.where((any) => {
      for (const part of parts) void any.orWhereNotNull(part);
    });
    if (hosts !== null) void query.whereIn('host_id', [...hosts]);
    for (const row of (await query) as Pick<Row, 'host_id' | Part>[]) {
      const total = totals.get(row.host_id) ?? {};
      for (const { part, sum, add } of usages) total[sum] = add(total[sum] ?? null, row[part], 1);
      totals.set(row.host_id, total);
    }
  }
  return totals;
}

/**
 * The sums that hosts should have, by the host's number. No claim changes without its host, so those of a host whose row is locked
 * are not locked too: whoever holds one of them waits for the host.
 */
async function trueSums(reader: Reader, hosts: Hosts): Promise<Map<number, Record<string, number>>> {
  const totals = new Map<number, Record<string, number>>();
  for (const table of ['claims', 'held_claims'] as const) {
    const query = reader(table).select('host_id').count({ count: '*' }).groupBy('host_id');
    for (const [sum, part] of sums) void query.sum({ [sum]: part });
    if (hosts !== null) void query.whereIn('host_id', [...hosts]);
    for (const row of (await query) as Record<string, unknown>[]) {
      const total = totals.get(row['host_id'] as number) ?? { running_vms: 0 };
      for (const [sum] of sums) total[sum] = (total[sum] ?? 0) + Number(row[sum] ?? 0);
      if (table === 'claims') total['running_vms'] = Number(row['count']);
      totals.set(row['host_id'] as number, total);
    }
  }
  return totals;
}

/** Where hosts' sums are not the sums of their claims; empty when the law holds. */
export async function checkClaims(reader: Reader, ofHosts: Hosts = null): Promise<ClaimDrift[]> {
  const names = ['running_vms', ...sums.map(([sum]) => sum)];
  const query = reader('hosts').select('id', ...usages.map(({ sum }) => sum), ...names);
  if (ofHosts !== null) void query.whereIn('id', [...ofHosts]);
  const hosts: Record<string, Sum>[] = await query;
  const [totals, used] = [await trueSums(reader, ofHosts), await trueUsages(reader, ofHosts)];
  return hosts.flatMap((host) => {
    const hostId = host['id'] as number;
    const numbers = names.map((column) => [column, totals.get(hostId)?.[column] ?? 0] as const);
    const texts = usages.map(({ sum }) => [sum, used.get(hostId)?.[sum] ?? null] as const);
    return [...numbers, ...texts]
      .map(([column, shouldBe]) => ({ hostId, column, is: host[column] as Sum, shouldBe }))
      .filter(({ is, shouldBe }) => is !== shouldBe);
  });
}

/** Writes the sums anew from the claims of one host, whose row is locked by it. */
export async function repairSums(tx: Tx, hostId: number): Promise<void> {
  await tx('hosts').select('id').where({ id: hostId }).forUpdate();
  const total = (await trueSums(tx, [hostId])).get(hostId);
  const used = (await trueUsages(tx, [hostId])).get(hostId);
  const changes: Record<string, unknown> = movedOn(tx);
  for (const name of ['running_vms', ...sums.map(([sum]) => sum)]) changes[name] = total?.[name] ?? 0;
  for (const { sum } of usages) changes[sum] = used?.[sum] ?? null;
  await tx('hosts').where({ id: hostId }).update(changes);
}

/** Servers that are deleted and claim something of hosts: there must be none. */
export async function claimsOfDeleted(reader: Reader, ofHosts: Hosts = null): Promise<number[]> {
  const found: number[] = [];
  for (const table of ['claims', 'held_claims']) {
    const query = reader(table)
      .join('servers', 'servers.id', `${table}.server_id`)
      .where('servers.deleted', 1)
      .select(`${table}.server_id`);
    if (ofHosts !== null) void query.whereIn(`${table}.host_id`, [...ofHosts]);
    const rows: { server_id: number }[] = await query;
    found.push(...rows.map((row) => row.server_id));
  }
  return [...new Set(found)];
}
