// Why: commands speak to the services over HTTP like any other client: a token by password, the compute endpoint from the
// catalog, and what a service refuses as one line.

import { badRequest, Fault, messageOf, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Cloud } from './clouds.ts';

export interface Session {
  /** Sends a request of the compute API, `path` beginning behind its version. Throws a Fault with the service's words. */
  compute(method: string, path: string, body?: unknown): Promise<unknown>;
}

interface Reply {
  readonly headers: Headers;
  readonly body: unknown;
}

/** The message within a fault's envelope: `{"badRequest": {"message": …}}`. */
function messageIn(body: unknown): string | undefined {
  const [envelope] = typeof body === 'object' && body !== null ? (Object.values(body) as unknown[]) : [];
  return (envelope as { readonly message?: string } | undefined)?.message;
}

async function send(method: string, url: string, headers: Record<string, string>, body?: unknown): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(limits.neighbourMs),
  }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw unavailable(`${url} does not answer: ${messageOf(cause)}`);
  });
  const text = await response.text();
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // a proxy's page, or nothing
  }
  if (response.ok) return { headers: response.headers, body: parsed };
  const message = messageIn(parsed) ?? response.statusText;
  throw new Fault(response.status >= 500 ? 'unavailable' : 'badRequest', `${message} (HTTP ${response.status})`);
}

/** An object with those of the values that are there; undefined: none is. */
function some<T>(values: Readonly<Record<string, T | undefined>>): Record<string, T> | undefined {
  const given = Object.entries(values).filter((entry): entry is [string, T] => entry[1] !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function authOf({ auth }: Cloud) {
  const domain = (kind: 'user' | 'project') =>
    some({ id: auth[`${kind}_domain_id`], name: auth[`${kind}_domain_name`] });
  const user = { ...some({ id: auth['user_id'], name: auth['username'] }), domain: domain('user') };
  const project = some({ id: auth['project_id'], name: auth['project_name'] });
  return {
    identity: { methods: ['password'], password: { user: { ...user, password: auth['password'] } } },
    ...(project === undefined ? {} : { scope: { project: { ...project, domain: domain('project') } } }),
  };
}

interface Catalog {
  readonly token: {
    readonly catalog?: readonly {
      readonly type: string;
      readonly endpoints: readonly { readonly interface: string; readonly region_id?: string; readonly url: string }[];
    }[];
  };
}

function computeUrl({ token }: Catalog, region: string | undefined): string {
  const endpoint = token.catalog
    ?.find(({ type }) => type === 'compute')
    ?.endpoints.find((one) => one.interface === 'public' && (region === undefined || one.region_id === region));
  if (endpoint === undefined) throw badRequest('the catalog has no public compute endpoint in this region');
  return endpoint.url.replace(/\/$/, '');
}

/** Logs in. */
export async function openSession(cloud: Cloud): Promise<Session> {
  const identity = `${cloud.auth.auth_url.replace(/(\/v3)?\/?$/, '')}/v3`;
  const { headers, body } = await send('POST', `${identity}/auth/tokens`, {}, { auth: authOf(cloud) });
  const token = headers.get('X-Subject-Token') ?? '';
  const url = computeUrl(body as Catalog, cloud.region_name);
  return {
    compute: async (method, path, asked) =>
      (await send(method, `${url}${path}`, { 'X-Auth-Token': token }, asked)).body,
  };
}
