// Why: without a Keystone, this is one: small, in the same process, in the same wire format. Its tokens are a Keystone's, so
// whoever verifies them runs the code that production runs.

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { IdentityService } from '../../cloud/identity.ts';
import { readTokenAnswer } from '../../cloud/token-body.ts';
import { makeTokenKeys } from '../../cloud/token-keys.ts';
import { makeTokenResolver } from '../../cloud/token-resolver.ts';
import type { Database } from '../../db/engine.ts';
import { databaseFault } from '../../db/errors.ts';
import type { Policy } from '../../policies/load.ts';
import { projects } from '../../db/identity.ts';
import { makeWeb, type Web, type WebObserver } from '../../web/app.ts';
import { keystoneEnvelope } from '../../web/faults.ts';
import { absentRoutes } from './absent.ts';
import { accessRuleRoutes } from './access-rules.ts';
import { applicationCredentialRoutes } from './application-credentials.ts';
import { assignmentRoutes } from './assignments.ts';
import { authRoutes } from './auth.ts';
import { type Bootstrapped, ensureBootstrap, type FirstUser, type NewPasswords, resetPassword } from './bootstrap.ts';
import { catalogChangeRoutes } from './catalog-changes.ts';
import { catalogRoutes } from './catalog.ts';
import { domainRoutes } from './domains.ts';
import { groupRoutes } from './groups.ts';
import { makePasswords, type Passwords } from './passwords.ts';
import { projectRoutes } from './projects.ts';
import { roleRoutes } from './roles.ts';
import { type Route, serveRoutes } from './route.ts';
import type { Catalog, Parts } from './service.ts';
import { openSigning } from './signing.ts';
import { subjectOf, tokenBodyOf } from './tokens.ts';
import { userRoutes } from './users.ts';
import { serveVersions } from './versions.ts';

export interface IdentityOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  /** How long a JSON body may take to come. */
  readonly bodyMs?: number | undefined;
  /** Keys are kept in `identity-private` and `identity-keys` under it. */
  readonly dataDir: string;
  readonly endpoints: Catalog;
  readonly tokenTtlMs: number;
  /** How long a token is taken as it was found; default `limits.tokenCacheMs`. What changes in this process counts at once. */
  readonly cacheMs?: number;
  /** How passwords are kept; with scrypt's usual cost unless given. */
  readonly passwords?: Passwords;
  readonly policy: Pick<Policy, 'allows' | 'isAdmin'>;
}

export interface BuiltInIdentity {
  readonly app: Web;
  /** Resolves tokens in this process: the same verification and cache as with a Keystone, without the HTTP between. */
  readonly service: IdentityService;
  /** Where the public halves of the signing keys lie. */
  readonly publicKeysDir: string;
  ensureBootstrap(keep?: (made: NewPasswords) => Promise<NewPasswords>): Promise<Bootstrapped>;
  /** A new random password for a user of the default domain; it is told here and nowhere else. */
  resetPassword(name: FirstUser): Promise<string>;
}

/** Every route but the versions'. */
export const identityRoutes = (parts: Parts): readonly Route[] => [
  ...authRoutes(parts),
  ...projectRoutes(parts),
  ...userRoutes(parts),
  ...applicationCredentialRoutes(parts),
  ...domainRoutes(parts),
  ...roleRoutes(parts),
  ...assignmentRoutes(parts),
  ...groupRoutes(parts),
  ...accessRuleRoutes(parts),
  ...catalogRoutes(parts),
  ...catalogChangeRoutes(parts),
  ...absentRoutes,
];

/** The built-in identity service over a database whose schema is up to date. */
export async function makeIdentity(options: IdentityOptions): Promise<BuiltInIdentity> {
  const { database, clock, log, observer, dataDir, endpoints, tokenTtlMs } = options;
  const signing = await openSigning(dataDir);
  const keys = makeTokenKeys({ directory: signing.publicKeysDir, clock, log });
  const parts: Parts = {
    database,
    reader: database.read,
    clock,
    passwords: options.passwords ?? makePasswords(),
    keys,
    signing,
    catalog: endpoints,
    tokenTtlMs,
  };

  const resolver = makeTokenResolver({
    clock,
    wwwAuthenticateUri: null,
    keys: null,
    ...(options.cacheMs === undefined ? {} : { cacheMs: options.cacheMs }),
    lookup: async (token) => {
      const verdict = await keys.verify(token);
      if (verdict.kind !== 'good') return null;
      const subject = await subjectOf(database.read, verdict.claims, clock.now());
      return subject === null ? null : readTokenAnswer({ token: tokenBodyOf(verdict.claims, subject, null) });
    },
  });
  const service: IdentityService = {
    authenticate: (token) => resolver.authenticate(token),
    // as over HTTP: whoever may not see the project is told nothing
    knowsProject: async ({ isAdmin, projectId: own }, id) =>
      (!isAdmin && id !== own) || (await projects.find(database.read, id)) !== null,
    wwwAuthenticateUri: null,
    problem: () => keys.problem(),
    close: async () => resolver.forget(),
  };

  const app = makeWeb({
    service: 'identity',
    envelope: keystoneEnvelope,
    recognize: databaseFault,
    clock,
    log,
    observer,
    bodyMs: options.bodyMs,
  });
  serveVersions(app);
  serveRoutes(app, identityRoutes(parts), {
    service,
    policy: options.policy,
    changed: () => resolver.forget(),
  });

  return {
    app,
    service,
    publicKeysDir: signing.publicKeysDir,
    ensureBootstrap: (keep) => ensureBootstrap(parts, keep),
    async resetPassword(name) {
      const password = await resetPassword(parts, name);
      resolver.forget();
      return password;
    },
  };
}
