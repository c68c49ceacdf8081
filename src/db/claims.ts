// Why: what a server holds of its host is one row, and the host's sums move with it in the same transaction. The host's
// generation decides between two who saw the same free room: one conditional update, the other looks again.

import type { Amounts } from '../domain/claim.ts';
import type { Size } from '../domain/size.ts';
import { readRows, type Reader } from './engine.ts';
import { noteSize } from './server-sizes.ts';
import type { Tx } from './tx.ts';

/** All numbers are absolute. */
export interface Claim extends Amounts {
  readonly serverId: number;
  readonly hostId: number;
  /** The server's flavor, for the host's ceiling. */
  readonly maximum: Size;
}

interface Row {
  readonly server_id: number;
  readonly host_id: number;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
  readonly max_vcpus: number;
  readonly max_memory_mb: number;
}

const columns = ['server_id', 'host_id', 'vcpus', 'memory_mb', 'disk_gb', 'max_vcpus', 'max_memory_mb'];

const decode = (row: Row): Claim => ({
  serverId: row.server_id,
  hostId: row.host_id,
  vcpus: row.vcpus,
  memoryMb: row.memory_mb,
  diskGb: row.disk_gb,
  maximum: { vcpus: row.max_vcpus, memoryMb: row.max_memory_mb },
});

const ONE_CLAIM = `select ${columns.join(', ')} from claims where server_id = ?`;

export async function findClaim(reader: Reader, serverId: number): Promise<Claim | null> {
  const [row] = await readRows(reader, ONE_CLAIM, [serverId]);
  return row === undefined ? null : decode(row as unknown as Row);
}

/** The claims of a page of servers, by the server's number. */
export async function findClaims(reader: Reader, serverIds: readonly number[]): Promise<Map<number, Claim>> {
  if (serverIds.length === 0) return new Map();
  const rows: Row[] = await reader('claims')
    .select(columns)
    .whereIn('server_id', [...serverIds]);
  return new Map(rows.map((row) => [row.server_id, decode(row)]));
}

/** Sums of a host: column, its part of a claim. */
const sums = [
  ['claimed_vcpus', 'vcpus'],
  ['claimed_memory_mb', 'memory_mb'],
  ['claimed_disk_gb', 'disk_gb'],
  ['ceiling_vcpus', 'max_vcpus'],
  ['ceiling_memory_mb', 'max_memory_mb'],
] as const;

const nothing = { vcpus: 0, memory_mb: 0, disk_gb: 0, max_vcpus: 0, max_memory_mb: 0 };

type Amount = typeof nothing;

/** Moves a host's sums from one claim to another. Returns whether the generation was still the expected one. */
async function moveSums(
  tx: Tx,
  hostId: number,
  from: Amount,
  to: Amount,
  servers: number,
  generation: number | undefined,
): Promise<boolean> {
  const changes: Record<string, unknown> = { generation: tx.raw('generation + 1') };
  for (const [sum, part] of sums) {
    const delta = to[part] - from[part];
    if (delta !== 0) changes[sum] = tx.raw('?? + ?', [sum, delta]);
  }
  if (servers !== 0) changes['running_vms'] = tx.raw('?? + ?', ['running_vms', servers]);
  const query = tx('hosts').where({ id: hostId });
  if (generation !== undefined) void query.where({ generation });
  return (await query.update(changes)) === 1;
}

/**
 * The server's claim becomes exactly this. With `generation` only if the host is still as it was in that snapshot: `stale`
 * means that somebody was quicker, and nothing was written. Without it the caller holds the host's lock (`lockHost`) or
 * gives back, which always fits.
 */
export async function setClaim(tx: Tx, claim: Claim, generation?: number): Promise<'claimed' | 'stale'> {
  const next = {
    vcpus: claim.vcpus,
    memory_mb: claim.memoryMb,
    disk_gb: claim.diskGb,
    max_vcpus: claim.maximum.vcpus,
    max_memory_mb: claim.maximum.memoryMb,
  };
  const key = { server_id: claim.serverId };
  const before: Row | undefined = await tx('claims').select(columns).where(key).forUpdate().first();
  const stays = before !== undefined && before.host_id === claim.hostId;
  if (stays && generation === undefined && sums.every(([, part]) => before[part] === next[part])) return 'claimed';
  if (!(await moveSums(tx, claim.hostId, stays ? before : nothing, next, stays ? 0 : 1, generation))) return 'stale';
  noteSize(tx, claim.serverId);
  if (before === undefined) await tx('claims').insert({ ...key, host_id: claim.hostId, ...next });
  else {
    if (!stays) await moveSums(tx, before.host_id, before, nothing, -1, undefined);
    await tx('claims')
      .where(key)
      .update({ host_id: claim.hostId, ...next });
  }
  return 'claimed';
}

/** Gives back all that a server claimed; twice is once. */
export async function releaseClaim(tx: Tx, serverId: number): Promise<void> {
  const key = { server_id: serverId };
  const before: Row | undefined = await tx('claims').select(columns).where(key).forUpdate().first();
  if (before === undefined) return;
  noteSize(tx, serverId);
  await tx('claims').where(key).delete();
  await moveSums(tx, before.host_id, before, nothing, -1, undefined);
}

export interface ClaimDrift {
  readonly hostId: number;
  readonly column: string;
  readonly is: number;
  readonly shouldBe: number;
}

/** Where a host's sums are not the sums of its claims; empty when the law holds. */
export async function checkClaims(reader: Reader): Promise<ClaimDrift[]> {
  const hosts: Record<string, number>[] = await reader('hosts').select(
    'id',
    'running_vms',
    ...sums.map(([sum]) => sum),
  );
  const query = reader('claims').select('host_id').count({ count: '*' }).groupBy('host_id');
  for (const [sum, part] of sums) void query.sum({ [sum]: part });
  const totals = new Map<number, Record<string, unknown>>();
  for (const row of (await query) as Record<string, unknown>[]) totals.set(row['host_id'] as number, row);
  const drifts: ClaimDrift[] = [];
  for (const host of hosts) {
    const total = totals.get(host['id'] as number);
    const compare = (column: string, shouldBe: number) => {
      const is = host[column] as number;
      if (is !== shouldBe) drifts.push({ hostId: host['id'] as number, column, is, shouldBe });
    };
    for (const [sum] of sums) compare(sum, Number(total?.[sum] ?? 0));
    compare('running_vms', Number(total?.['count'] ?? 0));
  }
  return drifts;
}

/** Writes the sums anew from the claims of one host, whose row is locked by it. */
export async function repairSums(tx: Tx, hostId: number): Promise<void> {
  await tx('hosts').select('id').where({ id: hostId }).forUpdate();
  const query = tx('claims').count({ count: '*' }).where({ host_id: hostId }).forUpdate();
  for (const [sum, part] of sums) void query.sum({ [sum]: part });
  const [total] = (await query) as [Record<string, unknown>];
  const changes: Record<string, unknown> = {
    generation: tx.raw('generation + 1'),
    running_vms: Number(total['count']),
  };
  for (const [sum] of sums) changes[sum] = Number(total[sum] ?? 0);
  await tx('hosts').where({ id: hostId }).update(changes);
}

/** Claims of servers that are deleted: there must be none. */
export async function claimsOfDeleted(reader: Reader): Promise<number[]> {
  const rows: { server_id: number }[] = await reader('claims')
    .join('servers', 'servers.id', 'claims.server_id')
    .where('servers.deleted', 1)
    .select('claims.server_id');
  return rows.map((row) => row.server_id);
}
