// Why: what aggregates say of hosts is the same for all hosts of the same aggregates: it is looked at once for each such set.

import type { Labels } from '../domain/placement/hosts.ts';
import type { Check } from './spec.ts';

/** A function of labels that works each set of them out once. */
export function perLabels<T>(work: (labels: Labels) => T): (labels: Labels) => T {
  const known = new Map<Labels, T>();
  return (labels) => {
    let found = known.get(labels);
    if (found === undefined && !known.has(labels)) known.set(labels, (found = work(labels)));
    return found as T;
  };
}

/** A check of what aggregates say of a host. */
export function labelCheck(check: (labels: Labels) => string | null): Check {
  const checked = perLabels(check);
  return ({ labels }) => checked(labels);
}

/** The least of the numbers that aggregates give under a key; `otherwise` where none does, or one is no number. */
export function leastLabel(labels: Labels, key: string, otherwise: number): number {
  const numbers = [...(labels.get(key) ?? [])].map((text) => (text === '' ? Number.NaN : Number(text)));
  return numbers.length === 0 || numbers.some(Number.isNaN) ? otherwise : Math.min(...numbers);
}
