// Why: most steps are about the host of a server, and a server that has come to them has one.

import { internal } from '../../base/errors.ts';
import type { Server } from '../../domain/servers/servers.ts';

/** The host that the server must have. */
export function hostOf({ uuid, host }: Pick<Server, 'uuid' | 'host'>): string {
  if (host === null) throw internal(`Instance ${uuid} has no host.`);
  return host;
}
