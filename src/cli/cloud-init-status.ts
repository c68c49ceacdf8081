// Why: `xloud cloud-init status`: what cloud-init came to in a server, for people who wonder why it is not what they asked for.

import { plain } from '../base/plain.ts';
import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

interface Status {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly log: string | null;
  readonly phoned_home: { readonly at: string; readonly told: Readonly<Record<string, string>> } | null;
}

export async function showCloudInitStatus(session: Session, serverId: string): Promise<string> {
  const path = `/servers/${encodeURIComponent(serverId)}/os-xloud-cloud-init`;
  const { log, errors, warnings, phoned_home, ...told } = (await session.compute('GET', path)) as Status;
  const rows = Object.entries(told).map(([name, value]) => [name, value === null ? '-' : String(value as string)]);
  const problems = [...errors.map((one) => ['error', one]), ...warnings.map((one) => ['warning', one])];
  const home = phoned_home === null ? [] : Object.entries({ phoned_home: phoned_home.at, ...phoned_home.told });
  return plain([table([...rows, ...home, ...problems], [0, 1]), ...(log === null ? [] : ['', log])].join('\n'));
}
