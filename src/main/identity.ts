// Why: a Keystone of the operator's, or the built-in service that speaks as one; what checks tokens is the same code.

import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { IdentityService } from '../cloud/identity.ts';
import type { Keystone, ServiceCredentials } from '../cloud/keystone.ts';
import type { Database } from '../db/engine.ts';
import type { NewPasswords } from '../standalone/identity/bootstrap.ts';
import { readCloudsYaml, writeCloudsYaml } from '../standalone/identity/clouds-yaml.ts';
import { makeIdentity } from '../standalone/identity/identity.ts';
import type { Catalog, CatalogEntry } from '../standalone/identity/service.ts';
import type { Policy } from '../policies/load.ts';
import type { Web, WebObserver } from '../web/app.ts';
import type { ServiceName } from '../web/reached.ts';
import { isShared } from './bus.ts';
import type { Config } from './config.ts';
import { keysDirectory } from './directories.ts';

export interface OpenedIdentity {
  readonly service: IdentityService;
  /** Null where Keystone is elsewhere. */
  readonly app: Web | null;
  readonly cloudsYaml: string | null;
}

export interface IdentityParts {
  readonly config: Config;
  readonly dataDir: string;
  /** Where clients reach the identity service, without a version. */
  readonly url: string;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  readonly bodyMs?: number | undefined;
  readonly policy: Pick<Policy, 'allows' | 'isAdmin'>;
}

const REGION = 'RegionOne';
const INTERFACES = ['public', 'internal', 'admin'] as const;

/** Paths are as each client wants them: image and network without a version, compute with its own (clients read the catalog so). */
const services: readonly [type: string, name: string, service: ServiceName, path: string][] = [
  ['identity', 'keystone', 'identity', '/v3'],
  ['compute', 'nova', 'compute', '/v2.1'],
  ['image', 'glance', 'image', ''],
  ['network', 'neutron', 'network', ''],
  // by its name of today, and by the one that older clients look for
  ['block-storage', 'cinder', 'volume', '/v3'],
  ['volumev3', 'cinderv3', 'volume', '/v3'],
  ['novacron', 'novacron', 'api', '/v1'],
];

const catalog: Catalog = (urlOf) =>
  services.map(
    ([type, name, service, path]): CatalogEntry => ({
      id: type,
      type,
      name,
      endpoints: INTERFACES.map((which) => ({
        id: `${type}-${which}`,
        interface: which,
        region_id: REGION,
        region: REGION,
        url: `${urlOf(service)}${path}`,
      })),
    }),
  );

/** Who this program is where it asks for itself; null: nobody. */
function credentialsOf(own: Config['identity']): ServiceCredentials | null {
  const secret = own.password_file === '' ? own.password : readFileSync(own.password_file, 'utf8').trim();
  if (secret === '') return null;
  if (own.application_credential_id !== '')
    return { kind: 'application_credential', id: own.application_credential_id, secret };
  return {
    kind: 'password',
    username: own.username,
    password: secret,
    projectName: own.project_name,
    userDomainId: own.user_domain_id,
    projectDomainId: own.project_domain_id,
  };
}

/** The client of the operator's Keystone, as it is configured. */
export async function openKeystone({
  config,
  clock,
  log,
}: Pick<IdentityParts, 'config' | 'clock' | 'log'>): Promise<Keystone> {
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makeKeystone } = await import('../cloud/keystone.ts');
  const { auth_url, www_authenticate_uri, public_keys_dir, cache_seconds } = config.identity;
  const service = credentialsOf(config.identity);
  return makeKeystone({
    authUrl: auth_url,
    ...(www_authenticate_uri === '' ? {} : { wwwAuthenticateUri: www_authenticate_uri }),
    ...(public_keys_dir === '' ? {} : { publicKeysDir: public_keys_dir }),
    ...(service === null ? {} : { service }),
    interfaces: config.identity.interfaces,
    region: config.identity.region_name,
    cacheMs: cache_seconds * 1000,
    clock,
    log,
  });
}

const authUrlOf = (url: string): string => `${url}/v3`;

const make = ({ config, dataDir, database, clock, log, observer, bodyMs, policy }: IdentityParts) =>
  makeIdentity({
    database,
    clock,
    log,
    observer,
    bodyMs,
    policy,
    dataDir: keysDirectory(config, dataDir),
    ...(isShared(config) ? { cacheMs: limits.sharedTokenCacheMs } : {}),
    endpoints: catalog,
    tokenTtlMs: config.identity.token_seconds * 1000,
  });

/** Gives the two first users new passwords and writes them to clouds.yaml, whose path it returns. */
export async function resetPasswords(parts: IdentityParts): Promise<string> {
  const identity = await make(parts);
  try {
    await identity.ensureBootstrap();
    const passwords = { admin: await identity.resetPassword('admin'), demo: await identity.resetPassword('demo') };
    const path = join(parts.dataDir, 'clouds.yaml');
    await writeCloudsYaml(path, { authUrl: authUrlOf(parts.url), region: REGION, passwords });
    return path;
  } finally {
    await identity.service.close();
  }
}

async function builtIn(parts: IdentityParts): Promise<OpenedIdentity> {
  const { dataDir, config } = parts;
  const authUrl = authUrlOf(parts.url);
  const identity = await make(parts);
  const cloudsYaml = join(dataDir, 'clouds.yaml');
  const write = (passwords: NewPasswords) => writeCloudsYaml(cloudsYaml, { authUrl, region: REGION, passwords });
  let wrote = false;
  const { passwords } = await identity.ensureBootstrap(async (made) => {
    const kept = (await readCloudsYaml(cloudsYaml)) ?? made;
    await write(kept);
    wrote = true;
    return kept;
  });
  // a process with another directory made the users meanwhile: ours are not theirs
  if (wrote && passwords === null) await rm(cloudsYaml);
  const known = passwords ?? (await readCloudsYaml(cloudsYaml));
  // another process has them
  if (known === null && isShared(config)) return { service: identity.service, app: identity.app, cloudsYaml: null };
  if (known === null) {
    throw new Fault(
      'internal',
      `${cloudsYaml} is gone and the passwords stand nowhere else: \`xloud identity reset-passwords\` makes new ones`,
    );
  }
  // written at each start, because the port may be another one
  await write(known);
  return { service: identity.service, app: identity.app, cloudsYaml };
}

export const openIdentity = (parts: IdentityParts): Promise<OpenedIdentity> =>
  parts.config.identity.auth_url === ''
    ? builtIn(parts)
    : openKeystone(parts).then((service) => ({ service, app: null, cloudsYaml: null }));
