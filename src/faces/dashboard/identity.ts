// Why: a browser may speak only to where its page is from, and a Keystone of the operator's is elsewhere. So the page always signs in here:
// what it asks for goes to the built-in service, or on to Keystone, and nothing but what signing in takes.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { withoutEndSlashes } from '../../base/slashes.ts';
import type { MountedRequest } from '../../web/app.ts';
import { reachedBy } from '../../web/reached.ts';

/** What signing in takes: tokens, the projects of a user, and for operators the names of all. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  '/v3/auth/tokens': ['POST', 'DELETE'],
  '/v3/auth/projects': ['GET'],
  '/v3/projects': ['GET'],
};

/** Whether the page may ask identity for this. */
export const isSignIn = (method: string, url: string): boolean =>
  Object.hasOwn(ALLOWED, url) && ALLOWED[url]?.includes(method) === true;

/** Asks the built-in service, which sees the request as if it had come to it. */
export const builtInIdentity =
  (app: RequestListener): RequestListener =>
  (request, response) => {
    (request as MountedRequest).mountPath = '/identity';
    app(request, response);
  };

/** All of it; null where it is more than so many bytes. */
async function readWhole(stream: AsyncIterable<Uint8Array>, most: number): Promise<Buffer | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > most) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function answer(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
  response.end(body);
}

const problem = (code: number, title: string, message: string): string =>
  JSON.stringify({ error: { code, title, message } });

/** What of a request or an answer is passed on. */
function some(names: readonly string[], of: (name: string) => string | null | undefined): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = of(name);
      return value == null ? [] : [[name, value]];
    }),
  );
}

/** @param authUrl the address of Keystone, with or without `/v3` */
export function keystoneIdentity(authUrl: string, log: Log): RequestListener {
  const base = withoutEndSlashes(authUrl).replace(/\/v3$/, '');

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === 'POST' ? await readWhole(request, limits.dashboardSignInBytes) : null;
    if (request.method === 'POST' && body === null)
      return answer(response, 413, problem(413, 'Request Entity Too Large', 'Request is too large.'));
    const { headers } = request;
    const reply = await fetch(`${base}${request.url}`, {
      method: request.method ?? 'GET',
      headers: {
        ...some(['x-auth-token', 'x-subject-token'], (name) => headers[name]?.toString()),
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        'x-forwarded-for': reachedBy(request).client,
      },
      ...(body === null ? {} : { body: new Uint8Array(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(limits.neighbourMs),
    });
    const text = reply.body === null ? Buffer.alloc(0) : await readWhole(reply.body, limits.neighbourAnswerBytes);
    if (text === null) throw new Error('the answer of the identity service is too long');
    answer(
      response,
      reply.status,
      text,
      some(['x-subject-token'], (name) => reply.headers.get(name)),
    );
  }

  return (request, response) => {
    pass(request, response).catch((error: unknown) => {
      log.warn({ err: error }, 'the identity service could not be asked for the dashboard');
      if (response.headersSent) return response.destroy();
      return answer(response, 503, problem(503, 'Service Unavailable', 'The identity service does not answer.'));
    });
  };
}
