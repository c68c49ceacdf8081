// Why: a server's encrypted password is forgotten here, once its user has it.

import type { Op } from '../../base/op.ts';
import { writePassword } from '../../db/server-parts.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';

/** The password within the guest stays what it is. */
export function clearServerPassword(deps: OpsDeps, _op: Op, { id }: Pick<Server, 'id'>): Promise<void> {
  return tx(deps.database, (t) => writePassword(t, id, null));
}
