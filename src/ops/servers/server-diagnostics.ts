// Why: what a guest has used is read from its host while the caller waits; nothing of it is kept here.

import { conflict, notImplemented } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Diagnostics } from '../../domain/servers/server-diagnostics.ts';
import type { GuestUsage } from '../../domain/servers/measures.ts';
import { power, powerWord, type Server } from '../../domain/servers/servers.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';
import { hostFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';

export const diagnosticsTransitions = {
  diagnostics: defineTransition('get_diagnostics', 'Read the diagnostics.', null, {
    ...anytime,
    placed: true,
    verb: 'diagnostics',
  }),
};

/** Throws Nova's 409 for a server without a host or one that does not run, and 501 where its driver counts nothing. */
export async function serverDiagnostics(deps: OpsDeps, op: Op, server: Server): Promise<Diagnostics> {
  const host = await hostFor(deps.database.read, op, server, diagnosticsTransitions.diagnostics);
  if (server.powerState !== power.running) {
    const state = powerWord(server.powerState);
    throw conflict(
      `Cannot '${diagnosticsTransitions.diagnostics.word}' instance ${server.uuid} while it is in power state ${state}`,
    );
  }
  return deps.bus.call(host, 'diagnostics', { uuid: server.uuid });
}

/** What a running server takes in a second. Throws as `serverDiagnostics`, and 501 where an older agent looks at guests once. */
export async function serverUsage(deps: OpsDeps, op: Op, server: Server): Promise<GuestUsage> {
  const { usage } = await serverDiagnostics(deps, op, server);
  if (usage !== undefined) return usage;
  throw notImplemented('The agent of its host is older than that.', { code: 'driver.diagnostics' });
}
