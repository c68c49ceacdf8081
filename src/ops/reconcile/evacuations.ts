// Why: an operator may want the servers of a host that fell silent built anew elsewhere without being woken. That costs what is on their
// disks, so it must be the host that is gone and not our hearing: this worker has heard the other hosts for all the time that this one
// was silent. A server has one try: one that failed is in error with its fault, and somebody's to look at.

import { Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { guestsStranded } from '../../db/host-servers.ts';
import { countHosts, downHosts } from '../../db/hosts.ts';
import { takeTurn } from '../../db/named-locks.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { systemOp } from '../engine/system-op.ts';
import { upSince } from '../placement/host-up.ts';
import { evacuateServer } from '../servers/evacuate.ts';

/** By Masakari's name: metadata of a server that shall be evacuated where not all are. */
export const MARK = 'HA_Enabled';

/** A worker that did not look for so many periods was halted, or its database was away: it does not know what it missed. */
const LONGEST_GAP = 3;

/** Those that do not report, whatever an administrator says of them, and since when. */
async function silentHosts(deps: OpsDeps): Promise<readonly { readonly host: string; readonly sinceMs: number }[]> {
  const down = await downHosts(deps.database.read, upSince(deps));
  return down.flatMap(({ host, lastSeenAt }) =>
    lastSeenAt !== null && lastSeenAt < upSince(deps) ? [{ host, sinceMs: lastSeenAt }] : [],
  );
}

async function evacuate(deps: OpsDeps, hosts: readonly string[]): Promise<void> {
  const { database, config, log } = deps;
  const mark = config.evacuateMarkedOnly ? MARK : null;
  for (const { uuid, host } of await guestsStranded(database.read, hosts, mark, limits.evacuationsAtOnce)) {
    try {
      const request = { host: null, forced: false, adminPass: null, staysOff: false };
      await evacuateServer(deps, systemOp(deps), { uuid }, request);
      log.warn({ server: uuid, host }, 'a server is evacuated from a host that is silent');
    } catch (error) {
      // the host is back, or somebody was quicker
      if (!(error instanceof Fault)) throw error;
      log.info({ server: uuid, host, reason: messageOf(error) }, 'a server cannot be evacuated now');
    }
  }
}

/** Remembers since when it hears; one for each worker. */
export function makeEvacuations(): (deps: OpsDeps) => Promise<void> {
  let heard: { readonly sinceMs: number; lastMs: number } | null = null;

  /** For how long this worker has looked without a break and heard most hosts, in milliseconds. */
  async function hearingMs(deps: OpsDeps, silent: number): Promise<number> {
    const nowMs = deps.clock.now();
    const isHalted = heard !== null && nowMs - heard.lastMs > LONGEST_GAP * limits.reconcileMs;
    const all = await countHosts(deps.database.read);
    const hears = silent * 2 <= all;
    if (!hears) deps.log.error({ silent, hosts: all }, 'more than half of all hosts are silent: none is evacuated');
    if (!hears) heard = null;
    else if (heard === null || isHalted) heard = { sinceMs: nowMs, lastMs: nowMs };
    else heard.lastMs = nowMs;
    return heard === null ? 0 : Math.min(nowMs - heard.sinceMs, deps.bus.hearingMs());
  }

  return async (deps) => {
    const { clock, config, database } = deps;
    if (config.evacuateAfterMs === 0) return;
    const silent = await silentHosts(deps);
    if ((await hearingMs(deps, silent.length)) < config.evacuateAfterMs) return;
    const nowMs = clock.now();
    const dead = silent.filter(({ sinceMs }) => sinceMs < nowMs - config.evacuateAfterMs).map(({ host }) => host);
    if (dead.length === 0) return;
    const isMine = await tx(database, (t) =>
      takeTurn(t, 'reconcile.evacuations', nowMs, nowMs + limits.reconcileMs / 2),
    );
    if (isMine) await evacuate(deps, dead);
  };
}
