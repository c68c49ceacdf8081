// Why: pages and faces of this program ask every service at one address, also one that runs elsewhere: what is asked of it here is passed
// on, with the caller's token, once we know who that is.

import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher } from 'undici';
import { badRequest, messageOf, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Authenticate } from '../base/op.ts';
import { withoutEndSlashes } from '../base/slashes.ts';
import { makeWeb, type Web, type WebContext, type WebOptions } from './app.ts';

export interface RelayOptions extends WebOptions {
  /** Where the service is, without a version. */
  readonly endpoint: () => Promise<string>;
  readonly authenticate: Authenticate;
}

const KEPT: ReadonlySet<string> = new Set([
  // of one connection (RFC 9110, 7.6.1), or made anew for the next
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'expect'],
  // of this address, under which other pages stand too (a dashboard with its session): no service of OpenStack asks for them
  ...['cookie', 'set-cookie', 'authorization'],
  // what a caller says of himself, which the service would take for what its proxy says
  ...['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
  ...['x-forwarded-prefix', 'x-forwarded-server', 'x-real-ip'],
]);

function passedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  // a sender names what else is of the connection
  const named = new Set((headers.connection ?? '').toLowerCase().split(/[\s,]+/));
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !KEPT.has(entry[0]) && !named.has(entry[0]),
    ),
  );
}

/** A service, or a proxy before it, may walk up from here, to what is nobody's to ask. */
function leadsUp(path: string): boolean {
  // each by itself: what is not UTF-8 elsewhere in the path hides none of them
  const plain = path.replaceAll(/%(2e|2f|5c|3b)/gi, (_whole, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  return /(?:^|[/\\])\.{1,2}(?:;[^/\\]*)?(?:[/\\]|$)/.test(plain);
}

/** Aborts when the caller has gone, whether or not there was an answer. */
function untilGone({ res }: WebContext): AbortSignal {
  const gone = new AbortController();
  if (res.destroyed) gone.abort();
  res.once('close', () => gone.abort());
  return gone.signal;
}

/** Passes on what callers with a good token ask, and streams what is answered; `close` ends its connections. */
export function makeRelay({ endpoint, authenticate, ...web }: RelayOptions): { app: Web; close(): Promise<void> } {
  const agent = new Agent({ connectTimeout: limits.neighbourMs, headersTimeout: limits.imageTransferMs });
  const app = makeWeb(web);
  app.use(async (ctx) => {
    // as one service reads it, whichever form the request's target has
    const { path, search } = ctx;
    const asked = { service: web.service, method: ctx.method, path, serviceToken: ctx.get('X-Service-Token') };
    const caller = await authenticate(ctx.get('X-Auth-Token') || undefined, asked);
    ctx.state.userId = caller.userId;
    ctx.state.projectId = caller.projectId;
    if (leadsUp(path)) throw badRequest('The path of a request leads to nothing above the service.');
    const told = await endpoint();
    const isDown = (detail: string, cause?: unknown) =>
      unavailable(`The ${web.service} service is not available now.`, { detail, cause });
    if (!URL.canParse(told)) throw isDown(`${told} is no address`);
    const { origin, pathname } = new URL(told);
    const hasBody = ctx.get('Content-Length') !== '' || ctx.get('Transfer-Encoding') !== '';
    const answer = await agent
      .request({
        ...{
          origin,
          path: `${withoutEndSlashes(pathname)}${path}${search}`,
          method: ctx.method as Dispatcher.HttpMethod,
        },
        headers: passedOn(ctx.headers),
        body: hasBody ? ctx.req : null,
        signal: untilGone(ctx),
      })
      .catch((error: unknown) => {
        throw isDown(messageOf(error), error);
      });
    ctx.status = answer.statusCode;
    ctx.set(passedOn(answer.headers));
    ctx.body = answer.body;
  });
  return { app, close: () => agent.close() };
}
