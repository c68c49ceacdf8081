// The first start may be ended anywhere: the next one goes on, and somebody can log in.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { loadConfig } from '../../../src/main/config.ts';
import { type OpenedIdentity, openIdentity } from '../../../src/main/identity.ts';
import { makePolicy } from '../../../src/policies/load.ts';
import { readCloudsYaml } from '../../../src/standalone/identity/clouds-yaml.ts';
import { engines, freshDatabase } from '../../support/database.ts';
import { scratchDir } from '../../support/scratch.ts';

for (const engine of engines) {
  describe(`a first start on ${engine}`, () => {
    it('that is ended while it makes the users is carried on by the next', async (t) => {
      const store = await freshDatabase(engine);
      const { database } = store;
      const dataDir = mkdtempSync(join(scratchDir(), 'xloud-first-'));
      t.after(async () => {
        await store.close();
        rmSync(dataDir, { recursive: true });
      });
      const path = join(dataDir, 'clouds.yaml');
      const open = (): Promise<OpenedIdentity> =>
        openIdentity({
          config: loadConfig({}),
          dataDir,
          url: 'http://127.0.0.1:1/identity',
          database,
          clock: systemClock,
          log: silentLog,
          policy: makePolicy({ log: silentLog, clock: systemClock }),
          observer: { answered() {} },
        });
      const users = () => database.read('identity_users').select('id');
      // as a kill would: the transaction ends, what stands in files stays
      const end = ({ sql }: { sql: string }): void => {
        if (!/^insert into .identity_users/.test(sql)) return;
        assert.ok(existsSync(path), 'users are made whose passwords stand nowhere');
        throw new Error('ended here');
      };
      database.write.client.on('query', end);
      await assert.rejects(open(), { message: 'ended here' });
      database.write.client.removeListener('query', end);
      assert.deepEqual(await users(), []);
      const told = await readCloudsYaml(path);
      const opened = await open();
      assert.deepEqual(await readCloudsYaml(path), told);
      assert.equal((await users()).length, 2);
      await opened.service.close();
      // and the one after that
      await (await open()).service.close();
      assert.match(await readFile(path, 'utf8'), new RegExp(told?.admin ?? 'nobody'));
    });
  });
}
