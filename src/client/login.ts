// Why: a token is had by a password, by an application credential, or by another token; what is asked for and what comes back is Keystone's.

import { badRequest } from '../base/errors.ts';
import { sendJson } from './send.ts';
import type { Transport } from './transport.ts';

/** What somebody says of himself, under the names that clouds.yaml has. */
export type Auth = Readonly<Record<string, string | undefined>>;

/** An object with those of the values that are there; undefined: none is. */
function some<T>(values: Readonly<Record<string, T | undefined>>): Record<string, T> | undefined {
  const given = Object.entries(values).filter((entry): entry is [string, T] => entry[1] !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** Whether it names a way to a token. */
export const isEnough = (auth: Auth): boolean =>
  auth['password'] !== undefined || auth['application_credential_secret'] !== undefined || auth['token'] !== undefined;

function identityOf(auth: Auth): object {
  const domain = (kind: 'user' | 'project') =>
    some({ id: auth[`${kind}_domain_id`], name: auth[`${kind}_domain_name`] });
  const user = { ...some({ id: auth['user_id'], name: auth['username'] }), domain: domain('user') };
  const { application_credential_secret: secret, token } = auth;
  if (secret !== undefined) {
    const [id, name] = [auth['application_credential_id'], auth['application_credential_name']];
    const credential = id === undefined ? { name, user, secret } : { id, secret };
    // it has a project of its own
    return { identity: { methods: ['application_credential'], application_credential: credential } };
  }
  const project = some({ id: auth['project_id'], name: auth['project_name'] });
  const scope = project === undefined ? {} : { scope: { project: { ...project, domain: domain('project') } } };
  if (token !== undefined) return { identity: { methods: ['token'], token: { id: token } }, ...scope };
  return {
    identity: { methods: ['password'], password: { user: { ...user, password: auth['password'] } } },
    ...scope,
  };
}

interface TokenBody {
  readonly token: {
    readonly expires_at?: string;
    readonly project?: { readonly id: string; readonly name: string };
    readonly catalog?: readonly {
      readonly type: string;
      readonly endpoints: readonly { readonly interface: string; readonly region_id?: string; readonly url: string }[];
    }[];
  };
}

export interface Login {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Null: the token is for none. */
  readonly project: { readonly id: string; readonly name: string } | null;
  /**
   * Where the catalog says that a service is, without a slash at the end.
   * @throws badRequest where it says nothing of it
   */
  readonly urlOf: (type: string) => string;
}

/** The identity service's address with its version, whether it was given with it or not. */
export const identityV3 = (authUrl: string): string => `${authUrl.replace(/(\/v3)?\/?$/, '')}/v3`;

/**
 * Asks the identity service for a token.
 * @param region of which the catalog's addresses are taken; undefined: the first
 */
export async function logIn(transport: Transport, authUrl: string, auth: Auth, region?: string): Promise<Login> {
  const url = `${identityV3(authUrl)}/auth/tokens`;
  const { headers, body } = await sendJson(transport, { method: 'POST', url, body: { auth: identityOf(auth) } });
  const { token } = body as TokenBody;
  return {
    token: headers['x-subject-token'] ?? '',
    expiresAt: Date.parse(token.expires_at ?? ''),
    project: token.project ?? null,
    urlOf(type) {
      const endpoint = token.catalog
        ?.find((service) => service.type === type)
        ?.endpoints.find((one) => one.interface === 'public' && (region === undefined || one.region_id === region));
      if (endpoint === undefined) throw badRequest(`the catalog has no public ${type} endpoint in this region`);
      return endpoint.url.replace(/\/$/, '');
    },
  };
}
