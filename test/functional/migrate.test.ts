import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { migrations } from '../../migrations/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { serverUsage } from '../../src/db/server-sizes.ts';
import { schemaState, upgradeSchema } from '../../src/db/migrate.ts';
import { loadConfig } from '../../src/main/config.ts';
import { serve } from '../../src/main/serve.ts';
import { emptyDatabase, engines } from '../support/database.ts';
import { oldServer } from '../support/rows.ts';
import { aFlavor } from '../support/samples.ts';
import { usageDrift } from '../support/usage.ts';

const names = migrations.map((migration) => migration.name);

for (const engine of engines) {
  describe(`the schema on ${engine}`, () => {
    it('comes from nothing, once', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      assert.deepEqual(await schemaState(database, migrations), { applied: [], pending: names, unknown: [] });
      assert.deepEqual(await upgradeSchema(database, migrations), names);
      assert.deepEqual(await upgradeSchema(database, migrations), []);
      assert.deepEqual(await schemaState(database, migrations), { applied: names, pending: [], unknown: [] });
    });

    it('begins the history of servers that were there before it was kept', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      const before = migrations.slice(0, names.indexOf('0009_server_sizes'));
      await upgradeSchema(database, before);
      const { write } = database;
      const old = (uuid: string, vmState: string, more: object = {}) =>
        write('servers').insert(oldServer(uuid, vmState, more));
      await old('a', 'building');
      await old('b', 'error', { flavor: JSON.stringify(aFlavor({ extraSpecs: {} })) });
      await old('c', 'deleted', { deleted: 1 });
      await upgradeSchema(database, migrations);
      assert.deepEqual(await usageDrift(database.read), []);
      assert.deepEqual(await serverUsage(database.read, 'p', 'u'), { instances: 2, cores: 1, ram: 256 });
      const elastic: { uuid: string }[] = await database
        .read('servers')
        .select('uuid')
        .where({ elastic: 1 })
        .orderBy('uuid');
      assert.deepEqual(
        elastic.map(({ uuid }) => uuid),
        ['a', 'c'],
      );
    });

    it('is refused when it is newer than the program', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      const future = { name: '9999_future', up: async () => {} };
      await upgradeSchema(database, [...migrations, future]);
      await assert.rejects(upgradeSchema(database, migrations), { message: /newer than this program.*9999_future/ });
    });
  });
}

describe('a start on a newer schema', () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-newer-'));
  after(() => rmSync(dir, { recursive: true }));

  it('is refused before anything is touched', async () => {
    const database = openDatabase(`sqlite://${join(dir, 'xloud.db')}`);
    await upgradeSchema(database, [...migrations, { name: '9999_future', up: async () => {} }]);
    await database.close();
    const config = loadConfig({ flags: ['api.port=0', 'compute.driver=fake'] });
    await assert.rejects(serve({ config, dataDir: dir, log: silentLog }), { message: /newer than this program/ });
  });
});
