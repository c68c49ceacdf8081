// Why: what every HTTP service here does alike: request ids, one access-log line, one place where faults become answers.

import type { IncomingMessage } from 'node:http';
import Koa from 'koa';
import type { Clock } from '../base/clock.ts';
import { asFault, badRequest, Fault, outwardMessage } from '../base/errors.ts';
import { isRequestId, newRequestId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { type Log, plainLog } from '../base/log.ts';
import { type Envelope, statusOfFault } from './faults.ts';
import { loggedPath } from './logged-path.ts';
import { reachedBy, type ServiceName } from './reached.ts';

/** What the middleware here puts on `ctx.state`. */
export interface WebState {
  requestId: string;
  /** An id that came with the request and was one; kept and logged. */
  globalRequestId: string | null;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** The route's template for log and metrics, e.g. `/servers/{id}`; set by the service. */
  route: string;
  /** Who asked, for the access log; set by the service once known. */
  userId: string | null;
  projectId: string | null;
  /** How long a JSON body may take to come. */
  bodyMs: number;
}

export type Web = Koa<WebState>;
export type WebContext = Koa.ParameterizedContext<WebState>;

/** Told of every answer; see src/web/metrics.ts. */
export interface WebObserver {
  answered(service: string, route: string, method: string, status: number, seconds: number): void;
}

export interface WebOptions {
  /** Name in log and metrics: `compute`, `identity`, `image`, `network`, `volume`, `novacron`. */
  readonly service: string;
  readonly envelope: Envelope;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  /** What an error that is no fault means, where the service knows it; null: a bug. */
  readonly recognize?: (error: unknown) => Fault | null;
  /** How long a JSON body may take to come; `limits.bodyMs` unless given. */
  readonly bodyMs?: number | undefined;
  /** Headers beside `X-OpenStack-Request-Id` that carry the request id. */
  readonly requestIdHeaders?: readonly string[];
}

/** Writes a fault as the answer, in the service's envelope. */
function answerFault(ctx: WebContext, fault: Fault, envelope: Envelope): void {
  const status = statusOfFault(fault);
  const { type, body } = envelope(fault, status, ctx.state.requestId);
  ctx.status = status;
  ctx.type = type;
  // where no identity service says otherwise, the built-in one is where this request came in
  if (status === 401) ctx.set('WWW-Authenticate', `Keystone uri="${reachedBy(ctx.req).urlOf('identity')}/v3"`);
  ctx.set(fault.headers);
  if (fault.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(fault.retryAfterSeconds));
  ctx.body = body;
}

/** Errors that Koa and its parsers throw carry a status; they become the fault of that meaning. */
function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 413) return new Fault('tooLarge', 'Request is too large.', { cause: error });
  if (status === 415) return new Fault('badMediaType', message, { cause: error });
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new Fault('badRequest', message, { cause: error });
  return asFault(error);
}

/** Readers of a path do not agree on what these are: a fragment or a slash to one, and a part of a name to the next. */
function checkTarget(url: string): void {
  if (/^[^?]*[#\\]/.test(url)) throw badRequest('The path of a request has neither # nor \\ in it.');
}

/** A Koa application with request ids, access log and fault envelope; the service adds its own middleware. */
export function makeWeb(options: WebOptions): Web {
  const { service, envelope, clock, log, observer, bodyMs = limits.bodyMs } = options;
  const accessLog = plainLog(log, { service });
  const app: Web = new Koa<WebState>();
  app.silent = true;
  const answer = (ctx: WebContext, error: unknown): void => {
    const fault = options.recognize?.(error) ?? faultOf(error);
    const message = outwardMessage(fault);
    const told = message === fault.message ? fault : new Fault(fault.kind, message, { code: fault.code, cause: fault });
    const path = loggedPath(ctx.originalUrl);
    const line = { request_id: ctx.state.requestId, err: fault.cause ?? fault, method: ctx.method, path };
    if (fault.kind === 'internal') log.error(line, 'unexpected error');
    else if (fault.kind === 'unavailable') log.warn(line, 'answered that it is to be asked for later');
    else if (told !== fault) log.warn({ ...line, err: fault }, 'answered without the words of the host');
    answerFault(ctx, told, envelope);
  };
  app.use(async (ctx, next) => {
    const { state } = ctx;
    state.startedAt = clock.now();
    state.requestId = newRequestId();
    const given = ctx.get('X-OpenStack-Request-Id');
    state.globalRequestId = given !== '' && isRequestId(given) ? given : null;
    state.route = '';
    state.userId = null;
    state.projectId = null;
    state.bodyMs = bodyMs;
    const started = performance.now();
    try {
      checkTarget(ctx.originalUrl);
      await next();
    } catch (error) {
      answer(ctx, error);
    }
    ctx.set('X-OpenStack-Request-Id', state.requestId);
    for (const header of options.requestIdHeaders ?? []) ctx.set(header, state.requestId);
    const seconds = (performance.now() - started) / 1000;
    observer.answered(service, state.route, ctx.method, ctx.status, seconds);
    accessLog.info(
      {
        request_id: state.requestId,
        // undefined: not written
        global_request_id: state.globalRequestId ?? undefined,
        user_id: state.userId,
        project_id: state.projectId,
        client: reachedBy(ctx.req).client,
        method: ctx.method,
        path: loggedPath(ctx.originalUrl),
        status: ctx.status,
        ms: Math.round(seconds * 10_000) / 10,
      },
      'request',
    );
  });
  return app;
}

/** A request that came through `mount` remembers where its service hangs. */
export type MountedRequest = IncomingMessage & { mountPath?: string };

/** The URL under which the caller reaches this service, without a slash at the end: `http://127.0.0.1:8774/compute`. */
export function serviceUrl({ req }: WebContext): string {
  const { root, urlOf } = reachedBy(req);
  const { mountPath } = req as MountedRequest;
  return mountPath === undefined ? root : urlOf(mountPath.slice(1) as ServiceName);
}
