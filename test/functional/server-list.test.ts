// Why: everything that Nova's list allows, with the same answers on both engines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/base/errors.ts';
import { replaceMetadata, replaceTags } from '../../src/db/server-details.ts';
import { replaceNics } from '../../src/db/server-nics.ts';
import { listServers, type ServerFilter, type ServerPage, serverListQuery } from '../../src/db/server-list.ts';
import { findServer, insertServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { makeFakeNetworks, testImage } from '../support/neighbours.ts';
import { anchoredLike, compilePattern } from '../../src/db/regexp.ts';
import { readRows } from '../../src/db/engine.ts';
import { newServer } from '../support/rows.ts';
import { sortableSince } from '../../src/domain/servers/list-attributes.ts';

const all: ServerPage = { limit: 1_000, marker: null, sort: [] };
const T0 = 1_700_000_000_000;

for (const engine of engines) {
  describe(`the list of servers on ${engine}`, () => {
    let store: TestStore;

    before(async () => {
      store = await freshDatabase(engine);
      const networks = makeFakeNetworks();
      const ask = (fixedIp: string) => ({ networkId: 'n', portId: null, fixedIp, tag: null });
      const rows = [
        {
          row: { displayName: 'web-1', hostname: 'web-1', keyName: 'k', host: 'a', launchIndex: 1, createdAt: T0 + 1 },
          metadata: { role: 'web', env: 'prod' },
          tags: ['red', 'blue'],
          ips: ['10.0.0.11', 'fd00::11'],
        },
        {
          row: {
            displayName: 'web-2',
            hostname: 'web-2',
            host: 'b',
            vmState: 'stopped',
            powerState: 4,
            createdAt: T0 + 2,
          },
          metadata: { role: 'web', env: 'test' },
          tags: ['red'],
          ips: ['10.0.0.12'],
        },
        {
          row: {
            displayName: 'DB',
            hostname: 'db',
            projectId: 'q',
            taskState: 'rebooting',
            lockedBy: 'admin',
            createdAt: T0 + 3,
          },
          metadata: {},
          tags: [],
          ips: ['192.168.7.7'],
        },
        {
          row: {
            displayName: 'old',
            hostname: 'old',
            deleted: true,
            vmState: 'deleted',
            deletedAt: T0 + 9_000,
            launchedAt: T0 + 5_400,
            createdAt: T0 + 5_000,
            image: testImage({ properties: { kernel_id: 'kern' } }),
          },
          metadata: { role: 'web' },
          tags: ['green'],
          ips: [],
        },
      ] as const;
      for (const { row, metadata, tags, ips } of rows) {
        await tx(store.database, async (t) => {
          const server = newServer(row as Partial<Parameters<typeof newServer>[0]>);
          const id = await insertServer(t, server);
          await replaceMetadata(t, id, metadata);
          await replaceTags(t, id, tags);
          const target = { uuid: server.uuid, projectId: 'p', host: 'h', zone: 'z', hostname: 'h' };
          await replaceNics(t, id, await networks.allocate(target, { requests: ips.map(ask), securityGroups: [] }));
        });
      }
    });
    after(() => store.close());

    const names = async (filter: ServerFilter, page: Partial<ServerPage> = {}): Promise<string[]> =>
      (await listServers(store.database.read, filter, { ...all, ...page })).map((server) => server.displayName);

    const cases: readonly [string, ServerFilter, readonly string[]][] = [
      ['nothing: the living, the newest first', {}, ['DB', 'web-2', 'web-1']],
      ['the deleted', { deleted: true }, ['old']],
      ['both', { deleted: 'any' }, ['old', 'DB', 'web-2', 'web-1']],
      ['a part of the name', { where: { display_name: 'web' } }, ['web-2', 'web-1']],
      ['a part of the name, in either case', { where: { display_name: 'db' } }, ['DB']],
      ['a pattern', { where: { display_name: '^web-[2-9]$' } }, ['web-2']],
      ['a pattern with a dot', { where: { display_name: 'w.b' } }, ['web-2', 'web-1']],
      ['text that SQL would read otherwise', { where: { display_name: "%'_" } }, []],
      ['a bar is a letter', { where: { display_name: 'web.|DB' } }, []],
      ['a project', { where: { project_id: 'q' } }, ['DB']],
      ['any of several uuids', { where: { uuid: [] } }, []],
      ['a host', { where: { host: 'a' } }, ['web-1']],
      ['a null', { where: { key_name: null } }, ['DB', 'web-2']],
      ['a number', { where: { launch_index: 1 } }, ['web-1']],
      ['a power state', { where: { power_state: 4 } }, ['web-2']],
      ['a flag', { where: { config_drive: true } }, []],
      ['a second in time', { deleted: 'any', where: { launched_at: T0 + 5_000 } }, ['old']],
      ['the kernel of the image', { deleted: 'any', where: { kernel_id: 'kern' } }, ['old']],
      ['a status', { vmStates: ['active'], taskStates: [null] }, ['web-1']],
      ['a task', { taskStates: ['rebooting', null], vmStates: ['active'] }, ['DB', 'web-1']],
      ['locked', { locked: true }, ['DB']],
      ['not locked', { locked: false }, ['web-2', 'web-1']],
      ['a part of an address', { ip: '10.0.0.1' }, ['web-2', 'web-1']],
      ['an IPv6 address', { ip6: 'FD00::' }, ['web-1']],
      ['metadata', { metadata: [['role', 'web']] }, ['web-2', 'web-1']],
      [
        'all of several metadata',
        {
          metadata: [
            ['role', 'web'],
            ['env', 'prod'],
          ],
        },
        ['web-1'],
      ],
      ['all tags', { tags: ['red', 'blue'] }, ['web-1']],
      ['any tag', { tagsAny: ['red', 'blue'] }, ['web-2', 'web-1']],
      ['not all tags', { notTags: ['red', 'blue'] }, ['DB', 'web-2']],
      ['none of the tags', { notTagsAny: ['red', 'blue'] }, ['DB']],
      ['changed since', { deleted: 'any', changesSince: T0 + 3 }, ['old', 'DB']],
      ['changed before', { changesBefore: T0 + 2 }, ['web-2', 'web-1']],
    ];
    for (const [name, filter, expected] of cases) {
      it(`filters by ${name}`, async () => assert.deepEqual(await names(filter), expected));
    }

    it('finds by a text at an end what its pattern finds, without looking by patterns', async () => {
      const part = fc.stringMatching(/^[ aB%_!\-1]{0,3}$/);
      const anchored = fc.tuple(fc.constantFrom('^', ''), part, fc.constantFrom('$', '')).map((all) => all.join(''));
      await fc.assert(
        fc.asyncProperty(anchored, part, part, part, async (pattern, before, inside, behind) => {
          const like = anchoredLike(pattern);
          fc.pre(like !== null);
          const text = `${before}${inside}${behind}`;
          const [row] = await readRows(store.database.read, "select lower(?) like ? escape '!' as found", [text, like]);
          assert.equal(Boolean(row?.['found']), compilePattern(pattern)(text), `${pattern} in '${text}'`);
        }),
        { numRuns: 300 },
      );
      for (const more of ['web', 'web.$', '^a|b', '^\\$', 'ä$', '^a$b']) assert.equal(anchoredLike(more), null, more);
      assert.equal(anchoredLike('^100%_Sure!'), '100!%!_sure!!%');
    });

    it('refuses a pattern that is not understood', async () => {
      await assert.rejects(
        names({ where: { display_name: '(' } }),
        (error) => error instanceof Fault && error.kind === 'badRequest',
      );
    });

    it('an unknown marker is a 400, in another project too', async () => {
      const [first] = await listServers(store.database.read, { where: { project_id: 'q' } }, all);
      for (const [filter, marker] of [
        [{}, 'nobody'],
        [{ where: { project_id: 'p' } }, first?.uuid ?? ''],
      ] as const) {
        await assert.rejects(
          names(filter, { marker }),
          (error) =>
            error instanceof Fault && error.kind === 'badRequest' && error.message === `marker [${marker}] not found`,
        );
      }
    });

    it('reads what may be large only when asked', async () => {
      const uuid = await tx(store.database, async (t) => {
        const server = newServer({
          projectId: 'bulk',
          userData: 'eA==',
          keyData: 'ssh-rsa A',
          schedulerHints: { group: 'g' },
        });
        await insertServer(t, server);
        return server.uuid;
      });
      const filter = { where: { project_id: 'bulk' } };
      const [lean] = await listServers(store.database.read, filter, all);
      const [whole] = await listServers(store.database.read, filter, { ...all, bulk: true });
      assert.deepEqual([lean?.userData, lean?.keyData], [null, null]);
      assert.deepEqual([whole?.userData, whole?.keyData], ['eA==', 'ssh-rsa A']);
      assert.deepEqual(await findServer(store.database.read, uuid), whole);
      assert.deepEqual(whole?.schedulerHints, { group: 'g' });
    });

    it('pages without gaps or doubles, by any keys, nulls among them', async () => {
      const text = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: null });
      const row = fc.record({
        keyName: text,
        host: text,
        displayName: fc.constantFrom('x', 'y'),
        createdAt: fc.integer({ min: T0, max: T0 + 3 }),
      });
      const sort = fc.uniqueArray(
        fc.record({
          key: fc.constantFrom('key_name', 'host', 'display_name', 'created_at'),
          dir: fc.constantFrom('asc', 'desc'),
        } as const),
        { selector: ({ key }) => key, maxLength: 3 },
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { minLength: 1, maxLength: 12 }),
          sort,
          fc.integer({ min: 1, max: 5 }),
          async (rows, keys, limit) => {
            run += 1;
            const projectId = `page-${run}`;
            await tx(store.database, async (t) => {
              for (const one of rows) await insertServer(t, newServer({ ...one, projectId }));
            });
            const filter = { where: { project_id: projectId } };
            const whole = await listServers(store.database.read, filter, { limit: 100, marker: null, sort: keys });
            assert.equal(whole.length, rows.length);
            const paged: string[] = [];
            for (let marker: string | null = null; ; ) {
              const page: readonly { uuid: string }[] = await listServers(store.database.read, filter, {
                limit,
                marker,
                sort: keys,
              });
              paged.push(...page.map((server) => server.uuid));
              if (page.length < limit) break;
              marker = page.at(-1)?.uuid ?? null;
            }
            assert.deepEqual(
              paged,
              whole.map((server) => server.uuid),
            );
          },
        ),
        { numRuns: 25 },
      );
    });

    it('sorts by every key that Nova allows', async () => {
      for (const key of [...sortableSince('first'), ...sortableSince('later')]) {
        const page = { limit: 2, marker: null, sort: [{ key, dir: 'asc' }] } as const;
        assert.equal((await listServers(store.database.read, {}, page)).length, 2, key);
      }
    });

    it('walks the index for the default order, of a project and of all', async () => {
      for (const filter of [{ where: { project_id: 'p' } }, {}]) {
        const [first] = await listServers(store.database.read, filter, { limit: 1, marker: null, sort: [] });
        const { query } = await serverListQuery(store.database.read, filter, {
          limit: 10,
          marker: first?.uuid ?? null,
          sort: [],
        });
        const { sql, bindings } = query.toSQL().toNative();
        const explain = engine === 'sqlite' ? 'explain query plan' : 'explain';
        const plan = JSON.stringify(await store.database.read.raw(`${explain} ${sql}`, bindings as string[]));
        assert.match(plan, /servers_(project_id_)?deleted_created_at_id_index/);
        if (engine === 'sqlite') assert.doesNotMatch(plan, /SCAN servers|TEMP B-TREE/);
      }
    });
  });
}
