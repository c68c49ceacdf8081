// Why: `xloud profile list`, `show` and `apply`: profiles and a server's own, one knob a line.

import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

interface Knob {
  readonly extra_spec: string;
  readonly value: string;
  readonly does: string | null;
  readonly from?: string;
}

interface ServerProfile {
  readonly server_id: string;
  readonly profile: string | null;
  readonly pending: boolean;
  readonly knobs: readonly Knob[];
}

const pathOf = (server: string): string => `/servers/${encodeURIComponent(server)}/os-xloud-profile`;

/** All profiles, each knob a line. */
export async function listProfiles(session: Session): Promise<string> {
  const { profiles } = (await session.compute('GET', '/os-xloud-profiles')) as {
    readonly profiles: readonly {
      readonly name: string;
      readonly description: string;
      readonly knobs: readonly Knob[];
    }[];
  };
  return profiles
    .map(({ name, description, knobs }) => {
      const rows = knobs.map(({ extra_spec, value, does }) => [`  ${extra_spec}`, value, does ?? '']);
      return `${name}: ${description}\n${table(rows, [0, 1, 2])}`;
    })
    .join('\n\n');
}

function serverText({ server_id, profile, pending, knobs }: ServerProfile): string {
  const head = `${server_id}: ${profile ?? 'no profile'}${pending ? ', from the next start on' : ''}`;
  if (knobs.length === 0) return head;
  const rows = knobs.map(({ extra_spec, value, from, does }) => [extra_spec, value, from ?? '', does ?? '']);
  return `${head}\n\n${table([['extra spec', 'value', 'from', 'does'], ...rows], [0, 1, 2, 3])}`;
}

export const showProfile = async (session: Session, server: string): Promise<string> =>
  serverText((await session.compute('GET', pathOf(server))) as ServerProfile);

/** @param name null: none */
export const applyProfile = async (session: Session, server: string, name: string | null): Promise<string> =>
  serverText((await session.compute('PUT', pathOf(server), { profile: name })) as ServerProfile);
