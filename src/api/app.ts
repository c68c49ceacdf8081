// Why: the compute API as a Koa application: token, version, content type, action, body, project, then the route's own page.
// The order is Nova's (docs/decisions/0002-order-of-checks.md), so that a client meets the same refusal first.

import { badRequest, Fault, notFound } from '../base/errors.ts';
import type { Op } from '../base/op.ts';
import { databaseFault } from '../db/errors.ts';
import { askedVersion, negotiate } from '../domain/microversions.ts';
import { CONSOLES } from '../domain/servers/remote-console.ts';
import { makeWeb, serviceUrl, type Web, type WebContext, type WebObserver } from '../web/app.ts';
import { novaEnvelope } from '../web/faults.ts';
import { readJson } from '../web/json-body.ts';
import { parseQuery } from '../web/query.ts';
import { reachedBy } from '../web/reached.ts';
import { multipleChoices, versionDocumentWriter, versionList } from './compute/versions.ts';
import { type ResponseCacheSlot, responseCacheSlot } from './response-cache.ts';
import type { CallUrl, Query, RouteEntry } from './resource.ts';
import { makeSegmentRouter, type RouteGroup } from './router.ts';
import { runRoute } from './runner.ts';
import { makeValidator } from './schema.ts';
import type { Authenticate, Services } from './services.ts';

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

/** `/v2.1/…` split into its parts; `rest` is decoded and begins with one slash, or is empty for the version's own page. */
function splitPath(path: string): { endpoint: 'v2' | 'v2.1'; rest: string } | null {
  const found = /^\/(v2(?:\.1)?)(\/.*)?$/.exec(path);
  if (!found) return null;
  let rest = (found[2] ?? '').replace(/^\/+/, '/');
  try {
    rest = decodeURIComponent(rest);
  } catch {
    // not UTF-8: matched as it stands
  }
  return { endpoint: found[1] as 'v2' | 'v2.1', rest };
}

/** Parameters of paths that are looked for as ids. */
const IDS = ['server_id', 'flavor_id', 'image_id', 'server_group_id'] as const;

const PROJECT_SEGMENT = /^\/([0-9a-f-]+)(\/.*)?$/;

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
  const validator = makeValidator();
  const versionText = { v2: versionDocumentWriter('v2'), 'v2.1': versionDocumentWriter('v2.1') };

  const setVersion = (ctx: WebContext, version: string) => {
    ctx.set('OpenStack-API-Version', `compute ${version}`);
    ctx.set('X-OpenStack-Nova-API-Version', version);
    ctx.append('Vary', 'OpenStack-API-Version, X-OpenStack-Nova-API-Version');
  };
  const setVersionHeaders = (ctx: WebContext, minor: number) => setVersion(ctx, `2.${minor}`);
  /** The minor version that a request asks for; the refusal of one that is not served names it, as Nova's does. */
  const minorFor = (ctx: WebContext): number => {
    const asked = [header(ctx, 'openstack-api-version'), header(ctx, 'x-openstack-nova-api-version')] as const;
    try {
      return negotiate(...asked);
    } catch (error) {
      const version = askedVersion(...asked)?.trim();
      if (error instanceof Fault && error.kind === 'notAcceptable' && version !== undefined) setVersion(ctx, version);
      throw error;
    }
  };
  const header = (ctx: WebContext, name: string): string | undefined => ctx.req.headers[name] as string | undefined;

  const router = makeSegmentRouter(options.routes, async (ctx, group, params) => {
    const { state } = ctx as unknown as { state: Prepared };
    ctx.state.route = group.template;
    if (state.legacy) state.minor = 1;
    else {
      state.minor = minorFor(ctx);
      setVersionHeaders(ctx, state.minor);
    }
    const type = (header(ctx, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (!MEDIA_TYPES.has(type)) throw new Fault('badMediaType', `Unsupported Content-Type: ${type}`);
    // MySQL takes an id for the same with blanks at its end
    if (IDS.some((name) => params[name]?.endsWith(' '))) {
      throw notFound('The resource could not be found.');
    }
    const body = ctx.method === 'POST' || ctx.method === 'PUT' ? await readJson(ctx) : null;
    const entries = pickEntries(group, body);
    if (state.projectInUrl !== null && state.projectInUrl !== state.caller.projectId) {
      throw badRequest(
        `Malformed request URL: URL's project_id '${state.projectInUrl}' doesn't match Context's project_id '${state.caller.projectId ?? 'None'}'`,
      );
    }
    const op: Op = {
      requestId: ctx.state.requestId,
      globalRequestId: ctx.state.globalRequestId,
      caller: state.caller,
      minor: state.minor,
      clock: services.clock,
      log: services.log,
    };
    await runRoute(
      ctx,
      entries,
      { op, services, params, query: queryOf(ctx), body, url: state.url, kept: state.kept, legacy: state.legacy },
      validator,
    );
  });

  app.use(async (ctx) => {
    const { path, method } = ctx;
    if (method === 'OPTIONS') {
      ctx.state.route = 'OPTIONS';
      ctx.status = 200;
      ctx.body = '';
      return;
    }
    const split = splitPath(path);
    if (split === null || split.rest === '' || split.rest === '/') {
      if (method !== 'GET' && !(method === 'HEAD' && split === null)) return answerNoRoute(ctx);
      ctx.state.route = split === null ? '(root)' : '/';
      ctx.type = 'application/json';
      if (split !== null) {
        if (split.endpoint === 'v2.1') setVersionHeaders(ctx, minorFor(ctx));
        ctx.body = versionText[split.endpoint](serviceUrl(ctx));
      } else if (path === '/' || path === '') ctx.body = JSON.stringify(versionList(serviceUrl(ctx)));
      else {
        ctx.status = 300;
        ctx.body = JSON.stringify(multipleChoices(serviceUrl(ctx), path));
      }
      return;
    }
    const caller = await authenticate(header(ctx, 'x-auth-token'));
    ctx.state.userId = caller.userId;
    ctx.state.projectId = caller.projectId;

    const kept = method === 'GET' ? responseCacheSlot(services, caller, keyOf(ctx)) : null;
    const known = kept?.get();
    if (known) {
      if (split.endpoint === 'v2.1') setVersionHeaders(ctx, known.minor);
      ctx.state.route = known.route;
      ctx.status = known.status;
      ctx.type = 'application/json';
      ctx.body = known.text;
      return;
    }

    const segment = split.rest.split('/', 2)[1] ?? '';
    const inUrl = router.knows(segment) ? null : PROJECT_SEGMENT.exec(split.rest);
    const projectInUrl = inUrl?.[1] ?? null;
    const rest = inUrl === null ? split.rest : (inUrl[2] ?? '/');
    const service = serviceUrl(ctx);
    const suffix = projectInUrl === null ? '' : `/${projectInUrl}`;
    const url: CallUrl = {
      service,
      versioned: `${service}/${split.endpoint}${suffix}`,
      bookmark: `${service}${suffix}`,
      image: services.settings.imageUrl ?? reachedBy(ctx.req).urlOf('image'),
      consoles: `${reachedBy(ctx.req).root}${CONSOLES}`,
      path: rest,
    };
    Object.assign(ctx.state, {
      caller,
      projectInUrl,
      url,
      kept,
      legacy: split.endpoint === 'v2',
      minor: 1,
    } satisfies Prepared);
    if (rest === '/') {
      if (method !== 'GET') return answerNoRoute(ctx);
      ctx.state.route = '/';
      const minor = minorFor(ctx);
      if (split.endpoint === 'v2.1') setVersionHeaders(ctx, minor);
      ctx.type = 'application/json';
      ctx.body = versionText[split.endpoint](service);
      return;
    }
    if (!(await router.dispatch(ctx, rest))) answerNoRoute(ctx);
  });
  return app;
}

/** What is known of a request once its token and path were read. */
interface Prepared {
  readonly caller: Op['caller'];
  readonly projectInUrl: string | null;
  readonly url: CallUrl;
  readonly kept: ResponseCacheSlot | null;
  readonly legacy: boolean;
  minor: number;
}
