// Why: one order of checks for every route, Nova's: version range, schema, target and policy, then the handler. Who asks, at
// which version, and the body are known before (app.ts).

import { Readable } from 'node:stream';
import { badRequest, Fault, notFound } from '../base/errors.ts';
import { fairTurn } from '../base/fair-turn.ts';
import { limits } from '../base/limits.ts';
import { makeTakeTurns } from '../base/take-turns.ts';
import { isVersioned, minorOf } from '../base/history.ts';
import type { Op } from '../base/op.ts';
import type { WebContext } from '../web/app.ts';
import type { ResponseCacheSlot } from './response-cache.ts';
import type {
  Call,
  CallUrl,
  MaybeVersioned,
  PolicyTarget,
  Query,
  RouteEntry,
  TargetKind,
  Targets,
} from './resource.ts';
import type { JsonSchema, Validator } from './schema.ts';
import type { Services } from './services.ts';
import { isOwned, loadTarget, policyTargetOf } from './targets.ts';

const at = <T>(value: MaybeVersioned<T>, minor: number): T =>
  isVersioned<T>(value as never) ? (value as { at(m: number): T }).at(minor) : (value as T);

/** All that are made in this process: they share its memory. */
const largeAnswers = makeTakeTurns(limits.largeAnswersAtOnce);

/** One text of its pieces; as bytes, which are not on the heap, in parts of some size. Between pieces others have their turn. */
async function inBytes(pieces: Iterable<string>): Promise<readonly Buffer[]> {
  const parts: Buffer[] = [];
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length >= limits.answerPartBytes) {
      parts.push(Buffer.from(text));
      text = '';
    }
    const turn = fairTurn();
    if (turn !== null) await turn;
  }
  return [...parts, Buffer.from(text)];
}

/** Whether a route exists at a minor version. */
export function existsAt(route: Pick<RouteEntry, 'since' | 'until'>, minor: number): boolean {
  return (
    minor >= (route.since === undefined ? 1 : minorOf(route.since)) &&
    minor <= (route.until === undefined ? Number.POSITIVE_INFINITY : minorOf(route.until))
  );
}

export interface Incoming {
  readonly op: Op;
  readonly services: Services;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: unknown;
  readonly url: CallUrl;
  /** Where a cacheable answer is kept; null: nowhere. */
  readonly kept: ResponseCacheSlot | null;
  /** The old /v2 endpoint: unknown fields are dropped, not refused. */
  readonly legacy: boolean;
}

/** As Nova: where the schema lets unknown parameters pass, they pass no further. */
function knownQuery(schema: JsonSchema | undefined, query: Query): Query {
  if (schema === undefined) return query;
  const properties = (schema.properties ?? {}) as Record<string, unknown>;
  const patterns = Object.keys((schema.patternProperties ?? {}) as object).map((pattern) => new RegExp(pattern, 'u'));
  const unknown = Object.keys(query).filter(
    (key) => !Object.hasOwn(properties, key) && !patterns.some((pattern) => pattern.test(key)),
  );
  if (unknown.length === 0) return query;
  return Object.fromEntries(Object.entries(query).filter(([key]) => !unknown.includes(key)));
}

/**
 * Runs one of the routes that share a path (and action) at the caller's microversion and writes the answer.
 * @throws Fault for everything that the route, its schema, its policy or its handler refuses
 */
export async function runRoute(
  ctx: WebContext,
  candidates: readonly RouteEntry[],
  incoming: Incoming,
  validator: Validator,
): Promise<void> {
  const { op, services, params, url, legacy } = incoming;
  const { minor } = op;
  const route = candidates.find((candidate) => existsAt(candidate, minor));
  // as Nova, in the words for what is not there at all
  if (route === undefined) throw notFound('The resource could not be found.', { code: 'version' });
  if (route.gone && route.status === 400) throw badRequest('What this asks for was removed.');
  if (route.gone) throw new Fault('gone', 'This resource is no longer available. No forwarding address is given.');

  let untilMs = Number.POSITIVE_INFINITY;
  const bodySchema = route.body === undefined ? null : at(route.body, minor);
  const querySchema = route.query === undefined ? undefined : at(route.query, minor);
  const body = route.parse === undefined ? incoming.body : route.parse(incoming.body);
  if (bodySchema !== null && route.parse === undefined) validator.check(bodySchema, incoming.body, 'body', legacy);
  if (querySchema !== undefined) validator.check(querySchema, incoming.query, 'query', legacy);
  const query = knownQuery(querySchema, incoming.query);

  const kind = route.target ?? 'none';
  const load = () => loadTarget(kind, op, services, Object.values(params)[0] ?? '');
  const asked = { op, params, query, body: body as never };
  route.beforeRule?.(asked);
  const rule = route.policyOf?.(asked) ?? route.policy;
  const enforce = (about: PolicyTarget) => {
    if (rule !== null) services.policy.enforce(op, rule, about);
  };
  let target: Targets[TargetKind];
  let policyTarget: PolicyTarget;
  if (isOwned(kind)) {
    target = await load();
    policyTarget = policyTargetOf(kind, target, op);
    enforce(policyTarget);
  } else {
    policyTarget = route.about?.(asked) ?? policyTargetOf(kind, null, op);
    enforce(policyTarget);
    await route.beforeTarget?.({ ...asked, services });
    target = await load();
  }

  const call: Call = {
    op,
    services,
    params,
    query,
    body,
    target: target as null,
    url,
    legacy,
    allows: (rule: string, other: PolicyTarget = policyTarget) => services.policy.allows(op, rule, other),
    enforce: (rule: string, other: PolicyTarget = policyTarget) => services.policy.enforce(op, rule, other),
    expiresAt: (ms) => {
      untilMs = Math.min(untilMs, ms);
    },
    header: (name, value) => ctx.set(name, value),
  };
  const run = route.run as (c: Call) => unknown;
  const view = route.view as ((result: unknown, c: Call) => unknown) | undefined;
  const pieces = route.pieces as ((result: unknown, c: Call) => Iterable<string>) | undefined;
  if (pieces !== undefined) {
    const { userId, projectId } = op.caller;
    const parts = await largeAnswers(`${projectId} ${userId}`, async () => {
      // one follows another, with nothing between them that gives turns: what SQLite reads is there at once
      const turn = fairTurn();
      if (turn !== null) await turn;
      return inBytes(pieces(await run(call), call));
    });
    ctx.status = at(route.status, minor);
    ctx.type = (route.type as ((c: Call) => string) | undefined)?.(call) ?? 'application/json';
    // they leave as they are: to make one of them would take their room once more
    ctx.body = parts.length === 1 ? parts[0] : Readable.from(parts, { objectMode: false });
    ctx.length = parts.reduce((sum, part) => sum + part.length, 0);
    return;
  }
  const result = await run(call);
  const status = route.orElse?.when(result) ? route.orElse.status : at(route.status, minor);
  const shown = view?.(result, call);
  if (shown === undefined) {
    ctx.body = null;
    ctx.status = status;
    return;
  }
  const text = JSON.stringify(shown);
  if (route.cacheable) incoming.kept?.put({ status, text, minor, route: ctx.state.route, untilMs });
  ctx.status = status;
  ctx.type = 'application/json';
  ctx.body = text;
}
