// Servers that were deleted long ago go with every row that is theirs, and nothing else goes: not the living, not what can still be
// billed, not what keeps an id used or a token dead. Others have their turn meanwhile, and freed pages hold nothing.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import type { Database } from '../../src/db/engine.ts';
import {
  countKept,
  countPurgeable,
  keepers,
  ofServers,
  outliving,
  passing,
  type PurgeCursor,
  type RowCounts,
} from '../../src/db/purge.ts';
import { tx } from '../../src/db/tx.ts';
import { nextSize, purge } from '../../src/ops/administration/purge.ts';
import { makePurgeOld } from '../../src/ops/reconcile/purge-old.ts';
import { runPurge } from '../../src/main/purge-command.ts';
import { callers } from '../support/callers.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { fillTables, insertDeleted, readTables, type TableFacts } from '../support/deleted.ts';
import { ELASTIC, startServers } from '../support/servers.ts';
import { makeWorld } from '../support/world.ts';

const DAY_MS = 86_400_000;
const LONG_AGO = Date.parse('2026-01-01T00:00Z');
const LIMIT = Date.parse('2026-03-01T00:00Z');

const count = async (database: Database, table: string, where: object = {}): Promise<number> =>
  Number(((await database.read(table).where(where).count({ count: '*' })) as [{ count: number }])[0].count);

const known = new Set([...[...ofServers, ...keepers].map(({ table }) => table), ...outliving]);

let tables: readonly TableFacts[];
let owned: readonly TableFacts[];
before(async () => {
  const store = await freshDatabase('sqlite');
  tables = await readTables(store.database.read);
  owned = tables.filter(({ owner }) => owner !== null);
  await store.close();
});

describe('the list of what belongs to a server', () => {
  let store: TestStore;
  before(async () => void (store = await freshDatabase('sqlite')));
  after(() => store.close());

  it('names every table that has a column for one', () => {
    assert.ok(owned.length > 12, 'the walk of the schema finds few');
    assert.deepEqual(
      owned.map(({ name }) => name).filter((name) => !known.has(name)),
      [],
      'src/db/purge.ts does not know these tables',
    );
  });

  it('names every table whose rows refer to rows that go', async () => {
    const missing: string[] = [];
    for (const { name } of tables) {
      const keys = (await store.database.read.raw(`pragma foreign_key_list(${name})`)) as { table: string }[];
      if (keys.some(({ table }) => known.has(table)) && !known.has(name)) missing.push(name);
    }
    assert.deepEqual(missing, []);
  });

  it('finds each of them by an index', async () => {
    for (const { table, column } of ofServers) {
      const sql = `explain query plan delete from ${table} where ${column} in (1, 2)`;
      const [plan] = (await store.database.read.raw(sql)) as { detail: string }[];
      assert.match(plan?.detail ?? '', /^SEARCH/, `${table} is read whole`);
    }
  });
});

const past = { server_sizes: { ended_at: LONG_AGO }, console_auth_tokens: { expires_at: LIMIT + DAY_MS } };

for (const engine of engines) {
  describe(`a purge on ${engine}`, () => {
    let store: TestStore;
    let database: Database;
    beforeEach(async () => {
      store = await freshDatabase(engine);
      ({ database } = store);
    });
    afterEach(() => store.close());
    const plain = () => owned.filter(({ name }) => ofServers.some(({ table }) => table === name));
    const run = (beforeMs = LIMIT) => purge({ database, clock: systemClock }, { beforeMs });

    it('takes what belongs to a server that was deleted before, and leaves the others as they are', async () => {
      const gone = await insertDeleted(database, LONG_AGO);
      const others = [await insertDeleted(database, LIMIT), await insertDeleted(database, null)];
      for (const server of [gone, ...others]) await fillTables(database, plain(), server, past);
      const promised = await countPurgeable(database.read, LIMIT);
      const { rows, finished } = await run();
      assert.ok(finished);
      for (const { table, column, by } of ofServers) {
        const value = { id: gone.id, uuid: gone.uuid, action: gone.id }[by];
        assert.equal(rows[table], 1, table);
        assert.equal(await count(database, table, { [column]: value }), 0, `${table} keeps what was of the server`);
        for (const { id, uuid } of others) {
          const kept = await count(database, table, { [column]: { id, uuid, action: id }[by] });
          assert.ok(kept >= 1, `${table} of another server`);
        }
      }
      assert.deepEqual(rows, promised, 'a dry run counts what goes');
    });

    it('leaves a deleted server that holds or may have left something, or that can be billed', async () => {
      for (const { table, reason } of keepers) {
        const kept = await insertDeleted(database, LONG_AGO);
        const facts = owned.filter(({ name }) => name === table);
        assert.equal(facts.length, 1, table);
        const more = { ...past, server_sizes: { ended_at: LIMIT + 1 }, instance_actions: { state: 'queued' } };
        await fillTables(database, facts, kept, more);
        assert.deepEqual(await countKept(database.read, LIMIT), { [reason]: 1 });
        await run();
        assert.equal(await count(database, 'servers', { uuid: kept.uuid }), 1, table);
        assert.equal(await count(database, table), 1, table);
        await database.write(table).delete();
        await run();
        assert.equal(await count(database, 'servers'), 0, `${table} is empty, and the server is kept yet`);
      }
    });

    it('takes what has expired before, and never what keeps an id used or a token dead', async () => {
      const rows = { deleted_images: { id: 'i', deleted_at: 1 } };
      const ending = { user_id: '', target_type: 'project', target_id: 'p', valid_from: 1 };
      for (const [moment, name] of [
        [LIMIT - 1, 'old'],
        [LIMIT, 'new'],
      ] as const) {
        await database.write('identity_revocations').insert({ audit_id: name, expires_at: moment });
        await database.write('notifications').insert({ message: '{}', created_at: moment });
        await database.write('volume_messages').insert({
          ...{ id: name, project_id: 'p', request_id: 'r', resource_type: 'VOLUME', resource_id: 'v', event_id: 'e' },
          ...{ message: 'm', created_at: 1, expires_at: moment },
        });
        const { id, uuid } = await insertDeleted(database, null);
        const tokens = owned.filter(({ name: table }) => table === 'console_auth_tokens');
        await fillTables(database, tokens, { id, uuid }, { console_auth_tokens: { expires_at: moment } });
      }
      await database.write('deleted_images').insert(rows.deleted_images);
      await database.write('identity_endings').insert(ending);
      const promised = await countPurgeable(database.read, LIMIT);
      const done = await run();
      for (const { table, moment } of passing) {
        assert.equal(promised[table], 1, table);
        assert.equal(done.rows[table], 1, table);
        assert.deepEqual((await database.read(table).pluck(moment)).map(Number), [LIMIT], table);
      }
      assert.equal(await count(database, 'deleted_images'), 1);
      assert.equal(await count(database, 'identity_endings'), 1);
    });

    it('gives others their turn: in many transactions, and each ends before the next begins', async () => {
      for (let n = 0; n < 150; n += 1) await insertDeleted(database, LONG_AGO + n);
      const seen: number[] = [];
      const between: number[] = [];
      let ended = false;
      const beside = (async () => {
        while (!ended) {
          await tx(
            database,
            async (t) => void (await t('readiness').insert({ id: 1, checked_at: 1 }).onConflict('id').merge()),
          );
          between.push(seen.length);
        }
      })();
      await purge(
        { database, clock: systemClock },
        { beforeMs: LIMIT, progress: ({ servers }) => void (servers !== undefined && seen.push(servers)) },
      );
      ended = true;
      await beside;
      assert.equal(seen[0], limits.purgeAtOnce.first);
      assert.ok(new Set(between).size > 2, `others wrote after ${between.join(', ')} transactions`);
      assert.equal(await count(database, 'servers'), 0);
    });

    it('goes on where it was ended', async () => {
      for (let n = 0; n < 50; n += 1) await insertDeleted(database, LONG_AGO);
      const stop = new AbortController();
      const first = await purge(
        { database, clock: systemClock },
        {
          beforeMs: LIMIT,
          signal: stop.signal,
          progress: ({ servers }) => void (servers !== undefined && stop.abort()),
        },
      );
      assert.deepEqual([first.finished, first.rows['servers']], [false, limits.purgeAtOnce.first]);
      const second = await run();
      assert.deepEqual([second.finished, second.rows['servers']], [true, 50 - limits.purgeAtOnce.first]);
    });
  });

  describe(`retention on ${engine}`, () => {
    it('is the turn of one worker at a time, again when its lease is over, and seldom once nothing is left', async () => {
      let aheadMs = 0;
      const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
      const world = await makeWorld({ engine, clock, worker: false, config: { retentionMs: 90 * DAY_MS } });
      const { database, deps } = world;
      const add = (days: number) => insertDeleted(database, clock.now() - days * DAY_MS);
      const left = () => count(database, 'servers');
      const purgeOld = makePurgeOld();
      try {
        for (const days of [91, 91, 89]) await add(days);
        // another worker died in its turn
        await database
          .write('named_locks')
          .where({ name: 'purge' })
          .update({ not_before: clock.now() + 1_000 });
        await purgeOld(deps);
        assert.equal(await left(), 3);
        aheadMs += 1_000;
        await Promise.all([purgeOld(deps), purgeOld(deps), purgeOld(deps)]);
        assert.equal(await left(), 1);
        await add(91);
        await purgeOld(deps);
        assert.equal(await left(), 2, 'looked again at once');
        aheadMs += limits.purgeEveryMs;
        await purgeOld(deps);
        assert.equal(await left(), 1);
        await purgeOld({ ...deps, config: { ...deps.config, retentionMs: 0 } });
      } finally {
        await world.close();
      }
    });
  });

  describe(`retention with many that are kept on ${engine}`, () => {
    it('comes to those behind them in later turns, and what passes has its turn in each', async () => {
      const store = await freshDatabase(engine);
      const { database } = store;
      try {
        const remnants = owned.filter(({ name }) => name === 'remnants');
        for (let n = 0; n < 60; n += 1) {
          await fillTables(database, remnants, await insertDeleted(database, LONG_AGO + n), past);
        }
        await insertDeleted(database, LONG_AGO + 1_000);
        await database.write('identity_revocations').insert({ audit_id: 'old', expires_at: LIMIT - 1 });
        const turn = async (from: PurgeCursor | null) => {
          // as short as can be: one transaction
          const stop = new AbortController();
          const signal = stop.signal;
          const progress = (rows: RowCounts) => void (rows['servers'] !== undefined && stop.abort());
          return purge({ database, clock: systemClock }, { beforeMs: LIMIT, signal, progress, from });
        };
        const first = await turn(null);
        assert.equal(first.finished, false);
        assert.equal(await count(database, 'identity_revocations'), 0);
        let done = first;
        for (let turns = 0; turns < 5 && !done.finished; turns += 1) done = await turn(done.cursor);
        assert.equal(await count(database, 'servers'), 60);
      } finally {
        await store.close();
      }
    });
  });

  describe(`usage after a purge on ${engine}`, () => {
    it('is the same for every period that begins at the limit or later', async () => {
      let aheadMs = 0;
      const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
      const servers = await startServers({ engine, clock });
      const { database } = servers.world;
      const began = clock.now();
      const project = callers.member.projectId as string;
      const iso = (ms: number) => new Date(ms).toISOString().slice(0, 19);
      const usage = async (startMs: number): Promise<unknown> => {
        const query = `start=${iso(startMs)}&end=${iso(began + 40 * DAY_MS)}`;
        const { body } = await servers.request('GET', `/os-simple-tenant-usage/${project}?${query}`, { as: 'member' });
        return body.tenant_usage;
      };
      const pass = async (ms: number): Promise<void> => {
        aheadMs += ms;
        // its host reports all the time
        await database.write('services').update({ last_seen_at: clock.now() });
      };
      try {
        // deleted on the 1st, the 11th, the 21st and the 31st day
        for (let n = 0; n < 4; n += 1) {
          const id = await servers.create({ flavorRef: ELASTIC });
          await pass(DAY_MS);
          assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
          await servers.world.settled();
          await pass(9 * DAY_MS);
        }
        const beforeMs = began + 15 * DAY_MS;
        const starts = [0, 1, 10, 20.5].map((days) => beforeMs + days * DAY_MS);
        const [shown, whole] = [await Promise.all(starts.map(usage)), await usage(began)];
        await purge({ database, clock }, { beforeMs });
        assert.deepEqual(await countKept(database.read, beforeMs), {});
        assert.equal(await count(database, 'servers'), 2);
        assert.deepEqual(await Promise.all(starts.map(usage)), shown);
        assert.notDeepEqual(await usage(began), whole, 'nothing was lost: nothing was tested');
        assert.deepEqual(await servers.world.leftovers(), []);
      } finally {
        await servers.close();
      }
    });
  });
}

describe('what is left in the file after a purge', () => {
  it('is not the user data of the servers', async () => {
    const store = await freshDatabase('sqlite');
    const { database } = store;
    const [{ file }] = (await database.read.raw('pragma database_list')) as [{ file: string }];
    const secret = 'c2VjcmV0LW9mLWEtdGVuYW50';
    const holders = () =>
      [file, `${file}-wal`].filter((path) => existsSync(path) && readFileSync(path).includes(secret));
    const userData = secret.repeat(limits.userDataBytes / secret.length / 2);
    for (let n = 0; n < 30; n += 1) await insertDeleted(database, LONG_AGO, { userData });
    await insertDeleted(database, null);
    assert.notDeepEqual(holders(), []);
    const said: string[] = [];
    const status = await runPurge({
      database,
      beforeMs: LIMIT,
      dryRun: false,
      print: (text) => said.push(text),
      errors: { isTTY: false, write: (text: string) => said.push(text) > 0 } as never,
      signal: new AbortController().signal,
    });
    assert.equal(status, 0, said.join('\n'));
    assert.deepEqual(holders(), []);
    assert.equal(await count(database, 'servers'), 1);
    await store.close();
  });
});

describe('the size of the next transaction', () => {
  it('is what takes as long as one may, never more than twice the last', () => {
    assert.equal(nextSize(20, limits.purgeBatchMs), 20);
    assert.equal(nextSize(100, limits.purgeBatchMs * 4), 25);
    assert.equal(nextSize(20, 0.01), 40);
    assert.equal(nextSize(1, 60_000), 1);
    assert.equal(nextSize(limits.purgeAtOnce.most, 0.01), limits.purgeAtOnce.most);
  });
});
