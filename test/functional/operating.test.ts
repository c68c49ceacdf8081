// The commands of docs/operating.md as they stand there: a backup is made while the service runs, everything is lost, and after the
// restore the same servers, tokens and images are there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { migrations } from '../../migrations/index.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { schemaState, upgradeSchema } from '../../src/db/migrate.ts';
import { insertDeleted } from '../support/deleted.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { type Service, startService } from '../support/serve.ts';
import { scratchDir } from '../support/scratch.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = readFileSync(join(ROOT, 'docs', 'operating.md'), 'utf8');

/** The blocks of commands below a heading, in their order. */
function blocks(heading: string): string[] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
}

/** Runs what an operator would type, in the checkout; throws where it fails. */
const type = (block: string, env: Readonly<Record<string, string>>): string =>
  execFileSync('bash', ['-euo', 'pipefail', '-c', block], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });

const [backupSqlite = '', backupMariadb = ''] = blocks('Backup');
const [restoreSqlite = '', restoreMariadb = ''] = blocks('Restore');
const [vacuum = ''] = blocks('Upgrade and rollback');
const [purge = ''] = blocks('Purge and retention');
const [doctor = ''] = blocks('When something is wrong');

describe('the page on operating', () => {
  it('has no commands that are not tried here', () => {
    const all = [...PAGE.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block);
    assert.deepEqual(all, [backupSqlite, backupMariadb, restoreSqlite, restoreMariadb, vacuum, purge, doctor]);
  });

  describe('with SQLite', () => {
    let service: Service;
    let env: { DATA: string; BACKUP: string; XLOUD_COMPUTE__DRIVER: string; XLOUD_API__PORT: string };
    let shown: unknown;
    before(async () => {
      service = await startService({ driver: 'fake' });
      env = {
        DATA: service.dataDir,
        BACKUP: join(service.dataDir, '..', 'backup'),
        XLOUD_COMPUTE__DRIVER: 'fake',
        XLOUD_API__PORT: new URL(service.url).port,
      };
      const image = { name: 'kept', disk_format: 'raw', container_format: 'bare' };
      const { body } = await service.request('xloud', 'POST', '/image/v2/images', image);
      const file = `/image/v2/images/${body.id}/file`;
      const type = { 'Content-Type': 'application/octet-stream' };
      await service.request('xloud', 'PUT', file, Buffer.alloc(1024), type);
      shown = (await service.request('xloud', 'GET', `/image/v2/images/${body.id}`)).body;
    });
    after(() => service.close());

    it('a backup is made while the service runs, for its owner alone', () => {
      assert.equal(type(backupSqlite, env), 'ok\n');
      assert.equal(statSync(env.BACKUP).mode & 0o777, 0o700);
      assert.equal(statSync(join(env.BACKUP, 'xloud.db')).mode & 0o777, 0o600);
    });

    it('a restore brings back what was lost', async () => {
      await service.kill('SIGTERM');
      await service.ended(10_000);
      for (const name of readdirSync(env.DATA)) rmSync(join(env.DATA, name), { recursive: true });
      const newest = migrations.at(-1)?.name;
      assert.equal(type(restoreSqlite, env), `version: ${newest}\n`);
      chmodSync(env.DATA, 0o711);
      await service.start();
      const { id } = shown as { id: string };
      assert.deepEqual((await service.request('xloud', 'GET', `/image/v2/images/${id}`)).body, shown);
      assert.ok(existsSync(join(env.DATA, 'images', id)));
    });

    it('a purge and a doctor run beside the service, and the file shrinks when it is stopped', async () => {
      const database = openDatabase(`sqlite://${join(env.DATA, 'xloud.db')}`);
      const userData = 'x'.repeat(60_000);
      for (let n = 0; n < 30; n += 1) await insertDeleted(database, 1_700_000_000_000, { userData });
      await database.close();
      assert.match(
        type(purge, env),
        /rows to remove\nservers +30\ntotal +30\ntable +rows removed\nservers +30\ntotal +30\n$/,
      );
      assert.match(type(doctor, env), /\n0 problems, 0 warnings\n$/);
      await service.kill('SIGTERM');
      await service.ended(10_000);
      const size = () => statSync(join(env.DATA, 'xloud.db')).size;
      const before = size();
      type(vacuum, env);
      assert.ok(size() < before - 30 * 60_000, `${before} to ${size()} bytes`);
    });
  });

  it('with MariaDB, a dump brings everything back', async () => {
    const directory = mkdtempSync(join(scratchDir(), 'xloud-backup-'));
    const [from, to] = [await freshMariadb(), await freshMariadb()];
    const nameOf = (url: string) => new URL(url).pathname.slice(1);
    const socket = new URL(from.url).searchParams.get('socketPath') as string;
    // where an operator says which server is meant
    writeFileSync(join(directory, '.my.cnf'), `[client]\nsocket=${socket}\nuser=root\n`);
    const env = { HOME: directory, BACKUP: join(directory, 'backup') };
    const old = openDatabase(from.url);
    await upgradeSchema(old, migrations);
    const { uuid } = await insertDeleted(old, null, { displayName: 'größer 🙂' });
    type(backupMariadb, { ...env, DB: nameOf(from.url) });
    type(restoreMariadb, { ...env, DB: nameOf(to.url) });
    const restored = openDatabase(to.url);
    assert.deepEqual((await schemaState(restored, migrations)).pending, []);
    const rows = await restored.read('servers').where({ uuid });
    assert.deepEqual(rows, await old.read('servers').where({ uuid }));
    await old.close();
    await restored.close();
    await from.drop();
    await to.drop();
    rmSync(directory, { recursive: true });
  });
});
