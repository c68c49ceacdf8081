// Why: a bench that is run again must measure the same cloud, the same requests and the same day.

export type Random = () => number;

/** Numbers from 0 to below 1, the same for the same seed. */
export function numbers(seed: number): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One of the values, each as likely as its share of all weights. */
export function oneOf<T extends { readonly weight: number }>(next: Random, values: readonly T[]): T {
  let left = next() * values.reduce((sum, { weight }) => sum + weight, 0);
  for (const value of values) {
    left -= value.weight;
    if (left < 0) return value;
  }
  return values.at(-1) as T;
}
