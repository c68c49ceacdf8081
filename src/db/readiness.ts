// Why: see migrations/0034_readiness.ts.

import type { Database } from './engine.ts';
import { tx } from './tx.ts';

/** Writes a row; throws what the database says where it cannot be reached, is full or read-only. */
export const proveWritable = (database: Database, nowMs: number): Promise<void> =>
  tx(database, async (t) => {
    await t('readiness').insert({ id: 1, checked_at: nowMs }).onConflict('id').merge();
  });

class TakenBack extends Error {}

/** As `proveWritable`, on any schema, and takes it back: for those who must not change anything. */
export async function proveWritableInVain(database: Database): Promise<void> {
  try {
    await tx(database, async (t) => {
      await t('schema_migrations').where({ id: -1 }).update({ batch: 0 });
      throw new TakenBack();
    });
  } catch (error) {
    if (!(error instanceof TakenBack)) throw error;
  }
}
