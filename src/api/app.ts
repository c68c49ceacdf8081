// Why: the compute API as a Koa application: token, version, content type, action, body, project, then the route's own page.
// The order is Nova's (docs/decisions/0002-order-of-checks.md), so that a client meets the same refusal first.

import { badRequest, Fault, notFound } from '../base/errors.ts';
import type { Authenticate, Op } from '../base/op.ts';
import { databaseFault } from '../db/errors.ts';
import { CONSOLES } from '../domain/servers/remote-consoles.ts';
import { makeWeb, serviceUrl, type Web, type WebContext, type WebObserver } from '../web/app.ts';
import { novaEnvelope } from '../web/faults.ts';
import { readJson } from '../web/json-body.ts';
import { parseQuery } from '../web/query.ts';
import { reachedBy } from '../web/reached.ts';
import { multipleChoices, versionDocumentWriter, versionList } from './compute/versions.ts';
import { type ComputePath, splitPath, splitProject } from './compute-path.ts';
import { type ResponseCacheSlot, responseCacheSlot } from './response-cache.ts';
import type { CallUrl, Query, RouteEntry } from './resource.ts';
import { makeSegmentRouter, type RouteGroup, type RouteHandler } from './router.ts';
import { runRoute } from './runner.ts';
import { makeValidator } from './schema.ts';
import type { Services } from './services.ts';
import { header, minorFor, setVersionHeaders } from './version-headers.ts';

export interface ComputeOptions {
  readonly routes: readonly RouteEntry[];
  readonly services: Services;
  readonly authenticate: Authenticate;
  readonly observer: WebObserver;
  readonly bodyMs?: number | undefined;
}

const MEDIA_TYPES = new Set(['', 'text/plain', 'application/json', 'application/vnd.openstack.compute+json']);

/** The framework's page for a path that fits no route, as Nova's (webob) has it: no fault, no version headers. */
function answerNoRoute(ctx: WebContext): void {
  const message = 'The resource could not be found.';
  ctx.status = 404;
  if (ctx.get('Accept').includes('application/json')) {
    ctx.type = 'application/json';
    ctx.body = JSON.stringify({ message: `${message}<br /><br />\n\n\n`, code: '404 Not Found', title: 'Not Found' });
  } else {
    ctx.type = 'text/html; charset=UTF-8';
    ctx.body = `<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  ${message}<br /><br />\n\n\n </body>\n</html>`;
  }
}

const queryOf = (ctx: WebContext): Query => Object.fromEntries(parseQuery(ctx.querystring));

/** Parameters of paths that are looked for as ids. */
const IDS = ['server_id', 'flavor_id', 'image_id', 'server_group_id'] as const;

/** What an answer to a GET may depend on, beside the caller. */
const keyOf = (ctx: WebContext): string =>
  [...KEY_HEADERS.map((name) => ctx.req.headers[name] ?? ''), serviceUrl(ctx), ctx.url].join('\n');

const KEY_HEADERS = ['openstack-api-version', 'x-openstack-nova-api-version', 'content-type'] as const;

/** Which of a path's routes the request means; for actions, by the only key of the body. */
function pickEntries(group: RouteGroup, body: unknown): readonly RouteEntry[] {
  if (!group.hasActions) return group.entries;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest(
      body === null ? 'Malformed request body' : 'There is no such action: None. Malformed request body',
    );
  }
  const keys = Object.keys(body);
  if (keys.length !== 1) throw badRequest('Malformed request body');
  const entries = group.entries.filter((entry) => entry.action === keys[0]);
  if (entries.length === 0) throw badRequest(`There is no such action: ${keys[0]}`);
  return entries;
}

/** What is known of a request once its token and path were read. */
interface Prepared {
  readonly caller: Op['caller'];
  readonly projectInUrl: string | null;
  readonly url: CallUrl;
  readonly kept: ResponseCacheSlot | null;
  readonly legacy: boolean;
}

const versionText = { v2: versionDocumentWriter('v2'), 'v2.1': versionDocumentWriter('v2.1') };

function answerText(ctx: WebContext, text: string): void {
  ctx.type = 'application/json';
  ctx.body = text;
}

/** The page of a version. */
function answerVersion(ctx: WebContext, endpoint: ComputePath['endpoint'], minor: number): void {
  ctx.state.route = '/';
  if (endpoint === 'v2.1') setVersionHeaders(ctx, minor);
  answerText(ctx, versionText[endpoint](serviceUrl(ctx)));
}

/** What is below no version: all of them, or the choice. */
function answerChoices(ctx: WebContext): void {
  const { path } = ctx;
  ctx.state.route = '(root)';
  if (path === '/' || path === '') return answerText(ctx, JSON.stringify(versionList(serviceUrl(ctx))));
  ctx.status = 300;
  answerText(ctx, JSON.stringify(multipleChoices(serviceUrl(ctx), path)));
}

/** What needs no token; whether it was answered. */
function answerOpenly(ctx: WebContext, path: ComputePath | null): boolean {
  const { method } = ctx;
  if (method === 'OPTIONS') {
    ctx.state.route = 'OPTIONS';
    ctx.status = 200;
    ctx.body = '';
    return true;
  }
  if (path === null) {
    if (method === 'GET' || method === 'HEAD') answerChoices(ctx);
    else answerNoRoute(ctx);
    return true;
  }
  if (path.rest !== '' && path.rest !== '/') return false;
  if (method === 'GET') answerVersion(ctx, path.endpoint, path.endpoint === 'v2.1' ? minorFor(ctx) : 1);
  else answerNoRoute(ctx);
  return true;
}

function answerFromCache(
  ctx: WebContext,
  endpoint: ComputePath['endpoint'],
  known: NonNullable<ReturnType<ResponseCacheSlot['get']>>,
): void {
  if (endpoint === 'v2.1') setVersionHeaders(ctx, known.minor);
  ctx.state.route = known.route;
  ctx.status = known.status;
  answerText(ctx, known.text);
}

function urlsOf(
  ctx: WebContext,
  endpoint: string,
  project: string | null,
  path: string,
  imageUrl: string | null,
): CallUrl {
  const service = serviceUrl(ctx);
  const suffix = project === null ? '' : `/${project}`;
  const { root, urlOf } = reachedBy(ctx.req);
  return {
    service,
    versioned: `${service}/${endpoint}${suffix}`,
    bookmark: `${service}${suffix}`,
    image: imageUrl ?? urlOf('image'),
    consoles: `${root}${CONSOLES}`,
    path,
  };
}

/** Refuses what no resource takes, in Nova's order; the body may come meanwhile. */
async function readBody(ctx: WebContext, params: Readonly<Record<string, string>>): Promise<unknown> {
  const type = (header(ctx, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!MEDIA_TYPES.has(type)) throw new Fault('badMediaType', `Unsupported Content-Type: ${type}`);
  // MySQL takes an id for the same with blanks at its end
  if (IDS.some((name) => params[name]?.endsWith(' '))) throw notFound('The resource could not be found.');
  return ctx.method === 'POST' || ctx.method === 'PUT' ? readJson(ctx) : null;
}

function checkProject({ projectInUrl, caller: { projectId } }: Prepared): void {
  if (projectInUrl === null || projectInUrl === projectId) return;
  throw badRequest(
    `Malformed request URL: URL's project_id '${projectInUrl}' doesn't match Context's project_id '${projectId ?? 'None'}'`,
  );
}

/** The schemas of routes are the process's, and so is what they were compiled to. */
const validator = makeValidator();

/** Carries out what a route says. */
function routeHandler(services: Services): RouteHandler {
  return async (ctx, group, params) => {
    const prepared = ctx.state as unknown as Prepared;
    const { caller, url, kept, legacy } = prepared;
    ctx.state.route = group.template;
    const minor = legacy ? 1 : minorFor(ctx);
    if (!legacy) setVersionHeaders(ctx, minor);
    const body = await readBody(ctx, params);
    const entries = pickEntries(group, body);
    checkProject(prepared);
    const { requestId, globalRequestId } = ctx.state;
    const op: Op = { requestId, globalRequestId, caller, minor, clock: services.clock, log: services.log };
    await runRoute(ctx, entries, { op, services, params, query: queryOf(ctx), body, url, kept, legacy }, validator);
  };
}

/** The compute API. The routes come in as data; versions documents answer without a token. */
export function makeCompute(options: ComputeOptions): Web {
  const { services, authenticate } = options;
  const app = makeWeb({
    service: 'compute',
    envelope: novaEnvelope,
    recognize: databaseFault,
    clock: services.clock,
    log: services.log,
    observer: options.observer,
    bodyMs: options.bodyMs,
    requestIdHeaders: ['X-Compute-Request-Id'],
  });
  const router = makeSegmentRouter(options.routes, routeHandler(services));
  app.use(async (ctx) => {
    const path = splitPath(ctx.path);
    if (answerOpenly(ctx, path) || path === null) return;
    const { endpoint } = path;
    const caller = await authenticate(header(ctx, 'x-auth-token'), {
      service: 'compute',
      method: ctx.method,
      path: ctx.path,
      serviceToken: ctx.get('X-Service-Token'),
    });
    ctx.state.userId = caller.userId;
    ctx.state.projectId = caller.projectId;
    const kept = ctx.method === 'GET' ? responseCacheSlot(services, caller, keyOf(ctx)) : null;
    const known = kept?.get();
    if (known) return answerFromCache(ctx, endpoint, known);

    const { project, rest } = splitProject(path.rest, (segment) => router.knows(segment));
    const url = urlsOf(ctx, endpoint, project, rest, services.settings.imageUrl);
    const prepared: Prepared = { caller, projectInUrl: project, url, kept, legacy: endpoint === 'v2' };
    Object.assign(ctx.state, prepared);
    if (rest === '/' && ctx.method === 'GET') answerVersion(ctx, endpoint, minorFor(ctx));
    else if (rest === '/' || !(await router.dispatch(ctx, rest))) answerNoRoute(ctx);
  });
  return app;
}
