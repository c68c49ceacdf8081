// Why: any user can write a server's id into a port. Which ports really belong to a server is known from a mark that compute writes into them.

import type { OwnedServer } from './network.ts';
import type { PortApi, PortFacts } from './network-api.ts';

/** The mark of a server's port, stored in its binding profile. */
interface PortMark {
  readonly position: number;
  /** The port existed before the server and is kept when the server is deleted. */
  readonly preexisting: boolean;
  readonly tag: string | null;
}

const POSITION = 'xloud_position';
const PREEXISTING = 'xloud_preexisting';
const TAG = 'xloud_tag';
/** Nova's profile key for the destination of a live migration. */
const MIGRATING_TO = 'migrating_to';

type Profile = Readonly<Record<string, unknown>>;

/** The destination of the live migration of a port's server; null: there is none. */
export function destinationOf(profile: Profile): string | null {
  const host = profile[MIGRATING_TO];
  return typeof host === 'string' && host !== '' ? host : null;
}

/** The profile with this host as migration destination; null: without one. */
export function profileTowards(profile: Profile, host: string | null): Profile {
  const { [MIGRATING_TO]: _, ...rest } = profile;
  return host === null ? rest : { ...rest, [MIGRATING_TO]: host };
}

export const profileOf = (mark: PortMark): Record<string, unknown> => ({
  [POSITION]: mark.position,
  [PREEXISTING]: mark.preexisting,
  ...(mark.tag === null ? {} : { [TAG]: mark.tag }),
});

/** The mark of a port; null: compute did not write one. */
export function markOf({ profile }: PortFacts): PortMark | null {
  const position = profile[POSITION];
  const tag = profile[TAG];
  if (typeof position !== 'number') return null;
  return { position, preexisting: profile[PREEXISTING] === true, tag: typeof tag === 'string' ? tag : null };
}

/**
 * Whether a port that names a server was marked or bound for it. A port of another project never is: its owner could otherwise choose
 * the server's network, addresses and name servers.
 */
export const isPortOf = ({ projectId }: OwnedServer, port: PortFacts): boolean =>
  port.projectId === projectId && (markOf(port) !== null || port.hostId !== '');

/** The ports that were marked or bound for a server. */
export const portsOfServer = async (api: PortApi, server: OwnedServer): Promise<readonly PortFacts[]> =>
  (await api.portsOfDevice(server.uuid)).filter((port) => isPortOf(server, port));
