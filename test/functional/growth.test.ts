// What is asked all the time, or of a page, must not read all that there is: in a cloud a hundred times as large it would take a
// hundred times as long. MariaDB says how many rows it read, SQLite how it would go about it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ioOpsByHost } from '../../src/db/candidates.ts';
import type { Database, Reader } from '../../src/db/engine.ts';
import { replaceTags } from '../../src/db/server-details.ts';
import { listServers, type ServerFilter, serverListQuery } from '../../src/db/server-list.ts';
import { findStuckServers, insertServer } from '../../src/db/servers.ts';
import { insertRows, tx } from '../../src/db/tx.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { addHosts, newServer } from '../support/rows.ts';
import { rowsRead } from '../support/rows-read.ts';

const SERVERS = 2_000;
const HOSTS = 400;
const PAGE = { limit: 100, marker: null, sort: [] } as const;

/** Copies of a server's row, on hosts, of which one is busy, and three have a tag that no other has. */
async function addServers(database: Database, count: number): Promise<void> {
  await tx(database, async (t) => {
    await insertServer(t, newServer({ host: 'host-1' }));
    const [{ id: _id, ...row }] = (await t('servers')) as [Record<string, unknown>];
    const numbers = Array.from({ length: count }, (_, index) => 1_000 + index);
    const copy = (n: number) => ({ ...row, id: n, uuid: `server-${n}`, host: `host-${1_000 + (n % HOSTS)}` });
    await insertRows(
      t,
      'servers',
      numbers.map((n) => ({
        ...copy(n),
        created_at: n,
        task_state: n === 1_500 ? 'spawning' : null,
        // the oldest are in a state that few have, and a project has a tenth of all
        vm_state: n < 1_003 ? 'paused' : 'active',
        project_id: n % 10 === 0 ? 'a-tenth' : 'the-rest',
      })),
    );
    const nic = { position: 0, preexisting: 0, nic: '{}', network: '{}', addresses_v6: '' };
    await insertRows(
      t,
      'server_nics',
      numbers.map((n) => ({ ...nic, server_id: n, port_id: `port-${n}`, addresses_v4: ` 10.0.0.${n} ` })),
    );
    for (const n of numbers) {
      const rare = n % 700 === 0;
      await replaceTags(t, n, ['all', ...(rare ? ['rare'] : [])]);
    }
  });
  if (database.engine === 'mysql') {
    await database.write.raw('analyze table servers, server_nics, server_tags, hosts, services');
  }
}

interface Rare {
  readonly filter: ServerFilter;
  readonly count: number;
  /** What SQLite's plan has. */
  readonly plan: RegExp;
}

const byTag = /SEARCH server_tags USING COVERING INDEX server_tags_tag_server_id_index/;
const rare: Readonly<Record<string, Rare>> = {
  'with a tag that few have': { filter: { tags: ['rare'] }, count: 3, plan: byTag },
  'with two tags, of which few have one': { filter: { tags: ['all', 'rare'] }, count: 3, plan: byTag },
  'with one of some tags': { filter: { tagsAny: ['rare', 'unknown'] }, count: 3, plan: byTag },
  'in a state that few have': {
    filter: { vmStates: ['paused'], softAsDeleted: true },
    count: 3,
    plan: /SEARCH servers USING INDEX servers_deleted_vm_state_task_state_index/,
  },
  'on a host': {
    filter: { where: { host: 'host-1007' }, softAsDeleted: true },
    count: SERVERS / HOSTS,
    plan: /SEARCH servers USING INDEX servers_host_deleted_index/,
  },
};

for (const engine of engines) {
  describe(`in a large cloud on ${engine}`, () => {
    let store: TestStore;
    before(async () => {
      store = await freshDatabase(engine);
      await addHosts(store.database, HOSTS);
      await addServers(store.database, SERVERS);
    });
    after(() => store.close());

    /** SQLite's plan of everything that was asked by way of knex meanwhile. */
    async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
      const { read, write } = store.database;
      const asked: { sql: string; bindings: string[] }[] = [];
      const note = (query: (typeof asked)[number]): void => void asked.push(query);
      for (const handle of [read, write]) handle.on('query', note);
      await work();
      for (const handle of [read, write]) handle.off('query', note);
      const plans: string[] = [];
      for (const { sql, bindings } of asked.filter(({ sql: text }) => text.startsWith('select'))) {
        const steps = (await read.raw(`explain query plan ${sql}`, bindings)) as { detail: string }[];
        plans.push(...steps.map(({ detail }) => detail));
      }
      return plans;
    }

    for (const [what, { filter, count, plan }] of Object.entries(rare)) {
      it(`servers ${what} are found by it`, async () => {
        const { database } = store;
        assert.equal((await listServers(database.read, filter, PAGE)).length, count);
        if (engine === 'mysql') {
          const { rows } = await rowsRead(database, (t) => listServers(t, filter, PAGE));
          assert.ok(rows < SERVERS / 10, `${rows} rows were read`);
          return;
        }
        const { query } = await serverListQuery(database.read, filter, PAGE);
        const plans = (await plansOf(() => query)).join('\n');
        assert.match(plans, plan);
        assert.doesNotMatch(plans, /SCAN/);
      });
    }

    const busy: Readonly<Record<string, (reader: Reader) => Promise<unknown>>> = {
      'whose task nobody is at': findStuckServers,
      'that load their hosts': ioOpsByHost,
    };
    for (const [what, find] of Object.entries(busy)) {
      it(`those ${what} are found among those that have a task`, async () => {
        const { database } = store;
        if (engine === 'mysql') {
          const { rows } = await rowsRead(database, find);
          assert.ok(rows < 20, `${rows} rows were read`);
          return;
        }
        const plans = await plansOf(() => tx(database, find));
        assert.match(plans.join('\n'), /SEARCH servers USING INDEX servers_task_state_host_index/);
      });
    }

    it('a page of a project reads that page, though the project has few of all', async () => {
      const { database } = store;
      const filter = { where: { project_id: 'a-tenth' }, softAsDeleted: true };
      const page = { ...PAGE, limit: 20 };
      assert.equal((await listServers(database.read, filter, page)).length, 20);
      if (engine === 'mysql') {
        const { rows } = await rowsRead(database, (t) => listServers(t, filter, page));
        assert.ok(rows < 2 * page.limit, `${rows} rows were read`);
        return;
      }
      const { query } = await serverListQuery(database.read, filter, page);
      const plans = (await plansOf(() => query)).join('\n');
      assert.match(plans, /SEARCH servers USING INDEX servers_project_id_deleted_created_at_id_index/);
      assert.doesNotMatch(plans, /TEMP B-TREE/);
    });

    for (const [what, where] of [
      ['a project', { project_id: 'a-tenth' }],
      ['a host', { host: 'host-1210' }],
    ] as const) {
      it(`an address, or a part of a name, is sought among the servers of ${what}, not among all`, async () => {
        const { database } = store;
        for (const filter of [
          { where, ip: '10.0.0.1410' },
          { where: { ...where, display_name: 'serv' } },
        ] satisfies ServerFilter[]) {
          const own = SERVERS / ('project_id' in where ? 10 : HOSTS);
          const found = (await listServers(database.read, filter, { ...PAGE, limit: SERVERS })).length;
          assert.equal(found, 'ip' in filter ? 1 : own);
          if (engine === 'mysql') {
            const { rows } = await rowsRead(database, (t) => listServers(t, filter, PAGE));
            // for an address it may look through the interfaces of all, where that is quicker than those of many servers
            if (!('ip' in filter)) assert.ok(rows <= 2 * own + 10, `${rows} rows were read`);
            continue;
          }
          const { query } = await serverListQuery(database.read, filter, PAGE);
          assert.doesNotMatch((await plansOf(() => query)).join('\n'), /SCAN/);
        }
      });
    }

    it('a server without an action behind its task is found', async () => {
      assert.deepEqual(await findStuckServers(store.database.read), ['server-1500']);
    });
  });
}
