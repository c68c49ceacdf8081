// Why: whoever asks brings a token, or something that the identity service gives a token for. What is done is done with that token, so that its
// roles and its project decide, and nothing of ours.

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { Fault, unauthorized } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Auth, Login } from '../../client/login.ts';

/** An application credential. */
export interface Credential {
  readonly id: string;
  readonly secret: string;
}

export interface CallersOptions {
  /** Asks the identity service for a token, for whoever is at this address. */
  readonly logIn: (auth: Auth, client: string) => Promise<Login>;
  readonly clock: Clock;
  /** Where a 401 says that tokens are had; null: at the built-in identity service. */
  readonly wwwAuthenticateUri: string | null;
  /** Who callers on this machine are that bring no token; null: nobody. */
  readonly own: { readonly projectId: string; readonly credential: Credential } | null;
}

export interface Callers {
  /**
   * The token of a request.
   * @param own whether it may do without one
   * @throws a 401 where there is none
   */
  tokenOf(request: IncomingMessage, client: string, own: boolean): Promise<string>;
  /** The compute API does not take this token any more: it is not given again. */
  forget(token: string): void;
}

/** @param uri where tokens are had; null: from the identity service beside this API */
const refusalOf = (uri: string | null): Fault =>
  unauthorized(
    'A token is wanted: X-Auth-Token, Authorization: Bearer or Token, or an application credential by Authorization: Basic.',
    { headers: uri === null ? {} : { 'WWW-Authenticate': `Keystone uri="${uri}"` } },
  );

const SCHEME = /^(Bearer|Token|Basic) +(\S+) *$/i;

/** `id:secret` in base64; null: it is none. */
function credentialOf(encoded: string): Credential | null {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const at = text.indexOf(':');
  return at < 1 || at === text.length - 1 ? null : { id: text.slice(0, at), secret: text.slice(at + 1) };
}

interface Kept {
  readonly login: Promise<Login>;
  /** Milliseconds since the epoch. */
  until: number;
}

/** What is known of callers: tokens of credentials, for some minutes, under a hash of both parts. */
export function makeCallers({ logIn, clock, own, wwwAuthenticateUri }: CallersOptions): Callers {
  const noToken = (): Fault => refusalOf(wwwAuthenticateUri);
  const kept = new Map<string, Kept>();

  function remember(key: string, login: Promise<Login>): void {
    // the oldest first
    for (const [one, { until }] of kept) {
      if (kept.size < limits.credentialTokens && until > clock.now()) break;
      kept.delete(one);
    }
    const entry: Kept = { login, until: clock.now() + limits.credentialTokenMs };
    kept.set(key, entry);
    login.then(
      ({ expiresAt }) => {
        if (!Number.isNaN(expiresAt)) entry.until = Math.min(entry.until, expiresAt - limits.credentialTokenLeftMs);
      },
      // what was refused is asked for again
      () => kept.get(key) === entry && kept.delete(key),
    );
  }

  function loggedIn({ id, secret }: Credential, client: string): Promise<Login> {
    const key = createHash('sha256')
      .update(JSON.stringify([id, secret]))
      .digest('hex');
    const known = kept.get(key);
    if (known !== undefined && known.until > clock.now()) return known.login;
    const login = logIn({ application_credential_id: id, application_credential_secret: secret }, client);
    remember(key, login);
    return login;
  }

  async function ownToken(client: string): Promise<string> {
    if (own === null) throw noToken();
    const { token, project } = await loggedIn(own.credential, client);
    // the operator named the project: a credential of another one is a mistake that nobody should act by
    if (project?.id !== own.projectId)
      throw new Fault('internal', 'novacron.loopback_credential_id is not of novacron.loopback_project.', {
        code: 'config',
      });
    return token;
  }

  return {
    async tokenOf({ headers }, client, isOwn) {
      const token = headers['x-auth-token'];
      if (typeof token === 'string' && token !== '') return token;
      const { authorization } = headers;
      if (authorization === undefined) {
        if (isOwn) return ownToken(client);
        throw noToken();
      }
      const [, scheme = '', given = ''] = SCHEME.exec(authorization) ?? [];
      if (/^(bearer|token)$/i.test(scheme)) return given;
      const credential = scheme === '' ? null : credentialOf(given);
      if (credential === null) throw noToken();
      return (await loggedIn(credential, client)).token;
    },
    forget(token) {
      for (const [key, { login }] of kept) {
        void login.then(
          (one) => one.token === token && kept.delete(key),
          () => undefined,
        );
      }
    },
  };
}
