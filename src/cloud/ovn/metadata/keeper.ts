// Why: a host's metadata namespaces are reconciled with OVN's current state: missing ones are created and leftovers removed, whatever the
// reason: a guest came, a network was deleted, somebody tampered, or the process was killed half-way.

import type { Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { Ovsdb } from '../ovsdb/client.ts';
import type { MetadataHost } from './host.ts';
import type { OpenedSocket } from './socket.ts';
import { chassisOf, networksOf, pluggedNetworks } from './wanted.ts';

export interface MetadataKeeperParts {
  readonly host: Omit<MetadataHost, 'dial'>;
  /** The database of the host's switch, and the Southbound one at the remotes that it names. */
  readonly openSwitch: (changed: () => void) => Ovsdb;
  readonly openSouthbound: (remotes: readonly string[], changed: () => void) => Ovsdb;
  /** Answers requests on a network's socket. */
  readonly serve: (networkId: string, socket: OpenedSocket) => { readonly close: () => Promise<void> };
  readonly clock: Clock;
  readonly log: Log;
}

export interface MetadataKeeper {
  /** The number of networks that are served here. */
  readonly serving: () => number;
  /** Null: all networks are served; else why not. */
  problem(): string | null;
  /** Namespaces stay for the next start. */
  close(): Promise<void>;
}

/** Runs `work` on all, `atOnce` at a time. */
async function each<T>(of: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const left = [...of];
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** The networks that are served here. */
function makeServed({ host, serve, clock }: Pick<MetadataKeeperParts, 'host' | 'serve' | 'clock'>, ended: AbortSignal) {
  const serving = new Map<string, { readonly sinceMs: number; readonly close: () => Promise<void> }>();
  const endOne = async (networkId: string): Promise<void> => {
    await serving.get(networkId)?.close();
    serving.delete(networkId);
  };
  const drop = async (networkId: string): Promise<void> => {
    await endOne(networkId);
    await host.remove(networkId);
  };
  const start = async (networkId: string, isPlugged: boolean): Promise<void> => {
    await endOne(networkId);
    await host.make(networkId, isPlugged);
    const socket = await host.open(networkId);
    if (ended.aborted) return void socket.close();
    const { close } = serve(networkId, socket);
    serving.set(networkId, { close, sinceMs: clock.now() });
  };
  return { serving, endOne, drop, start };
}

export function makeMetadataKeeper(parts: MetadataKeeperParts): MetadataKeeper {
  const { host, openSwitch, openSouthbound, clock, log } = parts;
  const end = new AbortController();
  const { serving, start, drop, endOne } = makeServed(parts, end.signal);
  /** When a guest was last seen on a network, milliseconds since the epoch. */
  const seen = new Map<string, number>();
  let southbound: { readonly remotes: string; readonly database: Ovsdb } | null = null;
  let compareAtMs = 0;
  let isNudged = true;
  let wake = (): void => {};
  let stuck: string | null = null;
  /** Something has to be checked again soon. */
  let isUnsure = false;
  const nudge = (): void => {
    isNudged = true;
    wake();
  };
  const local = openSwitch(nudge);

  /** Logs a failure once, not at every attempt. */
  function fail(networkId: string, error: unknown): void {
    const why = `${networkId}: ${messageOf(error)}`;
    if (stuck !== why)
      log.warn({ err: error, network: networkId }, 'metadata of a network cannot be set up on this host');
    stuck = why;
  }

  const attempt = (work: (id: string) => Promise<void>) => (id: string) =>
    work(id).catch((error: unknown) => fail(id, error));

  /** The Southbound database that the switch names now; null: it names none. */
  async function southboundOf(): Promise<{ readonly name: string; readonly database: Ovsdb } | null> {
    const chassis = chassisOf(local.tables());
    if (chassis === null) return null;
    const remotes = chassis.remotes.join(',');
    if (southbound?.remotes !== remotes) {
      await southbound?.database.close();
      southbound = { remotes, database: openSouthbound(chassis.remotes, nudge) };
    }
    return { name: chassis.name, database: southbound.database };
  }

  async function turn(): Promise<void> {
    const found = await southboundOf();
    // an empty replica says nothing about the wanted state
    if (found === null || found.database.problem() !== null) return;
    stuck = null;
    isUnsure = false;
    const now = clock.now();
    const { known, wanted } = networksOf(found.database.tables(), found.name);
    for (const id of wanted) seen.set(id, now);
    const stays = (id: string): boolean => known.has(id) && now - (seen.get(id) ?? 0) < limits.metadataLingerMs;
    const plugged = pluggedNetworks(local.tables());
    let there: ReadonlySet<string> = new Set(serving.keys());
    if (now >= compareAtMs) {
      there = await host.namespaces();
      compareAtMs = now + limits.metadataCompareMs;
    }
    const over = new Set([...there, ...plugged, ...serving.keys()].filter((id) => !stays(id)));
    await each([...over], limits.metadataNetworksAtOnce, attempt(drop));
    for (const id of over) seen.delete(id);
    const lacking = [...wanted].filter((id) => {
      const sinceMs = serving.get(id)?.sinceMs;
      if (sinceMs === undefined || !there.has(id)) return true;
      // the switch may not have reported a new interface yet
      isUnsure ||= !plugged.has(id) && now - sinceMs <= limits.metadataRetryMs;
      return !plugged.has(id) && now - sinceMs > limits.metadataRetryMs;
    });
    await each(
      lacking,
      limits.metadataNetworksAtOnce,
      attempt((id) => start(id, plugged.has(id))),
    );
  }

  async function pause(ms: number): Promise<void> {
    if (isNudged || end.signal.aborted) return;
    const nudged = new AbortController();
    wake = () => nudged.abort();
    await clock.sleep(ms, nudged.signal).catch(() => {});
    wake = () => {};
  }

  async function follow(): Promise<void> {
    while (!end.signal.aborted) {
      await pause(stuck === null && !isUnsure ? limits.metadataPollMs : limits.metadataRetryMs);
      isNudged = false;
      if (end.signal.aborted || local.problem() !== null) continue;
      try {
        await turn();
      } catch (error) {
        fail('-', error);
      }
    }
  }
  const following = follow();

  return {
    serving: () => serving.size,
    problem: () =>
      local.problem() ??
      (southbound === null ? 'Open vSwitch names no ovn-remote and system-id' : southbound.database.problem()) ??
      stuck,
    async close() {
      end.abort();
      wake();
      await following;
      await local.close();
      await southbound?.database.close();
      for (const id of serving.keys()) await endOne(id);
    },
  };
}
