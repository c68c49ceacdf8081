// Why: whoever uses OpenStack's own client has a clouds.yaml already; our commands find their way in by the same file.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { badRequest, messageOf } from '../base/errors.ts';

/** An entry of clouds.yaml, as far as we read it. */
export interface Cloud {
  readonly auth: Readonly<Record<string, string | undefined>> & { readonly auth_url: string };
  readonly region_name?: string;
}

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

/** Throws `badRequest` with a line for people where there is no such file or cloud, or it does not log in by password. */
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
  if (cloud.auth?.auth_url === undefined || cloud.auth['password'] === undefined) {
    throw badRequest(`cloud ${name} in ${file} needs auth_url and password`);
  }
  return cloud as Cloud;
}
