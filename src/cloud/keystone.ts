// Why: production identity is a real Keystone. Tokens are handled as in keystonemiddleware: refused offline if their signature is wrong,
// validated by Keystone otherwise, and never accepted because Keystone is unreachable.

import { Pool } from 'undici';
import type { Clock } from '../base/clock.ts';
import { withoutEndSlashes } from '../base/slashes.ts';
import { Fault, messageOf, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { endpointIn } from './catalog.ts';
import type { IdentityService } from './identity.ts';
import { type ResolvedToken, readTokenAnswer } from './token-body.ts';
import { makeTokenKeys } from './token-keys.ts';
import { makeTokenResolver } from './token-resolver.ts';

/** How this service authenticates to Keystone when it validates tokens. */
export type ServiceCredentials =
  | {
      readonly kind: 'password';
      readonly username: string;
      readonly password: string;
      readonly projectName: string;
      /** Domain ids; `default` when absent. */
      readonly userDomainId?: string;
      readonly projectDomainId?: string;
    }
  | { readonly kind: 'application_credential'; readonly id: string; readonly secret: string };

export interface KeystoneOptions {
  /** Keystone's address, with or without `/v3`. */
  readonly authUrl: string;
  /** Sent to clients in `WWW-Authenticate`; default: `authUrl`. */
  readonly wwwAuthenticateUri?: string;
  /** Absent: each token is validated with itself, which Keystone's default policy allows. */
  readonly service?: ServiceCredentials;
  /** The public keys of Keystone's jws provider; absent: no token is verified offline. */
  readonly publicKeysDir?: string;
  readonly cacheEntries?: number;
  readonly cacheMs?: number;
  readonly refusedMs?: number;
  readonly timeoutMs?: number;
  /** Which endpoints to take from the catalog: interfaces in order of preference, and region; empty: any. */
  readonly interfaces?: readonly string[];
  readonly region?: string;
  /** PEM certificates to trust instead of the system's, for https. */
  readonly ca?: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Our own token is renewed this long before it expires. */
const RENEW_BEFORE_MS = 60_000;
const PROBLEM_TIMEOUT_MS = 5_000;

interface Answer {
  readonly status: number;
  readonly subjectToken: string | null;
  readonly body: unknown;
}

function loginBody(service: ServiceCredentials): unknown {
  if (service.kind === 'application_credential') {
    const { id, secret } = service;
    return { auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } } };
  }
  const { username, password, projectName, userDomainId = 'default', projectDomainId = 'default' } = service;
  const user = { name: username, password, domain: { id: userDomainId } };
  return {
    auth: {
      identity: { methods: ['password'], password: { user } },
      scope: { project: { name: projectName, domain: { id: projectDomainId } } },
    },
  };
}

/** The address of Keystone's v3 API without a slash at the end. */
function v3Url(authUrl: string): URL {
  const trimmed = withoutEndSlashes(authUrl);
  return new URL(/\/v3$/.test(trimmed) ? trimmed : `${trimmed}/v3`);
}

/** uwsgi and proxies close idle connections at any time; calls to Keystone are safe to repeat once. */
const isBrokenConnection = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(error.code));

interface Client {
  /** Where Keystone is, for people. */
  readonly href: string;
  /** Sends a request, and repeats it once if the connection broke. */
  readonly call: (
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: unknown,
    withinMs?: number,
  ) => Promise<Answer>;
  close(): Promise<void>;
}

function makeClient({ authUrl, ca }: KeystoneOptions, timeoutMs: number): Client {
  const url = v3Url(authUrl);
  const pool = new Pool(url.origin, {
    connections: limits.neighbourConnections,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: limits.neighbourAnswerBytes,
    connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) },
  });
  return {
    href: url.href,
    async call(method, path, headers, body = null, withinMs = timeoutMs) {
      const signal = AbortSignal.timeout(withinMs);
      const send = async (): Promise<Answer> => {
        const answer = await pool.request({
          method,
          path: `${url.pathname}${path}`,
          headers: {
            accept: 'application/json',
            ...(body === null ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          body: body === null ? null : JSON.stringify(body),
          signal,
        });
        const text = await answer.body.text();
        const subject = answer.headers['x-subject-token'];
        const subjectToken = typeof subject === 'string' ? subject : null;
        const isSuccess = answer.statusCode >= 200 && answer.statusCode < 300;
        return { status: answer.statusCode, subjectToken, body: isSuccess && text !== '' ? JSON.parse(text) : null };
      };
      try {
        return await send();
      } catch (error) {
        if (!isBrokenConnection(error)) throw error;
        return send();
      }
    },
    close: () => pool.destroy(),
  };
}

/** Callers get one sentence; the reason goes to the log. */
type Outage = (reason: string, cause?: unknown) => Fault;

const outageOf =
  ({ log }: KeystoneOptions, href: string): Outage =>
  (reason, cause) => {
    log.error({ url: href, reason }, 'identity service cannot be reached');
    return unavailable('The identity service is unavailable. Try again later.', {
      code: 'keystone.unavailable',
      detail: reason,
      ...(cause === undefined ? {} : { cause }),
    });
  };

/** Our own token, with which others are validated. */
interface OwnToken {
  get(): Promise<string>;
  /** The project that it is scoped to. */
  project(): Promise<string>;
  /** Forgets this token, which was refused. */
  drop(token: string): void;
  /** Makes the next `get` log in again. */
  renew(): void;
}

function makeOwnToken(service: ServiceCredentials, { call }: Client, clock: Clock, outage: Outage): OwnToken {
  let own: { readonly token: string; readonly expiresAt: number } | null = null;
  let scopedTo: string | null = null;
  let renewing: Promise<string> | null = null;

  async function login(): Promise<string> {
    const answer = await call('POST', '/auth/tokens?nocatalog', {}, loginBody(service));
    const resolved = readTokenAnswer(answer.body);
    if (answer.status !== 201 || answer.subjectToken === null || resolved === null)
      throw outage(`our own login was answered with status ${answer.status}`);
    own = { token: answer.subjectToken, expiresAt: resolved.expiresAt };
    scopedTo = resolved.projectId;
    return answer.subjectToken;
  }

  const get = async (): Promise<string> => {
    if (own !== null && own.expiresAt - RENEW_BEFORE_MS > clock.now()) return own.token;
    renewing ??= login().finally(() => {
      renewing = null;
    });
    return renewing;
  };
  return {
    get,
    async project() {
      await get();
      if (scopedTo === null) throw outage('our own token is not scoped to a project');
      return scopedTo;
    },
    drop(token) {
      if (own?.token === token) own = null;
    },
    renew() {
      own = null;
    },
  };
}

/** Validates tokens at Keystone. `own` null: each token is validated with itself. */
function makeLookup({ call }: Client, own: OwnToken | null, outage: Outage) {
  /** One request; null: our own token was refused. */
  async function ask(token: string, expired: boolean): Promise<{ readonly resolved: ResolvedToken | null } | null> {
    const asker = own === null ? token : await own.get();
    const { status, body } = await call('GET', `/auth/tokens?nocatalog${expired ? '&allow_expired=1' : ''}`, {
      'x-auth-token': asker,
      'x-subject-token': token,
      // without it Keystone refuses tokens that have access rules
      'openstack-identity-access-rules': '1.0',
    });
    if (status === 200) {
      const resolved = readTokenAnswer(body);
      if (resolved === null) throw outage('the answer to a token validation cannot be read');
      return { resolved };
    }
    if (status === 404) return { resolved: null };
    if (status === 401) {
      if (own === null) return { resolved: null };
      own.drop(asker);
      return null;
    }
    throw outage(`a token validation was answered with status ${status}`);
  }

  return async (token: string, expired: boolean): Promise<ResolvedToken | null> => {
    try {
      const answer = (await ask(token, expired)) ?? (await ask(token, expired));
      if (answer === null) throw outage('our own fresh token is refused');
      return answer.resolved;
    } catch (error) {
      throw error instanceof Fault ? error : outage(messageOf(error), error);
    }
  };
}

export interface Keystone extends IdentityService {
  /** Our own token; `renew` after it was refused. Rejects with `unavailable`, also if no credentials are configured. */
  serviceToken(renew: boolean): Promise<string>;
  /** The project of our own token. Rejects with `unavailable`. */
  serviceProject(): Promise<string>;
  /**
   * The endpoint of the first of these service types that the catalog has, without a version; cached for `limits.catalogCacheMs`.
   * Rejects with `unavailable`, also if the catalog has none.
   */
  endpoint(...types: readonly string[]): Promise<string>;
}

/** Looks up endpoints in the catalog of our own token; uses the last one found while Keystone is unreachable. */
function makeEndpoints(
  { call }: Client,
  { clock, region = '', interfaces = ['internal', 'public'] }: KeystoneOptions,
  token: Keystone['serviceToken'],
  outage: Outage,
): Keystone['endpoint'] {
  const found = new Map<string, { readonly url: string; readonly atMs: number }>();
  return async (...types) => {
    const type = types.join(', ');
    const last = found.get(type);
    if (last !== undefined && clock.now() - last.atMs < limits.catalogCacheMs) return last.url;
    try {
      const ask = async (renew: boolean) => call('GET', '/auth/catalog', { 'x-auth-token': await token(renew) });
      const first = await ask(false);
      const { status, body } = first.status === 401 ? await ask(true) : first;
      if (status !== 200) throw outage(`the catalog was answered with status ${status}`);
      const url = endpointIn(body, { types, interfaces, region });
      if (url === null) throw outage(`the catalog has no endpoint of type ${type}`);
      found.set(type, { url, atMs: clock.now() });
      return url;
    } catch (error) {
      if (last !== undefined) return last.url;
      throw error instanceof Fault ? error : outage(messageOf(error), error);
    }
  };
}

/** Identity by a Keystone v3 over HTTP. */
export function makeKeystone(options: KeystoneOptions): Keystone {
  const { authUrl, clock, log, service, publicKeysDir, cacheEntries, cacheMs, refusedMs } = options;
  const timeoutMs = options.timeoutMs ?? limits.neighbourMs;
  const wwwAuthenticateUri = options.wwwAuthenticateUri ?? authUrl;
  const client = makeClient(options, timeoutMs);
  const { href } = client;
  const outage = outageOf(options, href);
  const own = service === undefined ? null : makeOwnToken(service, client, clock, outage);
  const serviceToken: Keystone['serviceToken'] = async (renew) => {
    if (own === null) throw outage('there are no credentials of our own');
    if (renew) own.renew();
    return own.get();
  };
  const keys = publicKeysDir === undefined ? null : makeTokenKeys({ directory: publicKeysDir, clock, log });
  const resolver = makeTokenResolver({
    clock,
    wwwAuthenticateUri,
    keys,
    lookup: makeLookup(client, own, outage),
    ...(cacheEntries === undefined ? {} : { cacheEntries }),
    ...(cacheMs === undefined ? {} : { cacheMs }),
    ...(refusedMs === undefined ? {} : { refusedMs }),
  });

  return {
    authenticate: (token, how) => resolver.authenticate(token, how),
    async knowsProject({ token }, projectId) {
      if (token === null) return true;
      try {
        const path = `/projects/${encodeURIComponent(projectId)}`;
        return (await client.call('GET', path, { 'x-auth-token': token })).status !== 404;
      } catch (error) {
        log.warn({ projectId, reason: messageOf(error) }, 'a project could not be looked up and is accepted unchecked');
        return true;
      }
    },
    wwwAuthenticateUri,
    serviceToken,
    async serviceProject() {
      if (own === null) throw outage('there are no credentials of our own');
      return own.project();
    },
    endpoint: makeEndpoints(client, options, serviceToken, outage),
    async problem() {
      try {
        const { status } = await client.call('GET', '', {}, null, Math.min(timeoutMs, PROBLEM_TIMEOUT_MS));
        if (status !== 200) return `${href} answers with status ${status}`;
        await own?.get();
      } catch (error) {
        if (error instanceof Fault) return `${href}: ${String(error.detail)}`;
        return `${href} does not answer: ${messageOf(error)}`;
      }
      return keys === null ? null : keys.problem();
    },
    close: () => client.close(),
  };
}
