// The commands of docs/operating.md as they stand there: a backup is made while the service runs, everything is lost, and after the
// restore the same servers, tokens and images are there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { migrations } from '../../migrations/index.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { schemaState } from '../../src/db/upgrade.ts';
import { insertDeleted } from '../support/deleted.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { type Service, startService } from '../support/serve.ts';

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
const [tight = ''] = blocks('How much of a host is given away');

interface Shown {
  readonly id: string;
}

/** As it is shown, an image with data. */
async function keptImage(service: Service): Promise<Shown> {
  const image = { name: 'kept', disk_format: 'raw', container_format: 'bare' };
  const { id } = (await service.request('xloud', 'POST', '/image/v2/images', image)).body;
  const file = await service.request('xloud', 'PUT', `/image/v2/images/${id}/file`, Buffer.alloc(1024, 'kept'));
  assert.equal(file.status, 204);
  return (await service.request('xloud', 'GET', `/image/v2/images/${id}`)).body;
}

/** By the token of before, so the key that signed it is the same, too. */
async function assertKept(service: Service, shown: Shown): Promise<void> {
  const path = `/image/v2/images/${shown.id}`;
  assert.deepEqual(await service.request('xloud', 'GET', path), { status: 200, body: shown });
  assert.equal((await service.request('xloud', 'GET', `${path}/file`)).body, 'kept'.repeat(256));
}

describe('the page on operating', () => {
  it('has no commands that are not tried here', () => {
    const all = [...PAGE.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block);
    assert.deepEqual(all, [backupSqlite, backupMariadb, restoreSqlite, restoreMariadb, vacuum, purge, doctor, tight]);
  });

  describe('with SQLite', () => {
    let service: Service;
    let env: { DATA: string; BACKUP: string; XLOUD_COMPUTE__DRIVER: string; XLOUD_API__PORT: string };
    let shown: Shown;
    before(async () => {
      service = await startService({ driver: 'fake' });
      env = {
        DATA: service.dataDir,
        BACKUP: join(service.dataDir, '..', 'backup'),
        XLOUD_COMPUTE__DRIVER: 'fake',
        XLOUD_API__PORT: new URL(service.url).port,
      };
      shown = await keptImage(service);
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
      const newest = migrations.at(-1)?.name;
      rmSync(env.DATA, { recursive: true });
      assert.equal(type(restoreSqlite, env), `version: ${newest}\n`);
      // what the service gives it, so that QEMU comes through
      assert.equal(statSync(env.DATA).mode & 0o777, 0o711);
      await service.start();
      await assertKept(service, shown);
    });

    it('an aggregate says how much of its hosts is given away', async () => {
      const client = { OS_CLIENT_CONFIG_FILE: join(env.DATA, 'clouds.yaml'), OS_CLOUD: 'xloud' };
      const list = await service.request('xloud', 'GET', '/compute/v2.1/os-hypervisors');
      const { hypervisor_hostname: HOST } = list.body.hypervisors[0];
      type(tight, { ...client, HOST });
      const database = openDatabase(`sqlite://${join(env.DATA, 'xloud.db')}`);
      const said = await database
        .read('hosts')
        .select('cpu_allocation_ratio', 'reserved_memory_mb')
        .where('host', HOST);
      await database.close();
      assert.deepEqual(said, [{ cpu_allocation_ratio: 1.5, reserved_memory_mb: 2048 }]);
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

  it('with MariaDB, a dump and what lies beside it bring everything back', async () => {
    const database = await freshMariadb();
    const service = await startService({ driver: 'fake', env: { XLOUD_DATABASE__CONNECTION: database.url } });
    try {
      const home = join(service.dataDir, '..');
      const socket = new URL(database.url).searchParams.get('socketPath') as string;
      // where an operator says which server is meant
      writeFileSync(join(home, '.my.cnf'), `[client]\nsocket=${socket}\nuser=root\n`);
      const env = {
        ...{ HOME: home, DATA: service.dataDir, BACKUP: join(home, 'backup'), DB: database.name },
        ...{ XLOUD_DATABASE__CONNECTION: database.url, XLOUD_COMPUTE__DRIVER: 'fake' },
      };
      const written = { 'xloud.yaml': 'log:\n  level: info\n', 'policy.yaml': '# ours\n' };
      for (const [name, text] of Object.entries(written)) writeFileSync(join(env.DATA, name), text);
      const clouds = readFileSync(join(env.DATA, 'clouds.yaml'), 'utf8');
      const shown = await keptImage(service);
      const old = openDatabase(database.url);
      const { uuid } = await insertDeleted(old, null, { displayName: 'größer 🙂' });
      const rows = await old.read('servers').where({ uuid });
      await old.close();

      type(backupMariadb, env);
      assert.equal(statSync(env.BACKUP).mode & 0o777, 0o700);
      await service.kill('SIGTERM');
      rmSync(env.DATA, { recursive: true });
      type(`mariadb -e "DROP DATABASE $DB; CREATE DATABASE $DB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"`, env);
      assert.equal(type(restoreMariadb, env), `version: ${migrations.at(-1)?.name}\n`);
      for (const [name, text] of Object.entries({ ...written, 'clouds.yaml': clouds }))
        assert.equal(readFileSync(join(env.DATA, name), 'utf8'), text, name);
      assert.ok(!existsSync(join(env.DATA, 'xloud.sql')));

      await service.start();
      await assertKept(service, shown);
      const restored = openDatabase(database.url);
      assert.deepEqual((await schemaState(restored, migrations)).pending, []);
      assert.deepEqual(await restored.read('servers').where({ uuid }), rows);
      await restored.close();
    } finally {
      await service.close();
      await database.drop();
    }
  });
});
