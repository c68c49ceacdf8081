// A price that changes while something is made: it costs the new one, whichever of the two is committed first.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { setPrices } from '../../../src/db/priced-spans.ts';
import { noteForEnding, tx } from '../../../src/db/tx.ts';
import { insertVolume } from '../../../src/db/volumes.ts';
import { RATE_PARTS } from '../../../src/domain/metering/prices.ts';
import { engines, freshDatabase } from '../../support/database.ts';

for (const engine of engines) {
  describe(`prices that change while something is made on ${engine}`, () => {
    for (const [before, what] of [
      [null, 'the first price'],
      [5, 'another price'],
    ] as const) {
      it(`${what} is that of a volume whose transaction had read the one before`, async () => {
        const store = await freshDatabase(engine);
        const { database } = store;
        const nowMs = systemClock.now();
        if (before !== null) await tx(database, (t) => setPrices(t, { volume: before }, nowMs));
        let changed: Promise<void> | undefined;
        await tx(database, async (t) => {
          await insertVolume(t, {
            ...{ id: 'v', projectId: 'p', userId: 'u', name: null, description: null, sizeGb: 2, status: 'available' },
            ...{ previousStatus: null, zone: 'nova', typeId: 'type', bootable: false, readonly: false },
            ...{ snapshotId: null, sourceVolumeId: null, metadata: {}, imageMetadata: null },
            ...{ createdAt: nowMs, updatedAt: nowMs },
          });
          // after the price was read and before the transaction ends
          noteForEnding(
            t,
            async () => {
              changed ??= tx(database, (other) => setPrices(other, { volume: 9 }, nowMs + 1));
              await systemClock.sleep(300);
            },
            1,
          );
        });
        await changed;
        const open = await database.read('priced_spans').where({ kind: 'volume', ended_at: null });
        assert.deepEqual(
          open.map((span: { rate: number }) => Number(span.rate)),
          [RATE_PARTS * 2 * 9],
        );
        await store.close();
      });
    }
  });
}
