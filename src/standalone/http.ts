// Why: what the built-in services' routes have in common: each is found by its template, names it for the log, names its rule,
// and meets its caller before anything else.

import Router from '@koa/router';
import { type Fault, notFound } from '../base/errors.ts';
import type { Authenticate, Caller } from '../base/op.ts';
import type { RuleName } from '../policies/index.ts';
import type { Web, WebContext, WebState } from '../web/app.ts';
import { parseQuery } from '../web/query.ts';
import { absentFault } from './absent.ts';
import { type Allows, type Guard, ownThing, type RouteData, ruleOf } from './access.ts';

/** Route parameters, decoded. */
export type Params = Readonly<Record<string, string>>;

/** Query parameters: each with all the values that came. */
export type Query = ReadonlyMap<string, readonly string[]>;

export type Handler = (ctx: WebContext, caller: Caller, params: Params) => Promise<void>;

export type OpenHandler = (ctx: WebContext) => void;

export interface Serving {
  /** By its name in access rules. */
  readonly service: 'image' | 'network' | 'volume';
  readonly authenticate: Authenticate;
  readonly allows: Allows;
  /** The service's words for who may not. */
  readonly refusal: (rule: RuleName) => Fault;
  /** What is said where there is no such route. */
  readonly missing: string;
}

export interface Routes {
  readonly list: readonly RouteData[];
  /** A route for anybody, with or without a token. */
  open(method: string, path: string, run: OpenHandler): void;
  /** A route for an authenticated caller whom the guard lets in; a path is a template such as `/v2/images/:image_id`. */
  on(method: string, path: string, guard: Guard, run: Handler): void;
  /** Hangs the routes into the application; what matches none is 404, or 501 with a reason, even without a token. */
  serve(app: Web, serving: Serving): void;
}

const isUnscoped = ({ projectId, domainId, systemScope }: Caller): boolean =>
  projectId === null && domainId === null && systemScope === null;

/** The caller, if the guard lets him in. @throws unauthorized, forbidden */
async function enter(
  ctx: WebContext,
  guard: Guard,
  { service, authenticate, allows, refusal }: Serving,
): Promise<Caller> {
  const token = ctx.get('X-Auth-Token');
  const caller = await authenticate(token === '' ? undefined : token, {
    service,
    method: ctx.method,
    // as it came: a service may have taken the project out of its path
    path: ctx.originalUrl.replace(/\?.*/s, ''),
    serviceToken: ctx.get('X-Service-Token'),
  });
  ctx.state.userId = caller.userId;
  ctx.state.projectId = caller.projectId;
  const rule = ruleOf(guard);
  // whoever has chosen neither project, domain nor system has chosen nothing to act on
  if (rule !== null && isUnscoped(caller)) throw refusal(rule);
  if (typeof guard === 'object' && 'first' in guard && !allows(caller, guard.first, ownThing(caller)))
    throw refusal(guard.first);
  return caller;
}

/** MySQL takes a key for the same with blanks at its end, which nothing else does: no name in a path has any. */
export const endsInBlank = (params: Params): boolean => Object.values(params).some((value) => /\s$/.test(value));

export function makeRoutes(): Routes {
  const list: (RouteData & { readonly run: (ctx: WebContext, serving: Serving) => Promise<void> })[] = [];
  return {
    list,
    open: (method, path, run) => void list.push({ method, path, guard: 'no token', run: async (ctx) => run(ctx) }),
    on(method, path, guard, handle) {
      const run = async (ctx: WebContext, serving: Serving): Promise<void> => {
        const caller = await enter(ctx, guard, serving);
        const params = ctx['params'] as Params;
        if (endsInBlank(params)) throw notFound(serving.missing, { code: 'HTTPNotFound' });
        return handle(ctx, caller, params);
      };
      list.push({ method, path, guard, run });
    },
    serve(app, serving) {
      const router = new Router<WebState>();
      for (const { method, path, run } of list) {
        router.register(path, [method], (ctx) => {
          ctx.state.route = path;
          return run(ctx, serving);
        });
      }
      app.use(router.routes());
      app.use((ctx) => {
        const absent = absentFault(serving.service, ctx.path);
        if (absent !== null) throw absent;
        throw notFound(serving.missing, { code: 'HTTPNotFound' });
      });
    },
  };
}

/** The query string, tolerant of anything within its bounds: no query is a bad request by itself. */
export const queryOf = (ctx: WebContext): Query => parseQuery(ctx.querystring);

/** The last value of a parameter, or null. */
export const lastOf = (query: Query, name: string): string | null => query.get(name)?.at(-1) ?? null;

/** An object that is not a list, or null. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}
