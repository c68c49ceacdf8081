// Why: anybody may write a server's id into a port of theirs. Which ports are a server's is told by what compute left in them.

import type { OwnedServer } from './network.ts';
import type { PortApi, PortFacts } from './network-api.ts';

/** What a server's port carries in its binding profile, so that it is found again and known for what it is. */
interface PortMark {
  readonly position: number;
  /** The port was there before the server and outlives it. */
  readonly preexisting: boolean;
  readonly tag: string | null;
}

const POSITION = 'xloud_position';
const PREEXISTING = 'xloud_preexisting';
const TAG = 'xloud_tag';
/** Nova's word for the host to which a port's server is on its way. */
const MIGRATING_TO = 'migrating_to';

type Profile = Readonly<Record<string, unknown>>;

/** The host to which a port's server is on its way; null: it stays where it is. */
export function destinationOf(profile: Profile): string | null {
  const host = profile[MIGRATING_TO];
  return typeof host === 'string' && host !== '' ? host : null;
}

/** The profile of a port whose server is on its way to a host; null: to none. */
export function profileTowards(profile: Profile, host: string | null): Profile {
  const { [MIGRATING_TO]: _, ...rest } = profile;
  return host === null ? rest : { ...rest, [MIGRATING_TO]: host };
}

export const profileOf = (mark: PortMark): Record<string, unknown> => ({
  [POSITION]: mark.position,
  [PREEXISTING]: mark.preexisting,
  ...(mark.tag === null ? {} : { [TAG]: mark.tag }),
});

/** The mark of a port of ours; null for one that something else gave the server's id. */
export function markOf({ profile }: PortFacts): PortMark | null {
  const position = profile[POSITION];
  const tag = profile[TAG];
  if (typeof position !== 'number') return null;
  return { position, preexisting: profile[PREEXISTING] === true, tag: typeof tag === 'string' ? tag : null };
}

/**
 * Whether a port that names a server was marked or bound for it. One of another project that names it is none of them, whatever else is
 * written in it: its owner chose what names it, and would choose the server's network, addresses and name servers with that.
 */
export const isPortOf = ({ projectId }: OwnedServer, port: PortFacts): boolean =>
  port.projectId === projectId && (markOf(port) !== null || port.hostId !== '');

/** The ports that were marked or bound for a server. */
export const portsOfServer = async (api: PortApi, server: OwnedServer): Promise<readonly PortFacts[]> =>
  (await api.portsOfDevice(server.uuid)).filter((port) => isPortOf(server, port));
