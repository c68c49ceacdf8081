// Why: quotas are checked in the transaction that uses them, and read by the same arithmetic.

import { forbidden } from '../base/errors.ts';
import type { Op } from '../base/op.ts';
import type { Reader } from '../db/engine.ts';
import { classLimits, lockQuota, projectLimits, serverUsage, userLimits } from '../db/quota-sets.ts';
import type { Tx } from '../db/tx.ts';
import { limitsFrom, type QuotaLimits, quotaProblem, type ServerAmounts } from '../domain/quota.ts';
import type { Size } from '../domain/size.ts';
import type { OpsDeps } from './deps.ts';

/** The limits in force: built-in, of the class `default`, of the project, of the user in it. */
export async function effectiveLimits(
  reader: Reader,
  defaults: QuotaLimits,
  projectId: string,
  userId?: string,
): Promise<QuotaLimits> {
  return limitsFrom(
    defaults,
    await classLimits(reader),
    await projectLimits(reader, projectId),
    userId === undefined ? {} : await userLimits(reader, projectId, userId),
  );
}

/** What a new project has. */
export const defaultLimits = async (reader: Reader, defaults: QuotaLimits): Promise<QuotaLimits> =>
  limitsFrom(defaults, await classLimits(reader));

export interface QuotaView {
  readonly limits: QuotaLimits;
  readonly used: ServerAmounts;
}

/** Limits and use of a project, or of one user in it. */
export async function quotaOf(
  reader: Reader,
  defaults: QuotaLimits,
  projectId: string,
  userId?: string,
): Promise<QuotaView> {
  return {
    limits: await effectiveLimits(reader, defaults, projectId, userId),
    used: await serverUsage(reader, projectId, userId),
  };
}

/** Limits and use, as the API shows them. */
export const readQuota = (deps: OpsDeps, _op: Op, projectId: string, userId?: string): Promise<QuotaView> =>
  quotaOf(deps.database.read, deps.config.quota, projectId, userId);

/** What a new project has, as the API shows it. */
export const readDefaultQuota = (deps: OpsDeps, _op: Op): Promise<QuotaLimits> =>
  defaultLimits(deps.database.read, deps.config.quota);

/** Throws Nova's 403 when a server's growth is more than its project may have. The caller called `lockQuota`. */
export async function checkGrowth(t: Tx, defaults: QuotaLimits, projectId: string, grows: Size): Promise<void> {
  const { limits, used } = await quotaOf(t, defaults, projectId);
  const problem = quotaProblem(limits, used, { instances: 0, cores: grows.vcpus, ram: grows.memoryMb });
  if (problem !== null) throw forbidden(problem, { code: 'quota' });
}

export { lockQuota };
