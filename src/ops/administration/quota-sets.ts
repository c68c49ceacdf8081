// Why: quotas are checked in the transaction that uses them, and read and set by the same arithmetic.

import { badRequest, forbidden } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import {
  appliedLimits,
  classLimits,
  deleteLimits,
  type LimitOwner,
  limitsAndUsage,
  lockQuota,
  setLimit,
  sharedOut,
} from '../../db/quota-sets.ts';
import { countServerGroups } from '../../db/server-groups.ts';
import { serverUsage } from '../../db/server-sizes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import {
  boundsServers,
  isOver,
  limitProblem,
  limitsFrom,
  perProject,
  projectRange,
  type QuotaAccounts,
  type QuotaLimits,
  quotaProblem,
  type QuotaResource,
  quotaResources,
  userRange,
} from '../../domain/placement/quota-sets.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';

type Amounts = Readonly<Partial<Record<QuotaResource, number>>>;

export interface QuotaView {
  readonly limits: QuotaLimits;
  /** 0 of what bounds one server or one user, and not a project. */
  readonly used: Readonly<Record<QuotaResource, number>>;
}

/** Who is asked about: a project, or one user in it. */
export interface QuotaOwner {
  readonly projectId: string;
  readonly userId?: string | undefined;
}

const noUse = Object.fromEntries(quotaResources.map((resource) => [resource, 0])) as Record<QuotaResource, number>;

// --- reading --------------------------------------------------------------------------------------------------------

const limitsOf = async (reader: Reader, defaults: QuotaLimits, { projectId, userId }: QuotaOwner) => {
  const set = await appliedLimits(reader, projectId, userId);
  return limitsFrom(defaults, set.defaults, set.project, set.user);
};

async function quotaOf(reader: Reader, defaults: QuotaLimits, owner: QuotaOwner): Promise<QuotaView> {
  return {
    limits: await limitsOf(reader, defaults, owner),
    used: {
      ...noUse,
      ...(await serverUsage(reader, owner.projectId, owner.userId)),
      server_groups: await countServerGroups(reader, owner.projectId, owner.userId),
    },
  };
}

/** Limits and use, as the API shows them. */
export const readQuota = (deps: OpsDeps, _op: Op, owner: QuotaOwner): Promise<QuotaView> =>
  quotaOf(deps.database.read, deps.config.quota, owner);

/** What a class of that name gives; unknown ones give what is built in. */
export const readClassQuota = async (deps: OpsDeps, _op: Op, name?: string): Promise<QuotaLimits> =>
  limitsFrom(deps.config.quota, await classLimits(deps.database.read, name));

// --- setting --------------------------------------------------------------------------------------------------------

async function checkSettable(
  t: Tx,
  defaults: QuotaLimits,
  { projectId, userId }: QuotaOwner,
  wanted: Amounts,
): Promise<void> {
  const set = await appliedLimits(t, projectId, userId);
  const limits = limitsFrom(defaults, set.defaults, set.project);
  const given = await sharedOut(t, projectId);
  const { used } = await quotaOf(t, defaults, { projectId, userId });
  for (const [key, limit] of Object.entries(wanted)) {
    const resource = key as QuotaResource;
    const [shared, inUse] = [given[resource] ?? 0, used[resource]];
    const range =
      userId === undefined
        ? projectRange(limits[resource], shared, inUse)
        : userRange(limits[resource], shared, set.user[resource] ?? 0, inUse);
    const problem = limitProblem(resource, limit, range);
    if (problem !== null) throw badRequest(problem);
  }
}

/** Sets limits of a project or of a user in it; without `force` throws 400 for one below what is used or above what is left. */
export function updateQuota(
  deps: OpsDeps,
  op: Op,
  owner: QuotaOwner,
  wanted: Amounts,
  force: boolean,
): Promise<QuotaLimits> {
  const { projectId, userId } = owner;
  const { quota } = deps.config;
  return tx(deps.database, async (t) => {
    await lockQuota(t, projectId);
    if (!force) await checkSettable(t, quota, owner, wanted);
    for (const [resource, limit] of Object.entries(wanted)) {
      const ofProject = userId === undefined || perProject.includes(resource as QuotaResource);
      const whose: LimitOwner = ofProject
        ? { scope: 'project', scopeId: projectId }
        : { scope: 'user', scopeId: projectId, userId };
      await setLimit(t, whose, resource, limit);
    }
    op.log.info({ projectId, userId, limits: wanted, force }, 'quota limits were set');
    return limitsOf(t, quota, owner);
  });
}

/** Back to the defaults: a project with all its users, or one user. */
export const deleteQuota = (deps: OpsDeps, _op: Op, { projectId, userId }: QuotaOwner): Promise<void> =>
  tx(deps.database, (t) => deleteLimits(t, projectId, userId));

/** Sets limits of a class; those of the class `default` are every project's that has none of its own. */
export function updateClassQuota(deps: OpsDeps, _op: Op, name: string, wanted: Amounts): Promise<QuotaLimits> {
  return tx(deps.database, async (t) => {
    for (const [resource, limit] of Object.entries(wanted)) {
      await setLimit(t, { scope: 'class', scopeId: name }, resource, limit);
    }
    return limitsFrom(deps.config.quota, await classLimits(t, name));
  });
}

// --- checking -------------------------------------------------------------------------------------------------------

const exceeded = (message: string) => forbidden(message, { code: 'quota' });

type ServerOwner = Pick<Server, 'projectId' | 'userId'>;

/** What servers of this user in this project must fit into. Who uses more of it called `lockQuota` before. */
export async function accountsOf(
  reader: Reader,
  defaults: QuotaLimits,
  { projectId, userId }: ServerOwner,
): Promise<QuotaAccounts> {
  const { used, ...set } = await limitsAndUsage(reader, projectId, userId);
  const project = { limits: limitsFrom(defaults, set.defaults, set.project), used };
  if (!boundsServers(set.user)) return [project];
  const limits = limitsFrom(defaults, set.defaults, set.project, set.user);
  return [project, { limits, used: await serverUsage(reader, projectId, userId) }];
}

/**
 * Throws Nova's 403 when this is more than the owner may have: what a server grows by (`instances` 0), or one that counts
 * from now on. The caller called `lockQuota`.
 */
export async function checkMore(
  t: Tx,
  defaults: QuotaLimits,
  owner: ServerOwner,
  size: Size,
  instances: 0 | 1,
): Promise<void> {
  const more = { instances, cores: size.vcpus, ram: size.memoryMb };
  const problem = quotaProblem(await accountsOf(t, defaults, owner), more);
  if (problem !== null) throw exceeded(problem);
}

/** What a caller may put into one request, or have of something: the limit, and Nova's words when it is too much. */
const bounds = {
  metadata: ['metadata_items', (allowed) => `Maximum number of metadata items exceeds ${allowed}`],
  imageMetadata: ['metadata_items', () => 'Image metadata limit exceeded'],
  files: ['injected_files', () => 'Personality file limit exceeded'],
  filePathBytes: ['injected_file_path_bytes', (allowed) => `Personality file path exceeds maximum ${allowed}`],
  fileContentBytes: ['injected_file_content_bytes', (allowed) => `Personality file content exceeds maximum ${allowed}`],
  keypairs: ['key_pairs', () => 'Quota exceeded, too many key pairs.'],
  serverGroups: ['server_groups', () => 'Quota exceeded, too many server groups.'],
  groupMembers: ['server_group_members', () => 'Quota exceeded, too many servers in group'],
} as const satisfies Readonly<Record<string, readonly [QuotaResource, (allowed: number) => string]>>;

/** A number that the project's and the user's limit bound alike, or one for each. */
type Wanted = number | { readonly project: number; readonly user: number };

/**
 * Throws Nova's 403 when any of these would be more than the caller may have in the caller's project: of `serverGroups` those
 * of the project and of the caller, of `keypairs` and `groupMembers` those of the caller; the others are sizes of one request.
 * For what is counted the caller of this called `lockQuota`, and `wanted` includes what is asked for.
 */
export async function checkBounds(
  reader: Reader,
  defaults: QuotaLimits,
  { caller }: Pick<Op, 'caller'>,
  wanted: Readonly<Partial<Record<keyof typeof bounds, Wanted>>>,
): Promise<void> {
  // of nothing there is never too much
  const some = Object.entries(wanted).filter(([, value]) => value !== 0);
  if (some.length === 0) return;
  const set = await appliedLimits(reader, caller.projectId ?? '', caller.userId);
  const ofProject = limitsFrom(defaults, set.defaults, set.project);
  const ofUser = limitsFrom(defaults, set.defaults, set.project, set.user);
  for (const [key, value] of some) {
    const [resource, words] = bounds[key as keyof typeof bounds];
    const { project, user } = typeof value === 'number' ? { project: value, user: value } : value;
    if (isOver(ofProject[resource], project)) throw exceeded(words(ofProject[resource]));
    if (isOver(ofUser[resource], user)) throw exceeded(words(ofUser[resource]));
  }
}

export { lockQuota };
