import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { migrations } from '../../migrations/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { checkSchema, schemaState, upgradeSchema } from '../../src/db/upgrade.ts';
import { loadConfig } from '../../src/main/config.ts';
import { serve } from '../../src/main/serve.ts';
import { emptyDatabase, engines } from '../support/database.ts';
import { recordAs } from '../support/old-data.ts';
import { schemaFacts } from '../support/schema-facts.ts';

const names = migrations.map((migration) => migration.name);
const steps = migrations[0]?.replaces ?? [];
/** As those steps made it. */
const factsOfThatDay = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'schema-2026-11-29.json'), 'utf8'),
) as Record<string, unknown>;

for (const engine of engines) {
  describe(`the schema on ${engine}`, () => {
    it('comes from nothing, once', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      assert.deepEqual(await schemaState(database, migrations), {
        ...{ applied: [], pending: names, unknown: [], tooOld: [] },
      });
      assert.deepEqual(await upgradeSchema(database, migrations), names);
      assert.deepEqual(await upgradeSchema(database, migrations), []);
      assert.deepEqual(await schemaState(database, migrations), {
        ...{ applied: names, pending: [], unknown: [], tooOld: [] },
      });
    });

    it('began as it was in the steps that it stands in for', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      await upgradeSchema(database, migrations.slice(0, 1));
      assert.deepEqual(await schemaFacts(database), factsOfThatDay[engine]);
    });

    it('goes on from those steps', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      await upgradeSchema(database, migrations.slice(0, 1));
      await recordAs(database, steps);
      assert.deepEqual(await upgradeSchema(database, migrations), names.slice(1));
      assert.deepEqual((await schemaState(database, migrations)).pending, []);
    });

    it('is refused when it has only some of those steps', async (t) => {
      const store = await emptyDatabase(engine);
      const { database } = store;
      t.after(() => store.close());
      await upgradeSchema(database, migrations.slice(0, 1));
      await recordAs(database, steps.slice(0, -1));
      const refused = { message: /too old for this program \(missing 0030_reservations\)/ };
      await assert.rejects(upgradeSchema(database, migrations), refused);
      await assert.rejects(checkSchema(database, migrations), refused);
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
