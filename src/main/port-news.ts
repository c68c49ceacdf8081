// Why: Neutron tells Nova what clients do to the ports of servers; the built-in network service tells compute in the same process,
// in the same words.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { ExternalEvent } from '../domain/servers/server-external-events.ts';
import type { Ops } from '../ops/index.ts';
import { systemOp } from '../ops/engine/system-op.ts';
import type { PortNews } from '../standalone/network/parts.ts';

/** One event for each server whose ports changed, one for each port that is gone. */
function eventsOf(news: readonly PortNews[]): readonly ExternalEvent[] {
  const changed = new Set(news.flatMap(({ kind, deviceId }) => (kind === 'changed' ? [deviceId] : [])));
  return [
    ...[...changed].map((serverUuid) => ({ name: 'network-changed' as const, serverUuid, tag: null })),
    ...news.flatMap(({ kind, deviceId: serverUuid, portId: tag }) =>
      kind === 'deleted' ? [{ name: 'network-vif-deleted' as const, serverUuid, tag }] : [],
    ),
  ];
}

/** Hands news to compute, a few servers at a time; nobody waits for it. */
export function makePortNews(
  take: Ops['takeExternalEvents'],
  parts: { readonly clock: Clock; readonly log: Log },
): (news: readonly PortNews[]) => void {
  async function follow(events: readonly ExternalEvent[]): Promise<void> {
    for (let at = 0; at < events.length; at += limits.portNewsAtOnce) {
      await take(systemOp(parts), events.slice(at, at + limits.portNewsAtOnce));
    }
  }
  return (news) => {
    follow(eventsOf(news)).catch((error: unknown) => {
      parts.log.warn({ err: error }, 'what became of ports was not followed; their next change is');
    });
  };
}
