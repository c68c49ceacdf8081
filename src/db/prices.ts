// Why: what volumes, snapshots, images and floating addresses cost is the deployment's, in one small table. What is held pays what was
// said when it began to be held.

import { costKinds, type CostKind } from '../domain/metering/prices.ts';
import { isMysql, readRows, type Reader } from './engine.ts';
import type { Tx } from './tx.ts';

/** Millionths of the currency for an hour: of a GiB, or of one where it has no size. */
export type KindPrices = Readonly<Record<CostKind, number>>;

export const findPrices = (reader: Reader): Promise<KindPrices> => pricesBy(reader, '');

/** The same, and nobody changes them until the transaction ends. */
export const holdPrices = (tx: Tx): Promise<KindPrices> => pricesBy(tx, holding(tx));

/** Has a statement wait for whoever changes what it reads, and him for its transaction; SQLite has one writer at a time. */
export const holding = (tx: Tx): string => (isMysql(tx) ? ' lock in share mode' : '');

async function pricesBy(reader: Reader, lock: string): Promise<KindPrices> {
  const said = new Map(
    (await readRows(reader, `select kind, price from prices${lock}`)).map((row) => [row['kind'], row['price']]),
  );
  return Object.fromEntries(costKinds.map((kind) => [kind, Number(said.get(kind) ?? 0)])) as KindPrices;
}

/** Of what is there already see `setPrices`. */
export async function writePrices(tx: Tx, prices: Partial<KindPrices>): Promise<void> {
  const rows = Object.entries(prices).map(([kind, price]) => ({ kind, price }));
  if (rows.length > 0) await tx('prices').insert(rows).onConflict('kind').merge(['price']);
}
