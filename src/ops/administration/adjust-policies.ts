// Why: who may adjust a server may say how it adjusts itself. What a policy means nothing for is refused before it is kept.

import { badRequest, type Fault, forbidden, notFound } from '../../base/errors.ts';
import { cronProblem, nextRun } from '../../base/cron.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { countPolicies, deletePolicyRow, insertPolicy, lockPolicy, updatePolicy } from '../../db/adjust-policies.ts';
import { findFlavor } from '../../db/flavors.ts';
import { findServerGroup } from '../../db/server-groups.ts';
import { findServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type AdjustPolicy, pressureProblem } from '../../domain/adjustment/adjust-policies.ts';
import { isElastic } from '../../domain/machines/flavors.ts';
import type { OpsDeps } from '../deps.ts';
import { lockQuota } from './quota-sets.ts';

export type AdjustPolicyRequest = Pick<
  AdjustPolicy,
  'name' | 'subjectKind' | 'subjectId' | 'enabled' | 'dryRun' | 'pressure' | 'schedules'
>;

export const noAdjustPolicy = (uuid: string): Fault => notFound(`Adjust policy ${uuid} could not be found.`);

/** When the first of the schedules is due after a moment; null: none is. */
export function nextOf(
  { enabled, schedules }: Pick<AdjustPolicy, 'enabled' | 'schedules'>,
  afterMs: number,
): number | null {
  const runs = schedules.flatMap(({ cron, timezone }) => nextRun(cron, afterMs, timezone) ?? []);
  return enabled && runs.length > 0 ? Math.min(...runs) : null;
}

/** Throws a 400 for what cannot be meant. */
function check({ pressure, schedules }: Pick<AdjustPolicyRequest, 'pressure' | 'schedules'>, nowMs: number): void {
  if (pressure === null && schedules.length === 0) throw badRequest('A policy has pressure, schedules or both.');
  const problem = pressure === null ? null : pressureProblem(pressure);
  if (problem !== null) throw badRequest(`Invalid policy: ${problem}.`);
  for (const { cron, timezone, vcpus, memoryMb } of schedules) {
    const wrong = cronProblem(cron, nowMs, timezone);
    if (wrong !== null) throw badRequest(`Invalid schedule '${cron}' (${timezone}): ${wrong}`);
    if (vcpus === null && memoryMb === null) throw badRequest(`Schedule '${cron}' says neither vcpus nor memory_mb.`);
  }
}

/** Throws a 400 where there is no such thing for the caller, or nothing of it can move. */
async function checkSubject(t: Tx, op: Op, { subjectKind, subjectId }: AdjustPolicyRequest): Promise<void> {
  const { projectId, isAdmin } = op.caller;
  const unknown = badRequest(`There is no ${subjectKind.replace('_', ' ')} ${subjectId}.`);
  if (subjectKind === 'flavor') {
    const flavor = await findFlavor(t, subjectId);
    if (flavor === null) throw unknown;
    if (!isElastic(flavor)) throw badRequest(`Flavor ${subjectId} has no minimum: its servers have one size.`);
    return;
  }
  const owned = subjectKind === 'server' ? await findServer(t, subjectId) : await findServerGroup(t, subjectId);
  if (owned === null || (owned.projectId !== projectId && !isAdmin)) throw unknown;
  if (owned.projectId !== projectId) {
    throw badRequest(`${subjectId} is another project's: a policy is made in the project of what it is for.`);
  }
  if ('flavor' in owned && !isElastic(owned.flavor)) throw badRequest(`Server ${subjectId} has one size.`);
}

/** Makes a policy of the caller's project. Throws 400, and 403 for more than a project may have. */
export function createAdjustPolicy(deps: OpsDeps, op: Op, request: AdjustPolicyRequest): Promise<AdjustPolicy> {
  const { projectId, userId } = op.caller;
  if (projectId === null) throw badRequest('Policies are made in a project: the token is scoped to none.');
  const nowMs = deps.clock.now();
  check(request, nowMs);
  return tx(deps.database, async (t) => {
    await lockQuota(t, projectId);
    await checkSubject(t, op, request);
    if ((await countPolicies(t, projectId)) >= limits.adjustPolicies) {
      const words = `The project has ${limits.adjustPolicies} policies, which is as many as there may be.`;
      throw forbidden(words, { code: 'quota' });
    }
    const made = { ...request, uuid: newUuid(), projectId, userId, createdAt: nowMs, updatedAt: nowMs };
    const policy = { ...made, nextAt: nextOf(request, nowMs) };
    return { ...policy, id: await insertPolicy(t, policy) };
  });
}

export type AdjustPolicyChange = Partial<Omit<AdjustPolicyRequest, 'subjectKind' | 'subjectId'>>;

/** Changes a policy; what is not named stays. Throws 400 and 404. */
export function updateAdjustPolicy(
  deps: OpsDeps,
  _op: Op,
  { uuid }: Pick<AdjustPolicy, 'uuid'>,
  change: AdjustPolicyChange,
): Promise<AdjustPolicy> {
  const nowMs = deps.clock.now();
  return tx(deps.database, async (t) => {
    const before = await lockPolicy(t, uuid);
    if (before === null) throw noAdjustPolicy(uuid);
    const next = { ...before, ...change, updatedAt: nowMs };
    check(next, nowMs);
    const policy = { ...next, nextAt: nextOf(next, nowMs) };
    await updatePolicy(t, before.id, policy);
    return policy;
  });
}

/** Its servers keep the size that they have. Throws 404. */
export async function deleteAdjustPolicy(deps: OpsDeps, _op: Op, { uuid }: Pick<AdjustPolicy, 'uuid'>): Promise<void> {
  if (!(await tx(deps.database, (t) => deletePolicyRow(t, uuid)))) throw noAdjustPolicy(uuid);
}
