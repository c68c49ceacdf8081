// Why: the dashboard is a page and hardly anything else: everything that it shows and does goes through the public API. What a browser
// needs beside that is here: the page's files, a door to identity, and news of what changed.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { asFault } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Authenticate, Caller } from '../../base/op.ts';
import { statusOfFault } from '../../web/faults.ts';
import { GIVES_PLACE_BACK } from '../../web/place.ts';
import { reachedBy } from '../../web/reached.ts';
import { type Asset, type Assets, encodingFor, loadAssets } from './assets.ts';
import { CONTENT_POLICY, documentOf } from './document.ts';
import { type FindChanges, makeEventHub } from './events.ts';
import { isSignIn } from './identity.ts';

/** Where it hangs. */
export const DASHBOARD = '/dashboard';

export interface DashboardOptions {
  readonly authenticate: Authenticate;
  /** Answers what signing in takes, its paths beginning with `/v3`. */
  readonly identity: RequestListener;
  readonly findChanges: FindChanges;
  readonly now: () => number;
  readonly log: Log;
  /** Hears how many watch, whenever it changes. */
  readonly count: (streams: number) => void;
}

export interface Dashboard {
  /** Answers requests as seen from below `DASHBOARD`. */
  readonly handler: RequestListener;
  /** Ends the streams. */
  close(): void;
}

const HEADERS = {
  'Content-Security-Policy': CONTENT_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** A year: the name of a file says what is in it. */
const FOR_GOOD = 'public, max-age=31536000, immutable';

function send(
  { method }: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer,
): void {
  response.writeHead(status, { ...HEADERS, ...headers, 'Content-Length': Buffer.byteLength(body) });
  response.end(method === 'HEAD' ? undefined : body);
}

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };

function sendAsset(request: IncomingMessage, response: ServerResponse, name: string, { type, bodies }: Asset): void {
  const encoding = encodingFor(request.headers['accept-encoding']?.toString());
  const headers = {
    'Content-Type': type,
    'Cache-Control': name.startsWith('app-') ? FOR_GOOD : 'public, max-age=86400',
    Vary: 'Accept-Encoding',
    ...(encoding === 'identity' ? {} : { 'Content-Encoding': encoding }),
  };
  send(request, response, 200, headers, bodies[encoding]);
}

function sendDocument(request: IncomingMessage, response: ServerResponse, { bundle }: Assets): void {
  const base = `${new URL(reachedBy(request).root).pathname.replace(/\/$/, '')}${DASHBOARD}/`;
  const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' };
  send(request, response, 200, headers, documentOf(base, bundle));
}

export function makeDashboard(options: DashboardOptions): Dashboard {
  const { authenticate, identity, log, count } = options;
  const hub = makeEventHub({
    find: options.findChanges,
    now: options.now,
    failed: (error) => log.warn({ err: error }, 'what changed could not be looked up for the dashboard'),
  });
  let assets: Promise<Assets> | null = null;

  async function page(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(request, response, 405, { ...TEXT, Allow: 'GET, HEAD' }, 'Only GET and HEAD.\n');
    assets ??= loadAssets();
    const loaded = await assets;
    if (path === '/') return sendDocument(request, response, loaded);
    const name = path.slice(1);
    const asset = loaded.files.get(name);
    if (asset === undefined) return send(request, response, 404, TEXT, 'There is no such page.\n');
    return sendAsset(request, response, name, asset);
  }

  async function events(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET') return send(request, response, 405, { ...TEXT, Allow: 'GET' }, 'Only GET.\n');
    const token = request.headers['x-auth-token']?.toString();
    // no service of the catalog: an application credential with access rules hears nothing here
    const asked = { service: 'dashboard', method: 'GET', path: '/events' };
    let caller: Caller;
    try {
      caller = await authenticate(token, asked);
    } catch (error) {
      return send(request, response, statusOfFault(asFault(error)), TEXT, 'A token is wanted that is good.\n');
    }
    if (caller.projectId === null && !caller.isAdmin)
      return send(request, response, 403, TEXT, 'A token of a project is wanted.\n');
    const mayListen = () =>
      authenticate(token, asked).then(
        () => true,
        (error: unknown) => asFault(error).kind !== 'unauthorized',
      );
    const listener = { userId: caller.userId, projectId: caller.isAdmin ? null : caller.projectId, mayListen };
    if (!hub.join(listener, response))
      return send(request, response, 429, { ...TEXT, 'Retry-After': '30' }, 'Too many watch already.\n');
    // it takes no turn from the requests of its client's neighbours, however long it stays
    response.emit(GIVES_PLACE_BACK);
    count(hub.count());
    response.once('close', () => count(hub.count()));
  }

  const answer = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const path = (request.url ?? '/').replace(/\?.*/s, '');
    if (path === '/events') return events(request, response);
    if (!path.startsWith('/identity/')) return page(request, response, path);
    const asked = path.slice('/identity'.length);
    if (!isSignIn(request.method ?? '', asked)) return send(request, response, 404, TEXT, 'There is no such page.\n');
    request.url = asked;
    return identity(request, response);
  };

  return {
    handler: (request, response) => {
      Promise.resolve(answer(request, response)).catch((error: unknown) => {
        assets = null;
        log.error({ err: error }, 'the dashboard cannot be served');
        if (response.headersSent) response.destroy();
        else send(request, response, 500, TEXT, 'The dashboard cannot be served; the log says why.\n');
      });
    },
    close: () => hub.close(),
  };
}
