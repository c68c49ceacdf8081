// Why: which of the hosts that take a server is best is a sum, as Nova's: each weigher scaled to 0..1 over the hosts at hand
// (all alike: 0), times its multiplier. The parts of the sum are what an explanation shows.

import type { Candidate } from '../domain/placement/hosts.ts';
import { type WeigherName, type WeigherRow, weighers } from './index.ts';
import { leastLabel, perLabels } from './labels.ts';
import type { PlacementSpec } from './spec.ts';

/** How much weighers count; default: the weigher's own. */
export type Multipliers = Partial<Readonly<Record<WeigherName, number>>>;

/**
 * Is told what one weigher says of each host at hand, in their order: the weights in the weigher's own unit, and what they add to
 * the hosts' scores. The arrays are used again for the next weigher: this is done ten thousand times a second.
 */
export type SeeWeighing = (name: WeigherName, raw: Float64Array, points: Float64Array) => void;

/** How much a weigher counts on each host: what an aggregate of the host says under its option's name, else `base`. */
function multiplierOf({ option }: WeigherRow, base: number): (host: Candidate) => number {
  const labelled = perLabels((labels) => leastLabel(labels, option, base));
  return ({ labels }) => (labels.size === 0 ? base : labelled(labels));
}

/** Shows what each weigher that counts for the request says of the hosts. */
export function weighEach(
  hosts: readonly Candidate[],
  spec: PlacementSpec,
  multipliers: Multipliers,
  see: SeeWeighing,
): void {
  const raw = new Float64Array(hosts.length);
  const points = new Float64Array(hosts.length);
  for (const [name, row] of Object.entries(weighers) as [WeigherName, WeigherRow][]) {
    const base = multipliers[name] ?? row.multiplier;
    const unused = base === 0 && hosts.every(({ labels }) => !labels.has(row.option));
    const weigh = unused ? null : row.prepare(spec);
    if (weigh === null) continue;
    let low = row.floor ?? Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    hosts.forEach((host, index) => {
      const weight = weigh(host);
      raw[index] = row.floor === null ? weight : Math.max(weight, row.floor);
      low = Math.min(low, raw[index]);
      high = Math.max(high, raw[index]);
    });
    if (high === low) points.fill(0);
    else {
      const multiplier = multiplierOf(row, base);
      hosts.forEach((host, index) => {
        points[index] = (multiplier(host) * ((raw[index] as number) - low)) / (high - low);
      });
    }
    see(name, raw, points);
  }
}

/** The sum of the points of each host. */
export function scoresOf(
  hosts: readonly Candidate[],
  spec: PlacementSpec,
  multipliers: Multipliers = {},
): Float64Array {
  const scores = new Float64Array(hosts.length);
  weighEach(hosts, spec, multipliers, (_name, _raw, points) => {
    for (let index = 0; index < hosts.length; index += 1) {
      scores[index] = (scores[index] as number) + (points[index] as number);
    }
  });
  return scores;
}
