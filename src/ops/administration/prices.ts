// Why: a change of prices is a change of state as any other: one transaction, in which what is there begins to cost the new ones.

import type { Op } from '../../base/op.ts';
import { setPrices } from '../../db/priced-spans.ts';
import { findPrices, type KindPrices } from '../../db/prices.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';

export const changePrices = ({ database, clock }: OpsDeps, _op: Op, prices: Partial<KindPrices>): Promise<KindPrices> =>
  tx(database, async (t) => {
    await setPrices(t, prices, clock.now());
    return findPrices(t);
  });
