// Why: whoever adjusts a server by hand every morning, or too late, writes down once how it adjusts itself, and reads what was decided.

import { isoSeconds } from '../../base/clock.ts';
import { badRequest } from '../../base/errors.ts';
import { listDecisions, listPolicies } from '../../db/adjust-policies.ts';
import {
  type AdjustDecision,
  type AdjustPolicy,
  pressureDefaults,
  type SizeSchedule,
  type SubjectKind,
} from '../../domain/adjustment/adjust-policies.ts';
import type { Pressure, PressureRules, Range } from '../../domain/adjustment/autoscale.ts';
import { limits } from '../../base/limits.ts';
import { spanOf } from '../links.ts';
import { closed, MAX_INT, multi, name, nonNegativeInteger, query, span, text, wrapped } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { sizeView } from './adjust.ts';

const FLAVOR = 'os_compute_api:xloud:adjust-policies:create:flavor';
const ALL = 'os_compute_api:xloud:adjust-policies:index:all_projects';

const whole = (minimum: number, maximum = MAX_INT) => ({ type: 'integer', minimum, maximum });
const share = { type: 'number', minimum: 0, maximum: 1 };
const range = closed({ min: whole(1), max: whole(1), step: whole(1) }, ['min', 'max']);

const pressure = {
  ...closed({
    vcpus: range,
    memory_mb: range,
    cpu: closed({ grow_above: share, shrink_below: share }),
    memory: closed({ grow_below: share, shrink_above: share }),
    looks: whole(1, 1_000),
    cooldown_seconds: closed({ grow: whole(0, 86_400), shrink: whole(0, 86_400) }),
  }),
  type: ['object', 'null'],
};

const schedule = closed(
  {
    cron: { type: 'string', minLength: 1, maxLength: 100 },
    timezone: { type: 'string', minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_+/-]*$' },
    vcpus: whole(1),
    memory_mb: whole(1),
  },
  ['cron'],
);

const changeable = {
  name,
  enabled: { type: 'boolean' },
  dry_run: { type: 'boolean' },
  pressure,
  schedules: { type: 'array', items: schedule, maxItems: limits.sizeSchedules },
};

const id = { type: 'string', minLength: 1, maxLength: 255 };
const createBody = wrapped(
  'policy',
  closed({ ...changeable, server_id: id, server_group_id: id, flavor_id: id }, ['name']),
);
const updateBody = wrapped('policy', closed(changeable));

interface RangeBody {
  readonly min: number;
  readonly max: number;
  readonly step?: number;
}

interface PolicyBody {
  readonly name: string;
  readonly enabled?: boolean;
  readonly dry_run?: boolean;
  readonly pressure?: {
    readonly vcpus?: RangeBody;
    readonly memory_mb?: RangeBody;
    readonly cpu?: { readonly grow_above?: number; readonly shrink_below?: number };
    readonly memory?: { readonly grow_below?: number; readonly shrink_above?: number };
    readonly looks?: number;
    readonly cooldown_seconds?: { readonly grow?: number; readonly shrink?: number };
  } | null;
  readonly schedules?: readonly {
    readonly cron: string;
    readonly timezone?: string;
    readonly vcpus?: number;
    readonly memory_mb?: number;
  }[];
}

interface CreateBody {
  readonly policy: PolicyBody & {
    readonly server_id?: string;
    readonly server_group_id?: string;
    readonly flavor_id?: string;
  };
}

const VCPU_STEP = 1;
const MEMORY_STEP_MB = 256;

const rangeOf = (given: RangeBody | undefined, step: number): Range | null =>
  given === undefined ? null : { step, ...given };

function rulesOf(given: NonNullable<PolicyBody['pressure']>): PressureRules {
  const { cpu, memory, looks, cooldownSeconds } = pressureDefaults;
  return {
    vcpus: rangeOf(given.vcpus, VCPU_STEP),
    memoryMb: rangeOf(given.memory_mb, MEMORY_STEP_MB),
    cpu: {
      growAbove: given.cpu?.grow_above ?? cpu.growAbove,
      shrinkBelow: given.cpu?.shrink_below ?? cpu.shrinkBelow,
    },
    memory: {
      growBelow: given.memory?.grow_below ?? memory.growBelow,
      shrinkAbove: given.memory?.shrink_above ?? memory.shrinkAbove,
    },
    looks: given.looks ?? looks,
    cooldownSeconds: { ...cooldownSeconds, ...given.cooldown_seconds },
  };
}

const schedulesOf = (given: NonNullable<PolicyBody['schedules']>): SizeSchedule[] =>
  given.map(({ cron, timezone = 'UTC', vcpus = null, memory_mb: memoryMb = null }) => ({
    cron,
    timezone,
    vcpus,
    memoryMb,
  }));

/** What a change names, in our words. */
const changeOf = ({ name: called, enabled, dry_run: dryRun, pressure: given, schedules }: Partial<PolicyBody>) => ({
  ...(called === undefined ? {} : { name: called }),
  ...(enabled === undefined ? {} : { enabled }),
  ...(dryRun === undefined ? {} : { dryRun }),
  ...(given === undefined ? {} : { pressure: given === null ? null : rulesOf(given) }),
  ...(schedules === undefined ? {} : { schedules: schedulesOf(schedules) }),
});

/** The one thing that the policy is for. Throws 400. */
function subjectOf({ policy }: CreateBody): { readonly subjectKind: SubjectKind; readonly subjectId: string } {
  const given = (['server', 'server_group', 'flavor'] as const).flatMap((kind) => {
    const named = policy[`${kind}_id`];
    return named === undefined ? [] : [{ subjectKind: kind, subjectId: named }];
  });
  const [subject] = given;
  if (subject === undefined || given.length > 1)
    throw badRequest('A policy is for one of server_id, server_group_id and flavor_id.');
  return subject;
}

function create(call: Call<'none', CreateBody>): Promise<AdjustPolicy> {
  const subject = subjectOf(call.body);
  if (subject.subjectKind === 'flavor') call.enforce(FLAVOR);
  const { name: called } = call.body.policy;
  const request = { name: called, enabled: true, dryRun: false, pressure: null, schedules: [] };
  return call.services.ops.createAdjustPolicy(call.op, { ...request, ...changeOf(call.body.policy), ...subject });
}

function list(call: Call): Promise<AdjustPolicy[]> {
  const { op, query: asked, services } = call;
  const all = asked['all_projects'] !== undefined;
  if (all) call.enforce(ALL);
  return listPolicies(services.db, all ? null : (op.caller.projectId ?? ''), spanOf(asked, services.settings.pageSize));
}

const pressureView = ({ vcpus, memoryMb, cpu, memory, looks, cooldownSeconds }: PressureRules) => ({
  ...(vcpus === null ? {} : { vcpus }),
  ...(memoryMb === null ? {} : { memory_mb: memoryMb }),
  cpu: { grow_above: cpu.growAbove, shrink_below: cpu.shrinkBelow },
  memory: { grow_below: memory.growBelow, shrink_above: memory.shrinkAbove },
  looks,
  cooldown_seconds: cooldownSeconds,
});

const scheduleView = ({ cron, timezone, vcpus, memoryMb }: SizeSchedule) => ({
  cron,
  timezone,
  ...(vcpus === null ? {} : { vcpus }),
  ...(memoryMb === null ? {} : { memory_mb: memoryMb }),
});

const view = (policy: AdjustPolicy) => ({
  id: policy.uuid,
  project_id: policy.projectId,
  user_id: policy.userId,
  name: policy.name,
  [`${policy.subjectKind}_id`]: policy.subjectId,
  enabled: policy.enabled,
  dry_run: policy.dryRun,
  pressure: policy.pressure === null ? null : pressureView(policy.pressure),
  schedules: policy.schedules.map(scheduleView),
  next_scheduled_at: policy.nextAt === null ? null : isoSeconds(policy.nextAt),
  created_at: isoSeconds(policy.createdAt),
  updated_at: isoSeconds(policy.updatedAt),
});

const measuresView = ({ vcpus, cpu, steal, totalMb, availableMb }: Pressure) => ({
  vcpus,
  cpu,
  steal,
  memory_mb: { total: totalMb, available: availableMb },
});

const decisionView = ({
  serverUuid,
  decidedAt,
  kind,
  outcome,
  from,
  to,
  reason,
  measures,
  requestId,
}: AdjustDecision) => ({
  server_id: serverUuid,
  decided_at: isoSeconds(decidedAt),
  kind,
  outcome,
  from: sizeView(from),
  to: sizeView(to),
  reason,
  measures: measures === null ? null : measuresView(measures),
  request_id: requestId,
});

const oneView = (policy: AdjustPolicy) => ({ policy: view(policy) });
const spanQuery = { limit: multi(nonNegativeInteger), offset: multi(nonNegativeInteger) };

export default resource({
  'GET /os-xloud-adjust-policies': route()({
    summary: "List the project's policies of servers that adjust themselves, or with all_projects those of all.",
    policy: 'os_compute_api:xloud:adjust-policies:index',
    alsoAsks: [ALL],
    query: query({ all_projects: multi(text), ...span }, 'strict'),
    status: 200,
    run: list,
    view: (policies) => ({ policies: policies.map(view) }),
  }),
  'POST /os-xloud-adjust-policies': route<'none', CreateBody>()({
    summary:
      'Let a server, the servers of a group or those of a flavor adjust themselves, by pressure, by schedule or both.',
    policy: 'os_compute_api:xloud:adjust-policies:create',
    alsoAsks: [FLAVOR],
    body: createBody,
    status: 201,
    run: create,
    view: oneView,
  }),
  'GET /os-xloud-adjust-policies/:policy_id': route<'adjust-policy'>()({
    summary: 'Show a policy of servers that adjust themselves.',
    policy: 'os_compute_api:xloud:adjust-policies:show',
    target: 'adjust-policy',
    status: 200,
    run: ({ target }) => target,
    view: oneView,
  }),
  'PUT /os-xloud-adjust-policies/:policy_id': route<'adjust-policy', { readonly policy: Partial<PolicyBody> }>()({
    summary: 'Change a policy of servers that adjust themselves; what is not named stays.',
    policy: 'os_compute_api:xloud:adjust-policies:update',
    target: 'adjust-policy',
    body: updateBody,
    status: 200,
    run: ({ op, services, target, body }) => services.ops.updateAdjustPolicy(op, target, changeOf(body.policy)),
    view: oneView,
  }),
  'DELETE /os-xloud-adjust-policies/:policy_id': route<'adjust-policy'>()({
    summary: 'Remove a policy; its servers keep the size that they have.',
    policy: 'os_compute_api:xloud:adjust-policies:delete',
    target: 'adjust-policy',
    status: 204,
    run: ({ op, services, target }) => services.ops.deleteAdjustPolicy(op, target),
  }),
  'GET /os-xloud-adjust-policies/:policy_id/decisions': route<'adjust-policy'>()({
    summary: 'List what a policy decided, the newest first, each with its reason and its numbers.',
    policy: 'os_compute_api:xloud:adjust-policies:show',
    target: 'adjust-policy',
    query: query(spanQuery, 'strict'),
    status: 200,
    run: ({ services, target, query: asked }) =>
      listDecisions(services.db, target.id, spanOf(asked, services.settings.pageSize)),
    view: (decisions) => ({ decisions: decisions.map(decisionView) }),
  }),
});
