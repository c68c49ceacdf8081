// Why: `xloud cloud-init status`: what cloud-init came to in a server, for people who wonder why it is not what they asked for.

import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

interface Status {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly log: string | null;
  readonly phoned_home: { readonly at: string; readonly told: Readonly<Record<string, string>> } | null;
}

/** Without what a terminal would obey: the guest wrote it. */
// oxlint-disable-next-line no-control-regex -- those are what it is about
const plain = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '');

export async function showCloudInitStatus(session: Session, serverId: string): Promise<string> {
  const path = `/servers/${encodeURIComponent(serverId)}/os-xloud-cloud-init`;
  const { log, errors, warnings, phoned_home, ...told } = (await session.compute('GET', path)) as Status;
  const rows = Object.entries(told).map(([name, value]) => [name, value === null ? '-' : String(value as string)]);
  const problems = [...errors.map((one) => ['error', one]), ...warnings.map((one) => ['warning', one])];
  const home = phoned_home === null ? [] : Object.entries({ phoned_home: phoned_home.at, ...phoned_home.told });
  return plain([table([...rows, ...home, ...problems], [0, 1]), ...(log === null ? [] : ['', log])].join('\n'));
}
