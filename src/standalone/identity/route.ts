// Why: every route of the identity service is data: path, who may use it, the body it takes, what it does. The order of the
// checks is the same for all: token, right, body.

import Router from '@koa/router';
import { badRequest, Fault, forbidden, notFound, unauthorized } from '../../base/errors.ts';
import type { Identity, IdentityService } from '../../cloud/identity.ts';
import { accessAllowed, accessRefused } from '../../cloud/access-rules.ts';
import { refusal } from '../../cloud/token-resolver.ts';
import { serviceUrl, type Web, type WebContext, type WebState } from '../../web/app.ts';
import { readJson } from '../../web/json-body.ts';
import { type Reached, reachedBy } from '../../web/reached.ts';
import type { Caller } from '../../base/op.ts';
import type { Target } from '../../policies/engine.ts';
import type { RuleName } from '../../policies/index.ts';
import { makeJudge } from '../../policies/judge.ts';
import type { Policy } from '../../policies/load.ts';
import type { RouteData } from '../access.ts';
import { endsInBlank, type Params, type Query, queryOf } from '../http.ts';
import type { Schema } from '../schema.ts';
import { checkBody } from './schemas.ts';
import type { Turn } from './turns.ts';

/** One request, past its checks. */
export interface Visit {
  /** `http://host:port/identity/v3`. */
  readonly base: string;
  /** Where the caller reaches each service. */
  readonly urlOf: Reached['urlOf'];
  /** The whole address as asked, for `links.self`. */
  readonly self: string;
  readonly params: Params;
  readonly query: Query;
  readonly caller: Caller;
  /** Throws the refusal of a rule unless it lets the caller; a target's keys are Keystone's, such as `target.user.id`. */
  mustMay(rule: RuleName, target: Target): void;
  /** The body, of the route's schema; null without one. */
  readonly body: unknown;
  header(name: string): string;
  /** Whose turn something dear is: the client's, as long as it waits for the answer. */
  readonly turnOf: (user: string) => Turn;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** A rule that is asked `first` is asked of what the path names. */
  readonly guard: RouteData['guard'];
  readonly body?: Schema;
  /** Changes nothing that a resolved token could show, though it is not a GET. */
  readonly quiet?: boolean;
  run(visit: Visit): Promise<Reply>;
}

const nobody: Caller = {
  userId: '',
  userName: '',
  userDomainId: '',
  projectId: null,
  projectName: null,
  projectDomainId: null,
  domainId: null,
  roles: [],
  systemScope: null,
  isAdmin: false,
  token: null,
};

/** What Keystone's rules may say of what a path names, whether it is there or not. */
const targetOf = ({ user_id, project_id, domain_id, role_id }: Params): Target => ({
  ...(user_id === undefined ? {} : { user_id, 'target.user.id': user_id }),
  ...(project_id === undefined ? {} : { project_id, 'target.project.id': project_id }),
  ...(domain_id === undefined ? {} : { domain_id, 'target.domain.id': domain_id }),
  ...(role_id === undefined ? {} : { 'target.role.id': role_id }),
});

export interface RouteContext {
  readonly service: IdentityService;
  readonly policy: Pick<Policy, 'allows' | 'isAdmin'>;
  /** Called after whatever may have changed what tokens stand for. */
  changed(): void;
}

const refused = (rule: RuleName): Fault =>
  forbidden(`You are not authorized to perform the requested action: ${rule}.`);

export const missing = (what: string): Fault => notFound(`Could not find ${what}.`);

const turnsOf =
  (ctx: WebContext) =>
  (user: string): Turn => {
    const gone = new AbortController();
    if (ctx.res.destroyed) gone.abort();
    ctx.res.once('close', () => gone.abort());
    return { address: reachedBy(ctx.req).client, user, signal: gone.signal };
  };

/** The noun of a path, `projects` of `/v3/projects/:id`: routes are looked for among those of one noun. */
const nounOf = (path: string): string => path.split('/')[2] ?? '';

async function visit(
  ctx: WebContext,
  route: Route,
  context: RouteContext,
  judge: (resolved: Identity) => Caller,
): Promise<Reply> {
  const { service, policy } = context;
  const { guard } = route;
  const base = `${serviceUrl(ctx)}/v3`;
  const params = (ctx['params'] ?? {}) as Params;
  if (endsInBlank(params)) throw notFound('The resource could not be found.');
  let caller = nobody;
  const mustMay = (rule: RuleName, target: Target): void => {
    if (!policy.allows(caller, rule, target)) throw refused(rule);
  };
  if (guard !== 'no token') {
    const token = ctx.get('X-Auth-Token');
    if (token === '') throw refusal(base);
    const resolved = await service.authenticate(token).catch((error: unknown) => {
      throw error instanceof Fault && error.kind === 'unauthorized' ? refusal(base) : error;
    });
    if (!accessAllowed(resolved.accessRules, { service: 'identity', method: ctx.method, path: ctx.path }))
      throw accessRefused(base);
    caller = judge(resolved);
    ctx.state.userId = caller.userId;
    ctx.state.projectId = caller.projectId;
    // before anything is looked for, so that who may not learns nothing of what there is
    if (typeof guard === 'object' && 'first' in guard) mustMay(guard.first, targetOf(params));
  }
  let body: unknown = null;
  if (route.body !== undefined) {
    body = await readJson(ctx);
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw badRequest('Expecting to find valid JSON in request body.');
    checkBody(route.body, body);
  }
  const self = `${serviceUrl(ctx)}${ctx.url}`;
  const header = (name: string): string => ctx.get(name);
  try {
    return await route.run({
      base,
      urlOf: reachedBy(ctx.req).urlOf,
      self,
      params,
      query: queryOf(ctx),
      caller,
      mustMay,
      turnOf: turnsOf(ctx),
      body,
      header,
    });
  } catch (error) {
    // every 401 says where to log in
    if (error instanceof Fault && error.kind === 'unauthorized')
      throw unauthorized(error.message, { headers: refusal(base).headers, cause: error });
    throw error;
  }
}

/** Hangs routes into the application, one small router per noun. */
export function serveRoutes(app: Web, routes: readonly Route[], context: RouteContext): void {
  const judge = makeJudge(context.policy);
  const routers = new Map<string, Router<WebState>>();
  for (const route of routes) {
    const noun = nounOf(route.path);
    const router = routers.get(noun) ?? new Router<WebState>();
    routers.set(noun, router);
    router.register(route.path, [route.method], async (ctx) => {
      ctx.state.route = route.path;
      const reply = await visit(ctx, route, context, judge);
      if (route.method !== 'GET' && route.quiet !== true) context.changed();
      ctx.status = reply.status;
      if (reply.headers !== undefined) ctx.set(reply.headers);
      if (reply.body !== undefined) {
        ctx.type = 'application/json';
        ctx.body = JSON.stringify(reply.body);
      } else if (reply.status !== 204) ctx.body = '';
    });
  }
  const served = new Map([...routers].map(([noun, router]) => [noun, { router, run: router.routes() }]));
  app.use(async (ctx) => {
    ctx.vary('X-Auth-Token');
    const found = served.get(nounOf(ctx.path));
    if (found === undefined) throw notFound('The resource could not be found.');
    await found.run(ctx as never, async () => {});
    if (ctx.state.route !== '') return;
    const methods = found.router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods);
    if (methods.length === 0) throw notFound('The resource could not be found.');
    ctx.status = 405;
    ctx.set('Allow', [...new Set(methods)].join(', '));
    ctx.type = 'application/json';
    ctx.body = JSON.stringify({ message: 'The method is not allowed for the requested URL.' });
  });
}
