// Why: commands speak to the services over HTTP like any other client: a token by password, the compute endpoint from the
// catalog, and what a service refuses as one line.

import { badRequest, Fault, type FaultKind, messageOf, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Cloud } from './clouds.ts';

/** The microversion of commands: live migration without force, migrations by page, events of actions with their details. */
export const VERSION = '2.84';

export interface Session {
  /**
   * Sends a request of the compute API, `path` beginning behind its version, at a microversion (`2.68`; default the oldest). Throws a
   * Fault with the service's words: `unavailable` for what may go well the next time.
   */
  compute(method: string, path: string, body?: unknown, version?: string): Promise<unknown>;
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

/** What a status means to whoever asked. */
const kindOf = (status: number): FaultKind =>
  status >= 500 ? 'unavailable' : status === 401 ? 'unauthorized' : 'badRequest';

async function send(method: string, url: string, headers: Record<string, string>, body?: unknown): Promise<Reply> {
  const ask = async () => {
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(limits.neighbourMs),
    });
    return { response, text: await response.text() };
  };
  // also where the connection ends in the middle of an answer
  const { response, text } = await ask().catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw unavailable(`${url} does not answer: ${messageOf(cause)}`);
  });
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // a proxy's page, or nothing
  }
  if (response.ok) return { headers: response.headers, body: parsed };
  const message = messageIn(parsed) ?? response.statusText;
  throw new Fault(kindOf(response.status), `${message} (HTTP ${response.status})`);
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

interface Login {
  readonly token: string;
  /** Of the compute API. */
  readonly url: string;
}

async function logIn(cloud: Cloud): Promise<Login> {
  const identity = `${cloud.auth.auth_url.replace(/(\/v3)?\/?$/, '')}/v3`;
  const { headers, body } = await send('POST', `${identity}/auth/tokens`, {}, { auth: authOf(cloud) });
  return { token: headers.get('X-Subject-Token') ?? '', url: computeUrl(body as Catalog, cloud.region_name) };
}

/** Logs in; and again when the token has run out. */
export async function openSession(cloud: Cloud): Promise<Session> {
  let login = await logIn(cloud);
  return {
    async compute(method, path, asked, version) {
      const ask = async ({ url, token }: Login): Promise<unknown> => {
        const versioned = version === undefined ? {} : { 'OpenStack-API-Version': `compute ${version}` };
        return (await send(method, `${url}${path}`, { 'X-Auth-Token': token, ...versioned }, asked)).body;
      };
      try {
        return await ask(login);
      } catch (error) {
        if (!(error instanceof Fault) || error.kind !== 'unauthorized') throw error;
        login = await logIn(cloud);
        return ask(login);
      }
    },
  };
}
