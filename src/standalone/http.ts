// Why: what the built-in services' routes have in common: each is found by its template, names it for the log, and meets its
// caller before anything else.

import Router from '@koa/router';
import { notFound } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { Web, WebContext, WebState } from '../web/app.ts';
import { parseQuery } from '../web/query.ts';

/** Resolves a token, or rejects with `unauthorized` or `unavailable`; no token is `undefined`. */
export type Authenticate = (token: string | undefined) => Promise<Caller>;

/** Route parameters, decoded. */
export type Params = Readonly<Record<string, string>>;

/** Query parameters: each with all the values that came. */
export type Query = ReadonlyMap<string, readonly string[]>;

export type Handler = (ctx: WebContext, caller: Caller, params: Params) => Promise<void>;

export type OpenHandler = (ctx: WebContext) => void;

export interface Routes {
  /** A route for anybody, with or without a token. */
  open(method: string, path: string, run: OpenHandler): void;
  /** A route for an authenticated caller; a path is a template such as `/v2/images/:image_id`. */
  on(method: string, path: string, run: Handler): void;
  /** Hangs the routes into the application; what matches none is 404, even without a token. */
  serve(app: Web, missing: string): void;
}

export function makeRoutes(authenticate: Authenticate): Routes {
  const router = new Router<WebState>();
  return {
    open(method, path, run) {
      router.register(path, [method], (ctx) => {
        ctx.state.route = path;
        run(ctx);
      });
    },
    on(method, path, run) {
      router.register(path, [method], async (ctx) => {
        ctx.state.route = path;
        const token = ctx.get('X-Auth-Token');
        const caller = await authenticate(token === '' ? undefined : token);
        ctx.state.userId = caller.userId;
        ctx.state.projectId = caller.projectId;
        await run(ctx, caller, ctx['params'] as Params);
      });
    },
    serve(app, missing) {
      app.use(router.routes());
      app.use(() => {
        throw notFound(missing, { code: 'HTTPNotFound' });
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
