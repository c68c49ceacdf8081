// Why: volumes fill a disk that all projects share, so a project has so many and so much of them, by Cinder's names.

import { Fault } from '../../base/errors.ts';
import type { Reader } from '../../db/engine.ts';
import { lockQuota } from '../../db/quota-sets.ts';
import { snapshotNoun } from '../../db/volume-snapshots.ts';
import { type Usage, usageOf, ofProject, volumeNoun } from '../../db/volumes.ts';
import type { Tx } from '../../db/tx.ts';

export const quotaNames = [
  'volumes',
  'snapshots',
  'gigabytes',
  'per_volume_gigabytes',
  'backups',
  'backup_gigabytes',
  'groups',
] as const;

export type QuotaName = (typeof quotaNames)[number];

/** -1: no limit. */
export type VolumeQuota = Readonly<Record<QuotaName, number>>;

/** Cinder's. */
export const defaultVolumeQuota: VolumeQuota = {
  volumes: 10,
  snapshots: 10,
  gigabytes: 1000,
  per_volume_gigabytes: -1,
  backups: 10,
  backup_gigabytes: 1000,
  groups: 10,
};

export const isQuotaName = (name: string): name is QuotaName => quotaNames.some((known) => known === name);

/** Stands where a project does: what an administrator set for all that have nothing of their own. No project has such an id. */
export const EVERYBODY = '(default)';

/** What was set for a project, over what was set for everybody, over the defaults. */
export async function quotaOf(reader: Reader, defaults: VolumeQuota, projectId: string): Promise<VolumeQuota> {
  const rows: { project_id: string; resource: string; most: number }[] = await reader('volume_quotas')
    .whereIn('project_id', [EVERYBODY, projectId])
    .select('project_id', 'resource', 'most');
  const own = rows.filter((row) => row.project_id === projectId);
  const set = [...rows.filter((row) => row.project_id === EVERYBODY), ...own];
  return { ...defaults, ...Object.fromEntries(set.map(({ resource, most }) => [resource, most])) };
}

export async function setQuota(tx: Tx, projectId: string, resource: QuotaName, most: number): Promise<void> {
  await tx('volume_quotas')
    .insert({ project_id: projectId, resource, most })
    .onConflict(['project_id', 'resource'])
    .merge();
}

export async function deleteQuota(tx: Tx, projectId: string): Promise<void> {
  await tx('volume_quotas').where({ project_id: projectId }).delete();
}

/** What a project has. */
export interface VolumeUsage {
  readonly volumes: Usage;
  readonly snapshots: Usage;
}

export async function usageIn(reader: Reader, projectId: string): Promise<VolumeUsage> {
  const choice = ofProject(projectId);
  return { volumes: await usageOf(reader, volumeNoun, choice), snapshots: await usageOf(reader, snapshotNoun, choice) };
}

/** As the names of quotas have it: snapshots count for gigabytes too, as Cinder's do unless told otherwise. */
export const usedOf = ({ volumes, snapshots }: VolumeUsage): VolumeQuota => ({
  volumes: volumes.count,
  snapshots: snapshots.count,
  gigabytes: volumes.gigabytes + snapshots.gigabytes,
  per_volume_gigabytes: 0,
  backups: 0,
  backup_gigabytes: 0,
  groups: 0,
});

const over = (message: string) => new Fault('tooLarge', message, { retryAfterSeconds: 0 });

const ASKED = 'Requested volume or snapshot exceeds allowed';

/** What is asked for beside what is there; `volumeGb` is the size that one volume comes to. */
export interface Wanted {
  readonly volumes?: number;
  readonly snapshots?: number;
  readonly gigabytes: number;
  readonly volumeGb?: number;
}

/**
 * To be asked in the transaction that adds: who else adds to the project waits until it ends, and counts then.
 * @throws tooLarge with Cinder's words where it is too much
 */
export async function checkQuota(tx: Tx, defaults: VolumeQuota, projectId: string, wanted: Wanted): Promise<void> {
  const quota = await quotaOf(tx, defaults, projectId);
  await lockQuota(tx, projectId);
  const used = usedOf(await usageIn(tx, projectId));
  const isOver = (name: QuotaName, more: number): boolean =>
    more > 0 && quota[name] >= 0 && used[name] + more > quota[name];
  const { per_volume_gigabytes: largest } = quota;
  if (largest >= 0 && (wanted.volumeGb ?? 0) > largest) {
    throw over(`Requested volume size ${wanted.volumeGb}G is larger than maximum allowed limit ${largest}G.`);
  }
  if (isOver('gigabytes', wanted.gigabytes)) {
    throw over(
      `${ASKED} gigabytes quota. Requested ${wanted.gigabytes}G, quota is ${quota.gigabytes}G and ${used.gigabytes}G has been consumed.`,
    );
  }
  if (isOver('volumes', wanted.volumes ?? 0)) {
    throw over(`Maximum number of volumes allowed (${quota.volumes}) exceeded for quota 'volumes'.`);
  }
  if (isOver('snapshots', wanted.snapshots ?? 0)) {
    throw over(`Maximum number of snapshots allowed (${quota.snapshots}) exceeded`);
  }
}
