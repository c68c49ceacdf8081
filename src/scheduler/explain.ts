// Why: "why did my server go there, and why not here?" is answered by the parts of the pass itself: every check of every host,
// not just the first that refused, and what each weigher added. It decides nothing.

import type { Candidate } from '../domain/placement/hosts.ts';
import { checksOf, type Refusal } from './checks.ts';
import type { WeigherName } from './index.ts';
import { weighEach } from './scores.ts';
import type { SelectOptions } from './select.ts';
import type { PlacementSpec } from './spec.ts';

export interface ExplainedWeight {
  readonly weigher: WeigherName;
  /** In the weigher's own unit. */
  readonly raw: number;
  /** What it adds to the score. */
  readonly points: number;
}

export interface ExplainedHost {
  readonly host: Candidate;
  /** Every reason against it; empty: it takes the server. */
  readonly refusals: readonly Omit<Refusal, 'host'>[];
  /** The sum of the weights; null: it was not weighed, since it does not take the server. */
  readonly score: number | null;
  readonly weights: readonly ExplainedWeight[];
}

/** All hosts: those that take one server of the spec, best first, then the others in the order of the snapshot. */
export function explain(snapshot: readonly Candidate[], spec: PlacementSpec, options: SelectOptions): ExplainedHost[] {
  const checks = checksOf(spec, options);
  const looked = snapshot.map((host) => ({
    host,
    refusals: checks.flatMap(({ name, check }) => {
      const reason = check(host);
      return reason === null ? [] : [{ filter: name, reason }];
    }),
  }));
  const able = looked.filter(({ refusals }) => refusals.length === 0).map(({ host }) => host);
  const weights: ExplainedWeight[][] = able.map(() => []);
  weighEach(able, spec, options.multipliers ?? {}, (weigher, raw, points) => {
    for (const [index, list] of weights.entries()) {
      list.push({ weigher, raw: raw[index] as number, points: points[index] as number });
    }
  });
  const accepting = able.map((host, index) => {
    const mine = weights[index] as ExplainedWeight[];
    return { host, refusals: [], score: mine.reduce((sum, { points }) => sum + points, 0), weights: mine };
  });
  const refusing = looked.filter(({ refusals }) => refusals.length > 0);
  return [
    ...accepting.toSorted((a, b) => b.score - a.score),
    ...refusing.map((one) => ({ ...one, score: null, weights: [] })),
  ];
}
