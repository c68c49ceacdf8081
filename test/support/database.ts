// Why: one way to a migrated database on either engine, gone after the test.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { migrations } from '../../migrations/index.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { type Database, type EngineName, openDatabase } from '../../src/db/engine.ts';
import { upgradeSchema } from '../../src/db/upgrade.ts';
import { freshMariadb } from './mariadb.ts';
import { scratchDir } from './scratch.ts';

export const engines: readonly EngineName[] = ['sqlite', 'mysql'];

export interface TestStore {
  readonly database: Database;
  close(): Promise<void>;
}

async function openSqlite(clock: Clock, template?: string): Promise<TestStore> {
  const directory = mkdtempSync(join(scratchDir(), 'xloud-db-'));
  const file = join(directory, 'test.db');
  if (template !== undefined) copyFileSync(template, file);
  const database = openDatabase(`sqlite://${file}`, 1, clock);
  return {
    database,
    async close() {
      await database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openMysql(): Promise<TestStore & { readonly name: string }> {
  const { url, name, drop } = await freshMariadb();
  const database = openDatabase(url);
  return {
    database,
    name,
    async close() {
      await database.close();
      await drop();
    },
  };
}

/** A fresh database without any table. */
export const emptyDatabase = (engine: EngineName): Promise<TestStore> =>
  engine === 'mysql' ? openMysql() : openSqlite(systemClock);

// The schema is made once for each process; to make it anew for each of a thousand databases took minutes.

/** A file with the whole schema. */
async function sqliteTemplate(): Promise<string> {
  const directory = mkdtempSync(join(scratchDir(), 'xloud-template-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'test.db');
  const database = openDatabase(`sqlite://${file}`);
  await upgradeSchema(database, migrations);
  // its log is in the file after that
  await database.close();
  return file;
}

/** What makes the whole schema in an empty database: tables without regard to their order, then the rows that migrations wrote. */
async function mysqlTemplate(): Promise<readonly string[]> {
  const { database, name } = await openMysql();
  await upgradeSchema(database, migrations);
  const [tables] = (await database.read.raw('show tables')) as [Record<string, string>[]];
  const statements: string[] = [];
  const rows: string[] = [];
  for (const table of tables.flatMap((row) => Object.values(row))) {
    const [[made]] = (await database.read.raw('show create table ??', [table])) as [[Record<string, string>]];
    statements.push(made['Create Table'] as string);
    const some: unknown = await database.read(table).first();
    if (some !== undefined) rows.push(`insert into \`${table}\` select * from \`${name}\`.\`${table}\``);
  }
  await database.close();
  return [...statements, ...rows];
}

let sqlite: Promise<string> | null = null;
let mysql: Promise<readonly string[]> | null = null;

/** A fresh database with the whole schema; `clock` is SQLite's time. */
export async function freshDatabase(engine: EngineName, clock: Clock = systemClock): Promise<TestStore> {
  if (engine === 'sqlite') return openSqlite(clock, await (sqlite ??= sqliteTemplate()));
  const statements = await (mysql ??= mysqlTemplate());
  const store = await openMysql();
  await store.database.write.transaction(async (trx) => {
    await trx.raw('set foreign_key_checks = 0');
    for (const statement of statements) await trx.raw(statement);
    await trx.raw('set foreign_key_checks = 1');
  });
  return store;
}
