// Why: a single server is shown by several routes: its own, its change, its rebuilding; what the view needs is read here.

import { hostStates } from '../../../db/hosts.ts';
import { loadDetail } from '../../../db/server-details.ts';
import { isHostUp } from '../../../domain/placement/hosts.ts';
import type { Server, ServerDetail } from '../../../domain/servers/servers.ts';
import type { Call, TargetKind } from '../../resource.ts';
import { hostIdOf, needsHostStatus, serverView, type ViewContext, type ViewKind, viewRights } from './view.ts';

export type AnyCall = Call<TargetKind, unknown>;

/** As `hostIdOf`, remembering what it gave: a page has many servers and few hosts. */
function rememberedHostIds(): typeof hostIdOf {
  const known = new Map<string, string>();
  return (projectId, host) => {
    const key = `${projectId} ${host}`;
    let id = known.get(key);
    if (id === undefined) known.set(key, (id = hostIdOf(projectId, host)));
    return id;
  };
}

/** Everything that views of these servers need beside them: at most one query, however many servers. */
export async function viewContext(call: AnyCall, servers: readonly Server[]): Promise<ViewContext> {
  const rights = viewRights(call);
  const { db, clock, settings } = call.services;
  const words = new Map<string, string>();
  if (needsHostStatus(call.op.minor, rights)) {
    const names = [...new Set(servers.flatMap(({ host }) => host ?? []))];
    for (const host of await hostStates(db, names)) {
      const up = isHostUp(host, clock.now(), settings.hostDownMs);
      if (up) call.expiresAt((host.lastSeenAt ?? 0) + settings.hostDownMs);
      words.set(host.host, host.forcedDown ? 'DOWN' : !up ? 'UNKNOWN' : host.disabled ? 'MAINTENANCE' : 'UP');
    }
  }
  return {
    url: call.url,
    rights,
    hostStatusOf: (host) => words.get(host) ?? 'UNKNOWN',
    hostIdOf: rememberedHostIds(),
  };
}

export interface Shown {
  readonly detail: ServerDetail;
  readonly context: ViewContext;
}

/** A server with all that its view needs. */
export const shown = async (call: AnyCall, server: Server): Promise<Shown> => ({
  detail: await loadDetail(call.services.db, server),
  context: await viewContext(call, [server]),
});

/** The view of a route that answers with one server. */
export const showView =
  (kind: ViewKind) =>
  ({ detail, context }: Shown, call: AnyCall) => ({ server: serverView(kind, call.op.minor, context)(detail) });
