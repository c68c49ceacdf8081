// Why: whatever changes a server's size, state or claim, its history of sizes and its project's use of the quota follow in the
// same transaction: both are derived from the rows as they are when it ends, so no verb can forget them.

import type { Size } from '../domain/adjustment/size.ts';
import type { FlavorSnapshot } from '../domain/machines/flavors.ts';
import type { VmState } from '../domain/servers/servers.ts';
import { type CountedSize, countedSize, sameCount, type SizeSpan } from '../domain/servers/server-sizes.ts';
import { fromBool, fromTime } from './codec.ts';
import { amongNumbers, readRows, type Reader, type Row, snapshotsOf } from './engine.ts';
import { unmetered } from './metering.ts';
import { flavorShape } from './shapes.ts';
import { type Columns, columnsOf, defineNoun } from './table.ts';
import { insertRows, noteForEnding, type Tx } from './tx.ts';

const SPAN = 'server_sizes';

const sizeColumns: Columns<CountedSize> = {
  vcpus: ['vcpus', 'number'],
  memoryMb: ['memory_mb', 'number'],
  diskGb: ['disk_gb', 'number'],
  counted: ['counted', 'bool'],
  billed: ['billed', 'bool'],
  rate: ['rate', 'number'],
  extra: { vcpus: ['extra_vcpus', 'number'], memoryMb: ['extra_memory_mb', 'number'] },
};

const sizeNoun = defineNoun<CountedSize>({ table: SPAN, columns: sizeColumns });

const spanNoun = defineNoun<SizeSpan>({
  table: SPAN,
  columns: { ...sizeColumns, startedAt: ['started_at', 'time'], endedAt: ['ended_at', 'time'] },
});

/** Servers with what is claimed for them and their present span. */
const SUBJECTS = `select servers.id, servers.project_id, servers.user_id, servers.vm_state, servers.deleted,
  servers.updated_at, servers.launched_at, servers.deleted_at, servers.terminated_at, servers.promised_vcpus, servers.promised_memory_mb,
  servers.boot_vcpus, servers.boot_memory_mb,
  servers.root_gb + servers.ephemeral_gb as flavor_disk_gb, servers.flavor,
  claims.vcpus as claimed_vcpus, claims.memory_mb as claimed_memory_mb,
  present.id as span_id, ${columnsOf(spanNoun, { as: 'present', without: ['endedAt'] }).join(', ')}
  from servers
  left join claims on claims.server_id = servers.id
  left join ${SPAN} present on present.server_id = servers.id and present.ended_at is null where `;

function sizeNow(row: Row, flavor: FlavorSnapshot): CountedSize | null {
  const sizeOf = (of: 'claimed' | 'promised' | 'boot'): Size => ({
    vcpus: row[`${of}_vcpus`] as number,
    memoryMb: row[`${of}_memory_mb`] as number,
  });
  const maybe = (of: 'claimed' | 'promised'): Size | null => (row[`${of}_vcpus`] === null ? null : sizeOf(of));
  return countedSize({
    vmState: row['vm_state'] as VmState,
    deleted: fromBool(row['deleted']),
    deletedAt: fromTime(row['deleted_at']),
    launchedAt: fromTime(row['launched_at']),
    claimed: maybe('claimed'),
    promised: maybe('promised'),
    boot: sizeOf('boot'),
    diskGb: Number(row['flavor_disk_gb']),
    flavor,
  });
}

/** What one owner uses more, or less, of the quota. */
interface UsageChange {
  readonly projectId: string;
  readonly userId: string;
  instances: number;
  cores: number;
  ram: number;
}

function addTo(change: UsageChange, size: CountedSize | null, sign: 1 | -1): void {
  if (size === null || !size.counted) return;
  change.instances += sign;
  change.cores += sign * (size.vcpus + size.extra.vcpus);
  change.ram += sign * (size.memoryMb + size.extra.memoryMb);
}

/** Ends the spans that are over, begins the new ones, and moves the sums of the owners by the difference. */
async function followSizes(tx: Tx, ids: readonly number[]): Promise<void> {
  const among = amongNumbers(tx, 'servers.id', ids);
  const changes = new Map<string, UsageChange>();
  const begun: Record<string, unknown>[] = [];
  const parse = snapshotsOf(tx);
  for (const row of await readRows(tx, `${SUBJECTS}${among.sql}`, among.bindings)) {
    const before = row['span_id'] === null ? null : sizeNoun.fromRow(row);
    const now = sizeNow(row, parse(row['flavor'], flavorShape.read));
    if (before === null ? now === null : now !== null && sameCount(before, now)) continue;
    const [projectId, userId] = [row['project_id'] as string, row['user_id'] as string];
    const changedAt = Number((now === null ? row['terminated_at'] : null) ?? row['updated_at']);
    // another process's clock may be behind
    const atMs = Math.max(changedAt, Number(row['started_at'] ?? 0));
    if (before !== null) await tx(SPAN).where({ id: row['span_id'] }).update({ ended_at: atMs });
    if (now !== null) {
      begun.push({
        server_id: row['id'],
        project_id: projectId,
        user_id: userId,
        ...spanNoun.toRow({ ...now, startedAt: atMs, endedAt: null }),
        ...unmetered(now.rate, atMs),
      });
    }
    const owner = JSON.stringify([projectId, userId]);
    const change = changes.get(owner) ?? { projectId, userId, instances: 0, cores: 0, ram: 0 };
    changes.set(owner, change);
    addTo(change, before, -1);
    addTo(change, now, 1);
  }
  await insertRows(tx, SPAN, begun);
  // always in the same order, so that no two transactions wait for each other
  for (const owner of [...changes.keys()].sort()) await moveUsage(tx, changes.get(owner) as UsageChange);
}

async function moveUsage(tx: Tx, { projectId, userId, instances, cores, ram }: UsageChange): Promise<void> {
  if (instances === 0 && cores === 0 && ram === 0) return;
  await tx('quota_usages')
    .insert({ project_id: projectId, user_id: userId, instances, cores, ram })
    .onConflict(['project_id', 'user_id'])
    .merge({
      instances: tx.raw('quota_usages.instances + ?', [instances]),
      cores: tx.raw('quota_usages.cores + ?', [cores]),
      ram: tx.raw('quota_usages.ram + ?', [ram]),
    });
}

/** A server that is about to be taken out of the books, as if it had never been there, counts for nothing from now on. */
export async function uncountSize(tx: Tx, serverId: number): Promise<void> {
  const among = amongNumbers(tx, 'servers.id', [serverId]);
  for (const row of await readRows(tx, `${SUBJECTS}${among.sql}`, among.bindings)) {
    if (row['span_id'] === null) continue;
    const [projectId, userId] = [row['project_id'] as string, row['user_id'] as string];
    const change = { projectId, userId, instances: 0, cores: 0, ram: 0 };
    addTo(change, sizeNoun.fromRow(row), -1);
    await moveUsage(tx, change);
  }
}

/** Called by whatever changes a server's row or claim; the rest happens when the transaction ends. */
export const noteSize = (tx: Tx, serverId: number): void => noteForEnding(tx, followSizes, serverId);

/** What servers use of a quota. `ram` in MiB. */
export interface ServerUsage {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}

/** Its parts, which are columns of `quota_usages`. */
export const serverResources = ['instances', 'cores', 'ram'] as const satisfies readonly (keyof ServerUsage)[];

/** The sum over a project's servers, or over those of one of its users; its cost does not depend on their number. */
export async function serverUsage(reader: Reader, projectId: string, userId?: string): Promise<ServerUsage> {
  const sums =
    'select sum(instances) as instances, sum(cores) as cores, sum(ram) as ram from quota_usages where project_id = ?';
  const rows =
    userId === undefined
      ? await readRows(reader, sums, [projectId])
      : await readRows(reader, `${sums} and user_id = ?`, [projectId, userId]);
  const row = rows[0] as Row;
  return { instances: Number(row['instances']), cores: Number(row['cores']), ram: Number(row['ram']) };
}

/** The spans of these servers that reach into a period (milliseconds), by the server's number, oldest first. */
export async function findSpans(
  reader: Reader,
  serverIds: readonly number[],
  startMs: number,
  stopMs: number,
): Promise<Map<number, SizeSpan[]>> {
  const spans = new Map<number, SizeSpan[]>();
  if (serverIds.length === 0) return spans;
  const among = amongNumbers(reader, 'server_id', serverIds);
  const rows = await readRows(
    reader,
    `select server_id, ${spanNoun.columns.join(', ')} from ${SPAN}
     where ${among.sql} and started_at < ? and (ended_at is null or ended_at > ?) order by started_at, id`,
    [...among.bindings, stopMs, startMs],
  );
  for (const row of rows) {
    const id = row['server_id'] as number;
    const list = spans.get(id) ?? [];
    spans.set(id, list);
    list.push(spanNoun.fromRow(row));
  }
  return spans;
}
