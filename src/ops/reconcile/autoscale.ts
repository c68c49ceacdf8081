// Why: a server that adjusts itself is looked at when its host tells what its guests take, so that what this costs follows the hosts and not
// the clock. What is decided goes the way of everybody's adjustment: claims, quota, confirmation by the guest; and is recorded with its numbers.

import { isDeepStrictEqual } from 'node:util';
import { previousRun } from '../../base/cron.ts';
import { Fault, outwardMessage } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { AgentReport } from '../../bus/contract.ts';
import {
  anyPressurePolicy,
  duePolicies,
  findStates,
  forgetDecisions,
  keepDecision,
  keepStates,
  policiesFor,
  type Subject,
  subjectsOf,
  subjectsOn,
  takeDue,
} from '../../db/adjust-policies.ts';
import { findHost } from '../../db/hosts.ts';
import { findServers } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import {
  type AdjustDecision,
  type AdjustPolicy,
  type SizeSchedule,
  subjectKinds,
} from '../../domain/adjustment/adjust-policies.ts';
import {
  type AutoscaleState,
  type Decision,
  decide,
  firstState,
  type Pressure,
} from '../../domain/adjustment/autoscale.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { maximumOf, minimumOf } from '../../domain/machines/flavors.ts';
import { capacityOf } from '../../domain/placement/claims.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import { believablePressure } from '../../domain/servers/usage.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import { nextOf } from '../administration/adjust-policies.ts';
import type { OpsDeps } from '../deps.ts';
import { systemOp } from '../engine/system-op.ts';
import { adjustServer } from '../servers/adjust.ts';

type Kept = AdjustDecision & { readonly policyId: number };

const sizeOf = ({ currentVcpus, currentMemoryMb }: Server): Size => ({
  vcpus: currentVcpus,
  memoryMb: currentMemoryMb,
});

/** Whether somebody else is at it, or it is not to be touched. */
const isBusy = ({ vmState, taskState, powerState, lockedBy }: Server): boolean =>
  vmState !== 'active' || taskState !== null || powerState !== power.running || lockedBy !== null;

/** Asks for a size in the name of the system; how that ended. */
async function ask(
  deps: OpsDeps,
  policy: AdjustPolicy,
  server: Server,
  to: Size,
  about: Pick<AdjustDecision, 'kind' | 'reason' | 'measures'>,
  refusal: string | null = null,
): Promise<Kept> {
  const decision = {
    ...{ policyId: policy.id, serverUuid: server.uuid, decidedAt: deps.clock.now() },
    ...{ ...about, from: sizeOf(server), to },
  };
  if (policy.dryRun) return { ...decision, outcome: 'dry_run', requestId: null };
  const refused = (why: string): Kept => ({
    ...decision,
    outcome: 'refused',
    reason: `${about.reason}: ${why}`,
    requestId: null,
  });
  if (refusal !== null) return refused(refusal);
  const op = systemOp(deps);
  try {
    await adjustServer(deps, op, server, { vcpus: to.vcpus, memoryMb: to.memoryMb, persist: true });
    return { ...decision, outcome: 'done', requestId: op.requestId };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return refused(outwardMessage(error));
  }
}

/** Why a host gives no more by itself, so that servers whose owners ask find room; null: it does. */
function guardProblem({ config }: OpsDeps, host: Host, from: Size, to: Size): string | null {
  const capacity = capacityOf(host);
  const share = config.autoscaleHostShare;
  const over = (claimed: number, more: number, has: number): boolean => more > 0 && claimed + more > has * share;
  const isFull =
    over(host.claimed.vcpus, to.vcpus - from.vcpus, capacity.vcpus) ||
    over(host.claimed.memoryMb, to.memoryMb - from.memoryMb, capacity.memoryMb);
  return isFull ? `more than ${Math.round(share * 100)} % of its host would be claimed` : null;
}

/** The policy that decides for a server: the most specific, and of those the newest. */
function policyOf(
  policies: readonly AdjustPolicy[],
  ids: Readonly<Record<AdjustPolicy['subjectKind'], string | null>>,
  projectId: string,
): AdjustPolicy | undefined {
  const mine = policies.filter(
    ({ subjectKind, subjectId, projectId: owner }) =>
      ids[subjectKind] === subjectId && (subjectKind === 'flavor' || owner === projectId),
  );
  for (const kind of subjectKinds) {
    const found = mine.find(({ subjectKind }) => subjectKind === kind);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Servers with the policy that decides for each, of those that say something of what is to be decided. */
async function withPolicies(
  { database: { read } }: OpsDeps,
  subjects: readonly Subject[],
  says: (policy: AdjustPolicy) => boolean,
): Promise<{ readonly uuid: string; readonly policy: AdjustPolicy }[]> {
  const ids = subjects.flatMap(({ uuid, groupUuid, flavorId }) => [
    uuid,
    flavorId,
    ...(groupUuid === null ? [] : [groupUuid]),
  ]);
  const policies = (await policiesFor(read, ids)).filter(says);
  return subjects.flatMap(({ uuid, groupUuid, flavorId, projectId }) => {
    const policy = policyOf(policies, { server: uuid, server_group: groupUuid, flavor: flavorId }, projectId);
    return policy === undefined ? [] : [{ uuid, policy }];
  });
}

/** A server with the policy that decides for it, and what was told of it. */
interface Looked {
  readonly server: Server;
  readonly policy: AdjustPolicy;
  readonly pressure: Pressure;
}

/** The servers of a host that adjust themselves, and of which the host told something. */
async function lookedAt(deps: OpsDeps, host: string, guests: ReadonlyMap<string, Pressure>): Promise<Looked[]> {
  const { read } = deps.database;
  const subjects = (await subjectsOn(read, host)).filter(({ uuid }) => guests.has(uuid));
  const having = await withPolicies(deps, subjects, ({ pressure }) => pressure !== null);
  if (having.length === 0) return [];
  const servers = new Map(
    (
      await findServers(
        read,
        having.map(({ uuid }) => uuid),
      )
    ).map((one) => [one.uuid, one]),
  );
  return having.flatMap(({ uuid, policy }) => {
    const server = servers.get(uuid);
    const pressure = guests.get(uuid);
    if (server === undefined || pressure === undefined || server.host !== host || isBusy(server)) return [];
    return [{ server, policy, pressure }];
  });
}

/** Looks at the servers of a host that adjust themselves, by what the host tells of its guests. */
export async function handlePressure(
  deps: OpsDeps,
  report: AgentReport & { readonly kind: 'pressure' },
): Promise<void> {
  const { database, clock } = deps;
  if (!(await anyPressurePolicy(database.read))) return;
  const told = Array.isArray(report.guests) ? report.guests : [];
  const guests = new Map(told.map(({ uuid, pressure }) => [uuid, believablePressure(pressure)]));
  const looked = await lookedAt(deps, report.host, guests);
  if (looked.length === 0) return;
  const states = await findStates(
    database.read,
    looked.map(({ server }) => server.id),
  );
  const nowMs = clock.now();
  const next = new Map<number, AutoscaleState>();
  const decided: { readonly one: Looked; readonly decision: Decision; readonly want: Size }[] = [];
  for (const one of looked) {
    const { server, policy, pressure } = one;
    const sizes = { current: sizeOf(server), least: minimumOf(server.flavor), most: maximumOf(server.flavor) };
    const decision = decide(
      policy.pressure as NonNullable<typeof policy.pressure>,
      sizes,
      pressure,
      states.get(server.id) ?? firstState,
      nowMs,
    );
    if (!isDeepStrictEqual(decision.state, states.get(server.id))) next.set(server.id, decision.state);
    if (decision.want !== null) decided.push({ one, decision, want: decision.want });
  }
  // before anything is asked: whoever dies after this looks again, and does not adjust twice for one look
  if (next.size > 0) await tx(database, (t) => keepStates(t, next));
  for (const { one, decision, want } of decided) {
    const { server, policy, pressure } = one;
    // read anew for each: the one before may have taken the rest
    const host = decision.kind === 'grow' ? await findHost(database.read, { host: report.host }) : null;
    const refusal = host === null ? null : guardProblem(deps, host, sizeOf(server), want);
    const kind = decision.kind === 'grow' ? 'grow' : 'shrink';
    const about = { kind, reason: decision.reasons.join('; '), measures: pressure } as const;
    const kept = await ask(deps, policy, server, want, about, refusal);
    // each at once: whoever dies at the next one leaves no change without its reason
    await tx(database, (t) => keepDecision(t, kept));
  }
}

/** The schedule of a policy whose size holds now: the one whose moment was last, however long nobody looked. */
function dueSchedule({ schedules }: AdjustPolicy, nowMs: number): SizeSchedule | undefined {
  const runs = schedules.flatMap((schedule) => {
    const at = previousRun(schedule.cron, nowMs, schedule.timezone);
    return at === null ? [] : [{ schedule, at }];
  });
  return runs.toSorted((one, other) => one.at - other.at).at(-1)?.schedule;
}

/** The servers for which a policy's schedules decide. */
async function scheduledServers(deps: OpsDeps, policy: AdjustPolicy): Promise<Server[]> {
  const { read } = deps.database;
  const having = await withPolicies(deps, await subjectsOf(read, policy), ({ schedules }) => schedules.length > 0);
  const uuids = having.filter((one) => one.policy.id === policy.id).map(({ uuid }) => uuid);
  return findServers(read, uuids);
}

/** Whoever dies in here leaves the policy due again shortly. */
async function runSchedule(deps: OpsDeps, policy: AdjustPolicy): Promise<void> {
  const { database, clock } = deps;
  const nowMs = clock.now();
  const soon = nowMs + limits.scheduleRetryMs;
  if (!(await tx(database, (t) => takeDue(t, policy, soon)))) return;
  const schedule = dueSchedule(policy, nowMs);
  for (const server of schedule === undefined ? [] : await scheduledServers(deps, policy)) {
    const from = sizeOf(server);
    const [least, most] = [minimumOf(server.flavor), maximumOf(server.flavor)];
    const within = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
    const to = {
      vcpus: within(schedule?.vcpus ?? from.vcpus, least.vcpus, most.vcpus),
      memoryMb: within(schedule?.memoryMb ?? from.memoryMb, least.memoryMb, most.memoryMb),
    };
    if (to.vcpus === from.vcpus && to.memoryMb === from.memoryMb) continue;
    const reason = `schedule '${schedule?.cron}' (${schedule?.timezone})`;
    const refusal = server.lockedBy !== null ? 'the server is locked' : null;
    const kept = await ask(deps, policy, server, to, { kind: 'schedule', reason, measures: null }, refusal);
    await tx(database, (t) => keepDecision(t, kept));
  }
  await tx(database, (t) => takeDue(t, { ...policy, nextAt: soon }, nextOf(policy, nowMs)));
}

/** Reconciler: the schedules that are due. */
export async function adjustSchedules(deps: OpsDeps): Promise<void> {
  for (const policy of await duePolicies(deps.database.read, deps.clock.now(), limits.dueSchedules)) {
    await runSchedule(deps, policy);
  }
}

/** Reconciler: decisions that nobody will ask for go. */
export async function adjustDecisions({ database, clock }: OpsDeps): Promise<void> {
  await tx(database, (t) => forgetDecisions(t, clock.now()));
}
