// Why: every route of the identity service is data: path, who may use it, the body it takes, what it does. The order of the
// checks is the same for all: token, right, body.

import Router from '@koa/router';
import { badRequest, Fault, forbidden, notFound, unauthorized } from '../../base/errors.ts';
import type { Identity, IdentityService } from '../../cloud/identity.ts';
import { refusal } from '../../cloud/token-resolver.ts';
import { serviceUrl, type Web, type WebContext, type WebState } from '../../web/app.ts';
import { readJson } from '../../web/json-body.ts';
import { type Reached, reachedBy } from '../../web/reached.ts';
import { type Params, type Query, queryOf } from '../http.ts';
import type { Schema, Validator } from './schemas.ts';

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
  readonly caller: Identity;
  /** The body, of the route's schema; null without one. */
  readonly body: unknown;
  header(name: string): string;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Whether a caller may use a route with these parameters. */
export type Rule = (caller: Identity, params: Params) => boolean;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** `open` needs no token. */
  readonly may: Rule | 'open';
  readonly body?: Schema;
  /** Changes nothing that a resolved token could show, though it is not a GET. */
  readonly quiet?: boolean;
  run(visit: Visit): Promise<Reply>;
}

export const anyone: Rule = () => true;
/** As Keystone's `admin_required`: the role admin in whatever scope. */
export const admin: Rule = (caller) => caller.roles.includes('admin');
export const adminOrReader: Rule = (caller) =>
  admin(caller, {}) || (caller.systemScope === 'all' && caller.roles.includes('reader'));
/** The user that `:user_id` names, or who may read everything. */
export const ownerOrReader: Rule = (caller, params) =>
  caller.userId === params['user_id'] || adminOrReader(caller, params);
export const ownerOrAdmin: Rule = (caller, params) => caller.userId === params['user_id'] || admin(caller, params);
export const owner: Rule = (caller, params) => caller.userId === params['user_id'];

const nobody: Identity = {
  userId: '',
  userName: '',
  userDomainId: '',
  projectId: null,
  projectName: null,
  projectDomainId: null,
  domainId: null,
  roles: [],
  systemScope: null,
  token: null,
  expiresAt: 0,
};

export interface RouteContext {
  readonly service: IdentityService;
  readonly validator: Validator;
  /** Called after whatever may have changed what tokens stand for. */
  changed(): void;
}

const NOT_ALLOWED = 'You are not authorized to perform the requested action.';

export const missing = (what: string): Fault => notFound(`Could not find ${what}.`);

/** The noun of a path, `projects` of `/v3/projects/:id`: routes are looked for among those of one noun. */
const nounOf = (path: string): string => path.split('/')[2] ?? '';

async function visit(ctx: WebContext, route: Route, context: RouteContext): Promise<Reply> {
  const { service, validator } = context;
  const base = `${serviceUrl(ctx)}/v3`;
  const params = (ctx['params'] ?? {}) as Params;
  let caller = nobody;
  if (route.may !== 'open') {
    const token = ctx.get('X-Auth-Token');
    if (token === '') throw refusal(base);
    caller = await service.authenticate(token).catch((error: unknown) => {
      throw error instanceof Fault && error.kind === 'unauthorized' ? refusal(base) : error;
    });
    ctx.state.userId = caller.userId;
    ctx.state.projectId = caller.projectId;
    if (!route.may(caller, params)) throw forbidden(NOT_ALLOWED);
  }
  let body: unknown = null;
  if (route.body !== undefined) {
    body = await readJson(ctx);
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw badRequest('Expecting to find valid JSON in request body.');
    validator.check(route.body, body);
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
  const routers = new Map<string, Router<WebState>>();
  for (const route of routes) {
    const noun = nounOf(route.path);
    const router = routers.get(noun) ?? new Router<WebState>();
    routers.set(noun, router);
    router.register(route.path, [route.method], async (ctx) => {
      ctx.state.route = route.path;
      const reply = await visit(ctx, route, context);
      if (route.method !== 'GET' && route.quiet !== true) context.changed();
      ctx.status = reply.status;
      if (reply.headers !== undefined) ctx.set(reply.headers);
      if (reply.body !== undefined) {
        ctx.type = 'application/json';
        ctx.body = JSON.stringify(reply.body);
      }
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
