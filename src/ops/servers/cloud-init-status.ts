// Why: what cloud-init came to in a guest is asked of it while the caller waits; where no agent answers, the console log is looked at.

import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import {
  cloudInitStatus as statusOf,
  type CloudInitFiles,
  type CloudInitStatus,
} from '../../domain/servers/cloud-init-status.ts';
import { findPhonedHome, type PhonedHome } from '../../db/server-parts.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { hostCan, hostFor } from '../engine/begin.ts';

export const cloudInitTransitions = {
  cloudInit: defineTransition('get_cloud_init', 'Read what cloud-init came to in the guest.', null, {
    ...anytime,
    placed: true,
  }),
};

/** What the guest's own files say; null: it does not run, or nobody answers in it. */
async function filesOf({ database, bus }: OpsDeps, server: Server, host: string): Promise<CloudInitFiles | null> {
  if (server.powerState !== power.running || !(await hostCan(database.read, host, 'cloudInit'))) return null;
  try {
    return await bus.call(host, 'cloudInit', { uuid: server.uuid });
  } catch (error) {
    // it was switched off meanwhile
    if (error instanceof Fault && error.kind === 'conflict') return null;
    throw error;
  }
}

/** With what the guest told the metadata service. Throws 409 before the server has a host. */
export async function cloudInitStatus(
  deps: OpsDeps,
  op: Op,
  server: Server,
): Promise<CloudInitStatus & { readonly phonedHome: PhonedHome | null }> {
  const phonedHome = await findPhonedHome(deps.database.read, server.id);
  const host = await hostFor(deps.database.read, op, server, cloudInitTransitions.cloudInit);
  const files = await filesOf(deps, server, host);
  if (files !== null) return { ...statusOf(files, ''), phonedHome };
  const text = await deps.bus.call(host, 'console', { uuid: server.uuid, maxBytes: limits.consoleBytes });
  return { ...statusOf(null, text), phonedHome };
}
