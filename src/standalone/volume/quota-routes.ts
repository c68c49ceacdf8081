// Why: quotas and limits of volumes, as clients show them.

import { badRequest, forbidden } from '../../base/errors.ts';
import { isYes } from '../../base/boolean-word.ts';
import { tx } from '../../db/tx.ts';
import { lastOf, type Routes } from '../http.ts';
import type { VolumeParts } from './parts.ts';
import {
  deleteQuota,
  EVERYBODY,
  isQuotaName,
  type QuotaName,
  quotaNames,
  quotaOf,
  setQuota,
  usageIn,
  usedOf,
  type VolumeQuota,
} from './quota.ts';
import { under, whole } from './schemas.ts';
import { bodyBy, page, projectOf, type Visit } from './web.ts';

const quotaSet = under('quota_set', {
  type: 'object',
  maxProperties: 256,
  properties: { tenant_id: {}, project_id: {}, skip_validation: {}, force: {} },
  additionalProperties: whole(-1, 2_147_483_647),
});

const classSet = under('quota_class_set', {
  type: 'object',
  maxProperties: 256,
  properties: { class_name: {}, id: {} },
  additionalProperties: whole(-1, 2_147_483_647),
});

const idOf = ({ params }: Visit): string => params['id'] ?? '';

/** Whose quota a caller asks for: his own project's, unless he is an administrator. */
function mustConcern({ caller }: Visit, projectId: string): void {
  if (!caller.isAdmin && caller.projectId !== projectId) throw forbidden('The quota is of another project.');
}

async function used(parts: VolumeParts, projectId: string): Promise<Record<string, object>> {
  const quota = await quotaOf(parts.database.read, parts.quota, projectId);
  const use = usedOf(await usageIn(parts.database.read, projectId));
  return Object.fromEntries(quotaNames.map((name) => [name, { limit: quota[name], in_use: use[name], reserved: 0 }]));
}

/** What clients send along. */
const ALONG = ['tenant_id', 'project_id', 'skip_validation', 'force', 'class_name', 'id'];

function changesOf(body: Readonly<Record<string, unknown>>): readonly (readonly [QuotaName, number])[] {
  return Object.entries(body).flatMap(([name, value]): (readonly [QuotaName, number])[] => {
    if (ALONG.includes(name)) return [];
    // per type, as Cinder has them for each type: not kept here
    if (!isQuotaName(name)) throw badRequest(`Bad key(s) in quota set: ${name.slice(0, 255)}`);
    const most = Number(value);
    if (!Number.isInteger(most) || most < -1 || most > 2_147_483_647)
      throw badRequest(`Invalid quota ${name}: ${String(value)}`);
    return [[name, most]];
  });
}

export function addQuotaRoutes(routes: Routes, parts: VolumeParts): void {
  const { database } = parts;
  const rule = 'volume_extension:quotas' as const;
  page(routes, 'GET', '/os-quota-sets/:id/defaults', { first: `${rule}:show` }, async (visit) => {
    mustConcern(visit, idOf(visit));
    return {
      status: 200,
      body: { quota_set: { id: idOf(visit), ...(await quotaOf(database.read, parts.quota, EVERYBODY)) } },
    };
  });
  page(routes, 'GET', '/os-quota-sets/:id', { first: `${rule}:show` }, async (visit) => {
    const projectId = idOf(visit);
    mustConcern(visit, projectId);
    const withUse = isYes(lastOf(visit.query, 'usage') ?? undefined);
    const quota: object = withUse ? await used(parts, projectId) : await quotaOf(database.read, parts.quota, projectId);
    return { status: 200, body: { quota_set: { id: projectId, ...quota } } };
  });
  page(routes, 'PUT', '/os-quota-sets/:id', { first: `${rule}:update` }, async (visit) => {
    const { quota_set: body } = await bodyBy<{ quota_set: Readonly<Record<string, unknown>> }>(visit, quotaSet);
    const changes = changesOf(body);
    if (idOf(visit).length > 64) throw badRequest('The id of a project has at most 64 characters.');
    await tx(database, async (t) => {
      for (const [name, most] of changes) await setQuota(t, idOf(visit), name, most);
    });
    return { status: 200, body: { quota_set: await quotaOf(database.read, parts.quota, idOf(visit)) } };
  });
  page(routes, 'DELETE', '/os-quota-sets/:id', { first: `${rule}:delete` }, async (visit) => {
    await tx(database, (t) => deleteQuota(t, idOf(visit)));
    return { status: 200 };
  });
  page(routes, 'GET', '/os-quota-class-sets/:id', { first: 'volume_extension:quota_classes' }, async (visit) => ({
    status: 200,
    body: { quota_class_set: { id: idOf(visit), ...(await quotaOf(database.read, parts.quota, EVERYBODY)) } },
  }));
  page(routes, 'PUT', '/os-quota-class-sets/:id', { first: 'volume_extension:quota_classes' }, async (visit) => {
    const { quota_class_set: body } = await bodyBy<{ quota_class_set: Readonly<Record<string, unknown>> }>(
      visit,
      classSet,
    );
    const changes = changesOf(body);
    if (idOf(visit) !== 'default')
      throw badRequest('Projects are in no classes: the quota of everybody is that of the class default.');
    await tx(database, async (t) => {
      for (const [name, most] of changes) await setQuota(t, EVERYBODY, name, most);
    });
    return { status: 200, body: { quota_class_set: await quotaOf(database.read, parts.quota, EVERYBODY) } };
  });
  page(routes, 'GET', '/limits', { first: 'limits_extension:used_limits' }, async (visit) => {
    const projectId = (visit.caller.isAdmin ? lastOf(visit.query, 'project_id') : null) ?? projectOf(visit);
    const quota = await quotaOf(database.read, parts.quota, projectId);
    const use = usedOf(await usageIn(database.read, projectId));
    return { status: 200, body: { limits: { rate: [], absolute: absolute(quota, use) } } };
  });
}

const absolute = (quota: VolumeQuota, use: VolumeQuota): object => ({
  maxTotalVolumes: quota.volumes,
  maxTotalSnapshots: quota.snapshots,
  maxTotalVolumeGigabytes: quota.gigabytes,
  maxTotalBackups: quota.backups,
  maxTotalBackupGigabytes: quota.backup_gigabytes,
  totalVolumesUsed: use.volumes,
  totalSnapshotsUsed: use.snapshots,
  totalGigabytesUsed: use.gigabytes,
  totalBackupsUsed: 0,
  totalBackupGigabytesUsed: 0,
});
