// Why: work on the files of volumes is committed with the change that asks for it, and done by whoever takes its lease. A row goes
// with the change that the work ends in, so that nothing asked for is forgotten, however often a process dies.

import type { JobKind } from '../domain/volumes/jobs.ts';
import type { Reader } from './engine.ts';
import { defineNoun, insertRow } from './table.ts';
import type { Tx } from './tx.ts';

export interface VolumeJob {
  readonly id: number;
  readonly kind: JobKind;
  readonly volumeId: string;
  readonly snapshotId: string | null;
  /** The volume or snapshot that is read meanwhile, and must stay as it is. */
  readonly sourceId: string | null;
  readonly args: Readonly<Record<string, unknown>>;
  /** How often it was begun. */
  readonly attempts: number;
  readonly leaseUntil: number;
  readonly requestId: string;
  readonly createdAt: number;
}

const jobNoun = defineNoun<VolumeJob>({
  table: 'volume_jobs',
  columns: {
    id: ['id', 'number'],
    kind: ['kind', 'text'],
    volumeId: ['volume_id', 'text'],
    snapshotId: ['snapshot_id', 'text'],
    sourceId: ['source_id', 'text'],
    args: ['args', 'json'],
    attempts: ['attempts', 'number'],
    leaseUntil: ['lease_until', 'number'],
    requestId: ['request_id', 'text'],
    createdAt: ['created_at', 'time'],
  },
});

export type NewJob = Pick<VolumeJob, 'kind' | 'volumeId' | 'requestId'> &
  Partial<Pick<VolumeJob, 'snapshotId' | 'sourceId' | 'args'>>;

/** Leaves work for whoever comes first. */
export async function enqueueJob(tx: Tx, job: NewJob, nowMs: number): Promise<void> {
  const fields = { snapshotId: null, sourceId: null, args: {}, attempts: 0, leaseUntil: 0, createdAt: nowMs };
  await insertRow(tx, jobNoun, { ...fields, ...job });
}

/** Takes the lease of the first job that is nobody's. `none`: there is none; `taken`: somebody else took it just now. */
export async function takeJob(tx: Tx, nowMs: number, untilMs: number): Promise<VolumeJob | 'none' | 'taken'> {
  const [row] = await tx('volume_jobs')
    .where('lease_until', '<=', nowMs)
    .orderBy(['lease_until', 'id'])
    .limit(1)
    .select(jobNoun.columns);
  if (row === undefined) return 'none';
  const job = jobNoun.fromRow(row);
  const mine = tx('volume_jobs').where({ id: job.id, lease_until: job.leaseUntil });
  const taken = await mine.update({ lease_until: untilMs, attempts: job.attempts + 1 });
  return taken === 1 ? { ...job, leaseUntil: untilMs, attempts: job.attempts + 1 } : 'taken';
}

/** Keeps a lease longer, or (until now) gives it back; false: it is somebody else's. */
export async function moveLease(tx: Tx, { id, leaseUntil }: VolumeJob, untilMs: number): Promise<boolean> {
  return (await tx('volume_jobs').where({ id, lease_until: leaseUntil }).update({ lease_until: untilMs })) === 1;
}

/** Ends a job; false: it is somebody else's, or over. */
export async function endJob(tx: Tx, { id, leaseUntil }: VolumeJob): Promise<boolean> {
  return (await tx('volume_jobs').where({ id, lease_until: leaseUntil }).delete()) === 1;
}

/** Gives back every lease: whoever had one is no more. */
export async function dropLeases(tx: Tx): Promise<void> {
  await tx('volume_jobs').update({ lease_until: 0 });
}

/** Ends all that is to be done to a volume. */
export async function dropJobsOf(tx: Tx, volumeId: string): Promise<void> {
  await tx('volume_jobs').where({ volume_id: volumeId }).delete();
}

/** Ends what is to be done to a volume of one kind. */
export async function dropJobsOfKind(tx: Tx, volumeId: string, kind: JobKind): Promise<void> {
  await tx('volume_jobs').where({ volume_id: volumeId, kind }).delete();
}

/** The same as `dropJobsOf` of a snapshot. */
export async function dropJobsOfSnapshot(tx: Tx, snapshotId: string): Promise<void> {
  await tx('volume_jobs').where({ snapshot_id: snapshotId }).delete();
}

/** Whether a volume or a snapshot is being read. */
export async function isBeingRead(reader: Reader, id: string): Promise<boolean> {
  return (await reader('volume_jobs').where({ source_id: id }).first('id')) !== undefined;
}
