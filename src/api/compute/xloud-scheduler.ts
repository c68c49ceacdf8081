// Why: "no valid host" is the question that operators are asked most. Here the scheduler says for every host why a server would go
// there or why not, all reasons and not only the first, for a request as somebody may make it.

import { limits } from '../../base/limits.ts';
import { roomTaken } from '../../domain/placement/resources.ts';
import type { BalancePlan } from '../../ops/placement/balance-hosts.ts';
import type { PlacementAnswer, PlacementQuestion } from '../../ops/placement/explain-placement.ts';

import { closed, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { hints } from './servers/create-schema.ts';
import { parseZone } from './servers/create.ts';
import { sizeView } from './adjust.ts';

/** Moves of a plan, where the question does not say. */
const DEFAULT_MOVES = 10;

const short = { ...text, minLength: 1, maxLength: 255 };

const question = closed(
  { flavor_id: short, image_id: short, availability_zone: short, scheduler_hints: hints, project_id: short },
  ['flavor_id'],
);

interface QuestionBody {
  readonly flavor_id: string;
  readonly image_id?: string;
  readonly availability_zone?: string;
  readonly scheduler_hints?: Readonly<Record<string, unknown>>;
  readonly project_id?: string;
}

const parse = ({ body, op }: Call<'none', QuestionBody>): PlacementQuestion => ({
  flavorRef: body.flavor_id,
  imageRef: body.image_id ?? '',
  ...parseZone(body.availability_zone ?? ''),
  requestedHost: null,
  requestedNode: null,
  projectId: body.project_id ?? op.caller.projectId ?? '',
  schedulerHints: body.scheduler_hints ?? {},
});

const hostView = ({ host, refusals, score, weights }: PlacementAnswer['hosts'][number]) => ({
  host: host.host,
  hypervisor_hostname: host.inventory.hypervisorHostname,
  availability_zone: host.zone,
  accepted: refusals.length === 0,
  refusals,
  score,
  weights: weights.map(({ weigher, raw, points }) => ({ weigher, value: raw, points })),
});

/** What is asked of a host, which the flavor may override, and what the server may come to. */
function view({ spec, hosts }: PlacementAnswer) {
  const { diskGb, ...size } = roomTaken({ ...spec.minimum, diskGb: spec.diskGb }, spec.resources);
  return {
    minimum: sizeView(size),
    maximum: sizeView(spec.maximum),
    disk_gb: diskGb,
    hosts: hosts.map(hostView),
  };
}

const balance = closed({ moves: { type: 'integer', minimum: 1, maximum: limits.balanceMoves } });

interface BalanceBody {
  readonly moves?: number;
}

/** Two digits are all that a share means here. */
const share = (part: number): number => Math.round(part * 100) / 100;

const balanceView = ({ moves, hosts }: BalancePlan) => ({
  moves: moves.map(({ uuid, name, from, to }) => ({
    server_id: uuid,
    server_name: name,
    from_host: from,
    to_host: to,
  })),
  hosts: hosts.map(({ host, before, after }) => ({ host, claimed_before: share(before), claimed_after: share(after) })),
});

export default resource({
  'POST /os-xloud-scheduler/explain': route<'none', QuestionBody>()({
    summary: 'Say for every host why a new server would go there, or why not: reasons of filters, points of weighers.',
    policy: 'os_compute_api:xloud:scheduler:explain',
    body: question,
    status: 200,
    run: (call) => call.services.ops.explainPlacement(call.op, parse(call)),
    view,
  }),
  'POST /os-xloud-scheduler/balance': route<'none', BalanceBody>()({
    summary: 'Say which live migrations open room on the hosts that are fullest; nothing is moved.',
    policy: 'os_compute_api:xloud:scheduler:balance',
    body: balance,
    status: 200,
    run: ({ op, services, body }) => services.ops.balanceHosts(op, body.moves ?? DEFAULT_MOVES),
    view: balanceView,
  }),
});
