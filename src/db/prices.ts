// Why: what volumes, snapshots, images and floating addresses cost is the deployment's, in one small table. What is held pays what was
// said when it began to be held.

import { costKinds, type CostKind } from '../domain/metering/prices.ts';
import { readRows, type Reader } from './engine.ts';
import type { Tx } from './tx.ts';

/** Millionths of the currency for an hour: of a GiB, or of one where it has no size. */
export type KindPrices = Readonly<Record<CostKind, number>>;

export async function findPrices(reader: Reader): Promise<KindPrices> {
  const said = new Map(
    (await readRows(reader, 'select kind, price from prices')).map((row) => [row['kind'], row['price']]),
  );
  return Object.fromEntries(costKinds.map((kind) => [kind, Number(said.get(kind) ?? 0)])) as KindPrices;
}

/** Of what is there already see `setPrices`. */
export async function writePrices(tx: Tx, prices: Partial<KindPrices>): Promise<void> {
  const rows = Object.entries(prices).map(([kind, price]) => ({ kind, price }));
  if (rows.length > 0) await tx('prices').insert(rows).onConflict('kind').merge(['price']);
}
