// Why: NovaCron's API as a Koa application over the compute API: who asks, what is asked, and then the calls that it stands for, with the
// caller's own token.

import Router from '@koa/router';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { Fault, notFound } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { computeClient } from '../../client/compute.ts';
import { inProcessTransport } from '../../client/in-process.ts';
import { Refusal } from '../../client/refusal.ts';
import { borrowSession, type Urls } from '../../client/session.ts';
import { makeWeb, serviceUrl, type WebContext, type WebObserver } from '../../web/app.ts';
import type { Envelope } from '../../web/faults.ts';
import { readJson } from '../../web/json-body.ts';
import { reachedBy } from '../../web/reached.ts';
import { type Callers, type CallersOptions, makeCallers } from './callers.ts';
import { isFromThisMachine } from './loopback.ts';
import { pages } from './pages.ts';
import { checkBody, checkMediaType, checkParams } from '../kit/requests.ts';
import type { FaceRoute } from '../kit/route.ts';
import { novacronRoutes } from './routes.ts';

export interface NovacronOptions extends CallersOptions {
  /** The services of this process, each below its path. */
  readonly services: RequestListener;
  /** Where they are asked: an address below which the listener finds them. */
  readonly urls: Required<Urls>;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  readonly bodyMs?: number | undefined;
}

export interface Novacron {
  readonly handler: RequestListener;
  /** As `handler`, of a port on which callers of this machine may do without a token. */
  readonly ownHandler: RequestListener;
}

const envelope: Envelope = ({ message }, code, request_id) => ({
  type: 'application/json; charset=utf-8',
  body: JSON.stringify({ error: { code, message, request_id } }),
});

/** What the compute API refused, in its words and with its status; null: it did not. */
function passedOn(error: unknown): Fault | null {
  if (!(error instanceof Refusal)) return null;
  const { status, words, retryAfterSeconds: later } = error;
  const kind = status === 500 ? 'internal' : error.kind;
  return new Fault(kind, words, { cause: error, ...(later === undefined ? {} : { retryAfterSeconds: later }) });
}

const mayDoWithout = new WeakSet<IncomingMessage>();

async function answer(
  ctx: WebContext,
  route: FaceRoute,
  params: Readonly<Record<string, string>>,
  { services, urls }: NovacronOptions,
  callers: Callers,
): Promise<void> {
  ctx.state.route = route.path;
  const { client } = reachedBy(ctx.req);
  const token = await callers.tokenOf(ctx.req, client, mayDoWithout.has(ctx.req));
  checkParams(params);
  if (route.method === 'POST') checkMediaType(ctx.get('Content-Type'));
  const body = route.method === 'POST' ? await readJson(ctx) : null;
  checkBody(route, body);
  const transport = inProcessTransport(services, client);
  const headers = { 'X-OpenStack-Request-Id': ctx.state.requestId };
  const compute = computeClient(borrowSession({ transport, token, urls, headers }));
  try {
    const result = await route.run({ compute, params, body: body ?? undefined });
    ctx.status = route.status;
    ctx.type = 'application/json';
    ctx.body = JSON.stringify(result);
  } catch (error) {
    if (error instanceof Refusal && error.kind === 'unauthorized') callers.forget(token);
    throw error;
  }
}

/** What there is below this address. */
function answerIndex(ctx: WebContext): void {
  const base = `${serviceUrl(ctx)}/v1`;
  ctx.state.route = '/';
  ctx.type = 'application/json';
  ctx.body = JSON.stringify({ openapi: `${base}/openapi.json`, docs: `${base}/docs` });
}

/** The API below `/v1`, with its description and reference. */
export function makeNovacron(options: NovacronOptions): Novacron {
  const { clock, log, observer, bodyMs } = options;
  const app = makeWeb({
    ...{ service: 'novacron', envelope, clock, log, observer, bodyMs },
    recognize: passedOn,
  });
  const callers = makeCallers(options);
  const router = new Router({ prefix: '/v1', strict: true, sensitive: true });
  for (const route of novacronRoutes) {
    router.register(route.path.replace(/\{(\w+)\}/g, ':$1'), [route.method], async (ctx) =>
      answer(ctx as unknown as WebContext, route, ctx.params as Record<string, string>, options, callers),
    );
  }
  for (const [path, page] of Object.entries(pages)) {
    router.get(path, (ctx) => {
      const { headers, body } = page();
      ctx.set(headers);
      ctx.body = body;
    });
  }
  app.use(router.routes() as never);
  app.use((ctx) => {
    if (ctx.method === 'GET' && /^\/v1\/?$/.test(ctx.path)) return answerIndex(ctx);
    throw notFound(`There is no ${ctx.method} /api${ctx.path}; see /api/v1/docs.`);
  });
  const handle = app.callback();
  return {
    handler: (request, response) => void handle(request, response),
    ownHandler(request, response) {
      if (isFromThisMachine(request)) mayDoWithout.add(request);
      void handle(request, response);
    },
  };
}
