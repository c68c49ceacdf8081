// Why: the rows of snapshots and backups. They outlive what they name: a backup stays when its server goes.

import type { CopyJob, CopyKind, CopyStatus, ServerCopy } from '../domain/servers/server-copies.ts';
import type { Reader } from './engine.ts';
import { notePriced } from './priced-spans.ts';
import { defineNoun, findRow, insertRow, lockRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

const TABLE = 'server_copies';

export const copyNoun = defineNoun<ServerCopy>({
  table: TABLE,
  columns: {
    id: ['id', 'text'],
    serverUuid: ['server_uuid', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    kind: ['kind', 'text'],
    parentId: ['parent_id', 'text'],
    chainId: ['chain_id', 'text'],
    position: ['position', 'number'],
    name: ['name', 'text'],
    description: ['description', 'text'],
    tags: ['tags', 'json'],
    status: ['status', 'text'],
    reason: ['reason', 'text'],
    quiesced: ['quiesced', 'bool'],
    live: ['live', 'json'],
    virtualBytes: ['virtual_bytes', 'number'],
    bytes: ['bytes', 'number'],
    sha256: ['sha256', 'text'],
    imageRef: ['image_ref', 'text'],
    image: ['image', 'json'],
    rootGb: ['root_gb', 'number'],
    scheduled: ['scheduled', 'bool'],
    job: ['job', 'text'],
    jobDueAt: ['job_due_at', 'time'],
    verifiedAt: ['verified_at', 'time'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export type CopyPatch = Partial<ServerCopy>;

const backups: readonly CopyKind[] = ['full', 'incremental'];
const kindsOf = (what: 'snapshots' | 'backups'): readonly CopyKind[] => (what === 'snapshots' ? ['snapshot'] : backups);

export const findCopy = (reader: Reader, id: string): Promise<ServerCopy | null> => findRow(reader, copyNoun, { id });

export const lockCopy = (tx: Tx, id: string): Promise<ServerCopy | null> => lockRow(tx, copyNoun, { id });

export async function insertCopy(tx: Tx, copy: ServerCopy): Promise<void> {
  await insertRow(tx, copyNoun, copy);
}

export async function updateCopy(tx: Tx, id: string, fields: CopyPatch, nowMs: number): Promise<void> {
  await updateRows(tx, copyNoun, { id }, { ...fields, updatedAt: nowMs });
  if (fields.status !== undefined || fields.bytes !== undefined) noteCopy(tx, id, nowMs);
}

export async function removeCopy(tx: Tx, id: string, nowMs: number): Promise<void> {
  await tx(TABLE).where({ id }).delete();
  noteCopy(tx, id, nowMs);
}

/** Which of the two it is, its row says. */
function noteCopy(tx: Tx, id: string, nowMs: number): void {
  notePriced(tx, 'server_snapshot', id, nowMs);
  notePriced(tx, 'backup', id, nowMs);
}

/** Newest first. */
const newestFirst = [
  { column: 'created_at', order: 'desc' },
  { column: 'position', order: 'desc' },
  { column: 'id', order: 'desc' },
] as const;

/** The snapshots, or the backups, of a server, newest first. */
export async function copiesOfServer(
  reader: Reader,
  serverUuid: string,
  what: 'snapshots' | 'backups',
): Promise<ServerCopy[]> {
  const query = reader(TABLE).where({ server_uuid: serverUuid }).whereIn('kind', kindsOf(what));
  return copyNoun.fromRows(await query.select(copyNoun.columns).orderBy([...newestFirst]));
}

/** The backups of a project (null: of all), newest first. */
export async function backupsOfProject(reader: Reader, projectId: string | null, limit: number): Promise<ServerCopy[]> {
  const query = reader(TABLE).whereIn('kind', backups).limit(limit);
  if (projectId !== null) void query.where({ project_id: projectId });
  return copyNoun.fromRows(await query.select(copyNoun.columns).orderBy([...newestFirst]));
}

/** A chain of backups, the whole one first. */
export async function copiesOfChain(reader: Reader, chainId: string): Promise<ServerCopy[]> {
  return copyNoun.fromRows(
    await reader(TABLE).where({ chain_id: chainId }).select(copyNoun.columns).orderBy('position'),
  );
}

/** How much the disks of copies that are being made may take, in GiB, but for one. */
export async function gbBeingMade(reader: Reader, exceptId: string): Promise<number> {
  const row: { gb?: number | string | null } | undefined = await reader(TABLE)
    .where({ status: 'creating' satisfies CopyStatus })
    .whereNot({ id: exceptId })
    .sum({ gb: 'root_gb' })
    .first();
  return Number(row?.gb ?? 0);
}

/** The ids of copies that have been made, or restored, since before a moment. */
export async function copiesAtWork(reader: Reader, beforeMs: number): Promise<string[]> {
  const rows: { id: string }[] = await reader(TABLE)
    .whereIn('status', ['creating', 'restoring'] satisfies CopyStatus[])
    .where('updated_at', '<', beforeMs)
    .select('id');
  return rows.map(({ id }) => id);
}

/** Those of some ids that have a row. */
export async function knownCopies(reader: Reader, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows: { id: string }[] = await reader(TABLE)
    .whereIn('id', [...ids])
    .select('id');
  return new Set(rows.map(({ id }) => id));
}

// --- work on files that needs no server

/** What waits to be done, and that nobody is at: first what goes, which is soon done, then what is read for as long as it is large. */
export async function dueCopyJobs(reader: Reader, nowMs: number, limit: number): Promise<ServerCopy[]> {
  const query = reader(TABLE).where('job_due_at', '<=', nowMs).orderBy(['job', 'job_due_at']).limit(limit);
  return copyNoun.fromRows(await query.select(copyNoun.columns));
}

/** Takes a job until `untilMs`; false: somebody else did, or it is another by now. */
export async function takeCopyJob(tx: Tx, { id, job, jobDueAt }: ServerCopy, untilMs: number): Promise<boolean> {
  return (await tx(TABLE).where({ id, job, job_due_at: jobDueAt }).update({ job_due_at: untilMs })) === 1;
}

/** Holds a job longer that was taken until `untilMs`; false: it is somebody else's. */
export async function moveCopyJob(tx: Tx, id: string, job: CopyJob, untilMs: number, nextMs: number): Promise<boolean> {
  return (await tx(TABLE).where({ id, job, job_due_at: untilMs }).update({ job_due_at: nextMs })) === 1;
}

/** Ends a job that was taken until `untilMs`; false: it is somebody else's. */
export async function endCopyJob(tx: Tx, id: string, job: CopyJob, untilMs: number): Promise<boolean> {
  const mine = tx(TABLE).where({ id, job, job_due_at: untilMs });
  return (await mine.update({ job: null, job_due_at: null })) === 1;
}

/** From now on these are on their way out. */
export async function removeCopiesSoon(tx: Tx, ids: readonly string[], nowMs: number): Promise<void> {
  const fields = { status: 'deleting', job: 'delete', jobDueAt: nowMs, updatedAt: nowMs } as const;
  if (ids.length > 0)
    await tx(TABLE)
      .whereIn('id', [...ids])
      .update(copyNoun.toRow(fields));
}

/** What goes with its server. */
export async function removeSnapshotsOf(tx: Tx, serverUuid: string, nowMs: number): Promise<void> {
  const snapshots = await copiesOfServer(tx, serverUuid, 'snapshots');
  await removeCopiesSoon(
    tx,
    snapshots.map(({ id }) => id),
    nowMs,
  );
}
