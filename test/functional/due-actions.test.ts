// Every worker asks what is due some times a second, for ever: what that reads must not grow with what has ended.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dueActions } from '../../src/db/instance-actions.ts';
import { freshDatabase } from '../support/database.ts';
import { rowsRead } from '../support/rows-read.ts';

const ENDED = 5_000;
const OPEN = 3;

const action = (n: number, state: string): Readonly<Record<string, unknown>> => ({
  ...{ server_uuid: `server-${n % 500}`, action: 'reboot', request_id: `req-${n}`, project_id: 'p', user_id: 'u' },
  ...{ start_time: 1, updated_at: 1, state, input: '{}' },
});

describe('what is due', () => {
  it('is found without a look at what has ended, on mysql', async () => {
    const store = await freshDatabase('mysql');
    const { database } = store;
    try {
      for (let from = 0; from < ENDED; from += 1_000) {
        const rows = Array.from({ length: 1_000 }, (_, index) => action(from + index, 'done'));
        await database.write('instance_actions').insert(rows);
      }
      for (let n = 0; n < OPEN; n += 1) await database.write('instance_actions').insert(action(n, 'queued'));
      const { rows, given } = await rowsRead(database, (t) => dueActions(t, 10, 10));
      assert.equal(given.length, OPEN);
      assert.ok(rows < ENDED / 10, `${rows} rows were read`);
    } finally {
      await store.close();
    }
  });
});
