// Why: hours are recorded some minutes after they end, when every clock and every transaction of theirs has come to its end too. What
// comes later still is added to its hour by a later turn.

import { meterDue, meteredTables } from '../../db/metering.ts';
import { tx } from '../../db/tx.ts';
import { hourOf } from '../../domain/metering/usage-records.ts';
import { limits } from '../../base/limits.ts';
import type { OpsDeps } from '../deps.ts';

/** Reconciler: the hours that are over are recorded, one piece after another; after an outage as many hours as it took. */
export async function metering({ database, clock }: OpsDeps): Promise<void> {
  const untilMs = hourOf(clock.now() - limits.meteringDelayMs);
  for (const table of meteredTables) {
    while (await tx(database, (t) => meterDue(t, table, untilMs)));
  }
}
