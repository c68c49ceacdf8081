// Why: a server can only grow where its host has room. When some hosts are full and others are not, moving a few servers opens room
// where there is none; which ones is a pure function of a snapshot, by the same filters as any placement.

import { fairTurn } from '../base/fair-turn.ts';
import { capacityOf, freeOf } from '../domain/placement/claims.ts';
import type { Candidate } from '../domain/placement/hosts.ts';
import type { NumaTopology } from '../domain/numa/numa.ts';
import type { TakenDevice } from '../domain/pci/pci.ts';
import { emptied, filled, select, type SelectOptions } from './select.ts';
import type { PlacementSpec } from './spec.ts';

/** A server that can be moved as it runs. */
export interface Movable {
  readonly uuid: string;
  readonly name: string;
  /** What it asks of a host; `minimum` is what it has claimed. */
  readonly spec: PlacementSpec;
  readonly numa: NumaTopology | null;
  readonly pci: readonly TakenDevice[] | null;
}

export interface BalanceMove {
  readonly uuid: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface BalancePlan {
  /** In the order in which they are to be made. */
  readonly moves: readonly BalanceMove[];
  /** How full each host is before and after them, from 0 to 1; the fullest before them first. */
  readonly hosts: readonly { readonly host: string; readonly before: number; readonly after: number }[];
}

/** A move is worth its while when the fuller one of its two hosts has so much more room afterwards, as a share of all it has. */
const LEAST_GAIN = 0.05;

/** How full a host is, from 0 to 1: the share of its vCPUs or of its memory that is claimed, whichever is larger. */
export function fullness(host: Candidate): number {
  const capacity = capacityOf(host);
  const free = freeOf(host);
  return Math.max(
    ...(['vcpus', 'memoryMb'] as const).map((part) => (capacity[part] <= 0 ? 0 : 1 - free[part] / capacity[part])),
  );
}

interface Found {
  readonly movable: Movable;
  /** The two hosts as they are afterwards. */
  readonly source: Candidate;
  readonly target: Candidate;
  /** How full the fuller one of them is then. */
  readonly fullest: number;
}

/** The best place of one server among the hosts; null: none takes it. */
function bestTarget(
  source: Candidate,
  movable: Movable,
  others: readonly Candidate[],
  options: SelectOptions,
): Found | null {
  const left = emptied(source, movable.spec, movable);
  let best: Found | null = null;
  for (const host of select(others, movable.spec, options).hosts) {
    const target = filled(host, movable.spec);
    const fullest = Math.max(fullness(left), fullness(target));
    if (best === null || fullest < best.fullest) best = { movable, source: left, target, fullest };
  }
  return best;
}

/** The move off a host that opens most room; null: none is worth its while. Between two servers others have their turn. */
async function bestMove(
  source: Candidate,
  movables: readonly Movable[],
  others: readonly Candidate[],
  options: SelectOptions,
): Promise<Found | null> {
  let best: Found | null = null;
  for (const movable of movables) {
    const turn = fairTurn();
    if (turn !== null) await turn;
    const found = bestTarget(source, movable, others, options);
    if (found !== null && (best === null || found.fullest < best.fullest)) best = found;
  }
  return best !== null && fullness(source) - best.fullest >= LEAST_GAIN ? best : null;
}

/**
 * Up to `most` moves, one after another from the host that is fullest then, each of a server that did not move before.
 * @param movables by host, the servers that may be moved
 * @param suits whether a host may take a server of another, by what no filter asks
 */
export async function planBalance(
  snapshot: readonly Candidate[],
  movables: ReadonlyMap<string, readonly Movable[]>,
  suits: (source: Candidate, host: Candidate) => boolean,
  most: number,
  options: SelectOptions,
): Promise<BalancePlan> {
  const now = new Map(snapshot.map((host) => [host.host, host]));
  const left = new Map([...movables].filter(([host]) => now.has(host)));
  const moves: BalanceMove[] = [];
  while (moves.length < most && left.size > 0) {
    const sources = [...left.keys()].map((name) => now.get(name) as Candidate);
    const source = sources.reduce((fullest, host) => (fullness(host) > fullness(fullest) ? host : fullest));
    const servers = left.get(source.host) ?? [];
    const others = [...now.values()].filter((host) => host.id !== source.id && suits(source, host));
    const found = await bestMove(source, servers, others, options);
    if (found === null) {
      left.delete(source.host);
      continue;
    }
    const { uuid, name } = found.movable;
    moves.push({ uuid, name, from: source.host, to: found.target.host });
    now.set(source.host, found.source).set(found.target.host, found.target);
    left.set(
      source.host,
      servers.filter((one) => one !== found.movable),
    );
  }
  const hosts = snapshot
    .map((host) => ({ host: host.host, before: fullness(host), after: fullness(now.get(host.host) as Candidate) }))
    .sort((a, b) => b.before - a.before);
  return { moves, hosts };
}
