// Why: sizes come as Kubernetes quantities, by two or by ten. Its client keeps its reader of them to itself.

const factors: Readonly<Record<string, number>> = {
  ...{ '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** `4Gi` as a number; NaN where it is no quantity. */
export function quantityOf(quantity: number | string): number {
  const [, digits, suffix = ''] = /^(\d{1,18}(?:\.\d{1,9})?)([A-Za-z]{1,2})?$/.exec(String(quantity)) ?? [];
  return Number(digits) * (factors[suffix] ?? Number.NaN);
}
