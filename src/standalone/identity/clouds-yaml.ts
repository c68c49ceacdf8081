// Why: the stock clients find their way in by clouds.yaml. It is the only place where the first passwords stand in clear.

import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { Fault, messageOf } from '../../base/errors.ts';
import type { NewPasswords } from './bootstrap.ts';
import { writeWhole } from './signing.ts';

export interface CloudsYaml {
  /** `http://127.0.0.1:8774/identity/v3`. */
  readonly authUrl: string;
  readonly region: string;
  readonly passwords: NewPasswords;
}

/** Cloud names and the user whose project of the same name they lead to. */
const clouds = { xloud: 'admin', 'xloud-demo': 'demo' } as const;

const HEADER = ' Written by xloud. It holds passwords: keep it to yourself.';

/** Writes clouds `xloud` (admin) and `xloud-demo` (a member of project demo); mode 0600, all or nothing. */
export async function writeCloudsYaml(path: string, { authUrl, region, passwords }: CloudsYaml): Promise<void> {
  const entries = Object.entries(clouds).map(([cloud, user]) => [
    cloud,
    {
      auth: {
        auth_url: authUrl,
        username: user,
        password: passwords[user],
        project_name: user,
        user_domain_name: 'Default',
        project_domain_name: 'Default',
      },
      region_name: region,
      identity_api_version: '3',
    },
  ]);
  await writeWhole(path, `#${HEADER}\n${stringify({ clouds: Object.fromEntries(entries) })}`, 0o600, true);
}

/** The passwords of a file written before; null when there is none. */
export async function readCloudsYaml(path: string): Promise<NewPasswords | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const document = parse(text) as { clouds?: Record<string, { auth?: { password?: unknown } }> };
    const passwordOf = (cloud: keyof typeof clouds): string => {
      const password = document.clouds?.[cloud]?.auth?.password;
      if (typeof password !== 'string') throw new Error(`no password of cloud ${cloud}`);
      return password;
    };
    return { admin: passwordOf('xloud'), demo: passwordOf('xloud-demo') };
  } catch (error) {
    throw new Fault('internal', `${path} cannot be understood: ${messageOf(error)}`);
  }
}
