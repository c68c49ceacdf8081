// A page of hypervisors costs what its hosts cost, however many others there are.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostsAfter } from '../../src/db/hosts.ts';
import { serviceUuids } from '../../src/db/services.ts';
import { engines, freshDatabase } from '../support/database.ts';
import { addHosts } from '../support/rows.ts';
import { rowsRead } from '../support/rows-read.ts';

const HOSTS = 400;

for (const engine of engines) {
  describe(`a page of hypervisors on ${engine}`, () => {
    it('reads its own hosts, in their order', async () => {
      const store = await freshDatabase(engine);
      const { database } = store;
      try {
        await addHosts(database, HOSTS);
        const page = await hostsAfter(database.read, 1_100, 10);
        assert.deepEqual(
          page.map(({ id }) => id),
          Array.from({ length: 10 }, (_, index) => 1_101 + index),
        );
        if (engine !== 'mysql') return;
        const { rows } = await rowsRead(database, async (t) => {
          const hosts = await hostsAfter(t, 1_100, 10);
          return serviceUuids(
            t,
            hosts.map(({ serviceId }) => serviceId),
          );
        });
        assert.ok(rows < HOSTS / 4, `${rows} rows were read`);
      } finally {
        await store.close();
      }
    });
  });
}
