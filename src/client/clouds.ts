// Why: whoever uses OpenStack's own client has a clouds.yaml or its variables already; our commands find their way in by the same.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { badRequest, messageOf } from '../base/errors.ts';
import { isEnough } from './login.ts';
import type { Cloud } from './session.ts';

export interface CloudRequest {
  /** Default: `OS_CLOUD`, else `xloud`. */
  readonly name?: string;
  /** Where `xloud serve` writes its clouds.yaml. */
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const placesOf = ({ dataDir, env }: CloudRequest): readonly string[] =>
  env['OS_CLIENT_CONFIG_FILE'] === undefined
    ? [
        join(dataDir, 'clouds.yaml'),
        'clouds.yaml',
        join(homedir(), '.config', 'openstack', 'clouds.yaml'),
        '/etc/openstack/clouds.yaml',
      ]
    : [env['OS_CLIENT_CONFIG_FILE']];

/** Throws `badRequest` with a line for people where there is no such file or cloud, or it names no way to a token. */
export function findCloud(request: CloudRequest): Cloud {
  const places = placesOf(request);
  const file = places.find((place) => existsSync(place));
  if (file === undefined) throw badRequest(`there is no clouds.yaml (looked for ${places.join(', ')})`);
  const name = request.name ?? request.env['OS_CLOUD'] ?? 'xloud';
  let clouds: Readonly<Record<string, Partial<Cloud> | undefined>> | undefined;
  try {
    ({ clouds } = parse(readFileSync(file, 'utf8')) as { clouds?: typeof clouds });
  } catch (error) {
    throw badRequest(`${file} cannot be understood: ${messageOf(error)}`);
  }
  const cloud = clouds?.[name];
  if (cloud === undefined) throw badRequest(`there is no cloud ${name} in ${file}`);
  if (cloud.auth?.auth_url === undefined || !isEnough(cloud.auth)) {
    throw badRequest(`cloud ${name} in ${file} needs auth_url and password, application credential or token`);
  }
  return cloud as Cloud;
}

/** What may be said of a caller by variables (`OS_USERNAME`) and flags, under its name in clouds.yaml. */
export const authWords = [
  'auth_url',
  'token',
  'username',
  'user_id',
  'user_domain_name',
  'user_domain_id',
  'password',
  'project_name',
  'project_id',
  'project_domain_name',
  'project_domain_id',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
] as const;
export type AuthWord = (typeof authWords)[number];

/**
 * The cloud that words name alone (flags, or variables such as `OS_AUTH_URL`); null: they name none.
 * @param words an empty one is as none
 */
export function cloudOfWords(words: Readonly<Partial<Record<AuthWord, string>>>, region?: string): Cloud | null {
  const auth = Object.fromEntries(Object.entries(words).filter(([, value]) => value !== '' && value !== undefined));
  if (auth['auth_url'] === undefined || !isEnough(auth)) return null;
  return { auth: { ...auth, auth_url: auth['auth_url'] }, ...(region === undefined ? {} : { region_name: region }) };
}

/** The words that the environment has. */
export const wordsOfEnv = (env: CloudRequest['env']): Partial<Record<AuthWord, string>> =>
  Object.fromEntries(
    authWords.flatMap((word) => {
      const value = env[`OS_${word.toUpperCase()}`];
      return value === undefined ? [] : [[word, value]];
    }),
  );
