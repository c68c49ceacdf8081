// Why: the schema has a version; a program that meets a newer one than it knows must not touch it.

import type { Knex } from 'knex';
import { conflict, Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Database } from './engine.ts';
import { tx } from './tx.ts';

export interface Migration {
  readonly name: string;
  /** Those that it stands in for: a database to which all of them were applied has it, and one that has only some is too old for it. */
  readonly replaces?: readonly string[];
  /** Run again after it was ended anywhere, it goes on: changes of the schema by migrations/statements.ts, data so that twice is once. */
  up(knex: Knex): Promise<void>;
}

const TABLE = 'schema_migrations';

/** The names of the applied migrations, oldest first; empty for a fresh database. */
async function appliedMigrations(database: Database): Promise<string[]> {
  if (!(await database.read.schema.hasTable(TABLE))) return [];
  const rows: { name: string }[] = await database.read(TABLE).select('name').orderBy('id');
  return rows.map((row) => row.name);
}

export interface SchemaState {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied, but unknown to this program: the database belongs to a newer one. */
  readonly unknown: readonly string[];
  /** Steps that this program no longer has, and that the database lacks, of those that one of its migrations stands in for. */
  readonly tooOld: readonly string[];
}

export async function schemaState(database: Database, migrations: readonly Migration[]): Promise<SchemaState> {
  const applied = await appliedMigrations(database);
  const has = new Set(applied);
  const known = new Set(migrations.flatMap(({ name, replaces = [] }) => [name, ...replaces]));
  return {
    applied,
    pending: migrations.filter((migration) => !isApplied(migration, has)).map(({ name }) => name),
    unknown: applied.filter((name) => !known.has(name)),
    tooOld: migrations.flatMap((migration) => missingOf(migration, has)),
  };
}

const isApplied = ({ name, replaces }: Migration, applied: ReadonlySet<string>): boolean =>
  applied.has(name) || (replaces?.every((one) => applied.has(one)) ?? false);

/** Of what a migration stands in for, what a database lacks that has some of it. */
function missingOf(migration: Migration, applied: ReadonlySet<string>): readonly string[] {
  const { replaces = [] } = migration;
  if (isApplied(migration, applied) || !replaces.some((one) => applied.has(one))) return [];
  return replaces.filter((one) => !applied.has(one));
}

/** A database that this program must not touch. */
function refuseOthers({ unknown, tooOld }: SchemaState): void {
  if (tooOld.length > 0) {
    throw new Fault(
      'internal',
      `the database's schema is too old for this program (missing ${tooOld.join(', ')}): start a release from November 2026 once, it brings it on`,
    );
  }
  if (unknown.length === 0) return;
  throw new Fault(
    'internal',
    `the database's schema is newer than this program: it has ${unknown.join(', ')}. Start the newer program.`,
  );
}

async function record(trx: Knex.Transaction, { name }: Migration): Promise<number> {
  const [id] = (await trx(TABLE).insert({ name, batch: 1, migration_time: new Date() })) as [number];
  return id;
}

async function makeTable(trx: Knex.Transaction): Promise<void> {
  if (await trx.schema.hasTable(TABLE)) return;
  await trx.schema.createTable(TABLE, (t) => {
    t.increments('id');
    t.string('name');
    t.integer('batch');
    t.timestamp('migration_time');
  });
}

/** On SQLite a migration and its record are one transaction, which is also the lock. */
async function applyOnSqlite(database: Database, migration: Migration): Promise<boolean> {
  return database.write.transaction(async (trx) => {
    // written first: whoever comes second waits here
    const id = await record(trx, migration);
    const other: unknown = await trx(TABLE).where({ name: migration.name }).whereNot({ id }).first('id');
    if (other !== undefined) {
      await trx(TABLE).where({ id }).delete();
      return false;
    }
    await migration.up(trx);
    return true;
  });
}

/** Who holds the lock, in the server's words. */
async function holderOf(trx: Knex.Transaction): Promise<string> {
  const [[row]] = (await trx.raw(
    `select id, user, host from information_schema.processlist where id = is_used_lock(${LOCK})`,
  )) as [{ id: number; user: string; host: string }[]];
  return row === undefined ? 'nobody any more' : `connection ${row.id} of ${row.user} from ${row.host}`;
}

// one for each database of a server
const LOCK = `concat('xloud.schema.', sha1(database()))`;

async function takeLock(trx: Knex.Transaction, waitMs: number): Promise<void> {
  const [[{ taken }]] = (await trx.raw(`select get_lock(${LOCK}, ?) as taken`, [waitMs / 1000])) as [
    [{ taken: number | null }],
  ];
  if (taken === 1) return;
  const holder = await holderOf(trx);
  throw conflict(
    `the database's schema is being made or upgraded by another process (${holder}): wait for it, or end it`,
  );
}

/**
 * MySQL commits each change of a schema by itself, so that the connection, not a transaction, holds the lock: it ends with the
 * process, however that ends, and what it did half is done again (migrations/statements.ts).
 */
async function applyOnMysql(database: Database, migrations: readonly Migration[], waitMs: number): Promise<string[]> {
  return database.write.transaction(async (trx) => {
    try {
      await takeLock(trx, waitMs);
      await makeTable(trx);
      const known: { name: string }[] = await trx(TABLE).select('name');
      const missing = migrations.filter(({ name }) => !known.some((one) => one.name === name));
      for (const migration of missing) {
        await migration.up(trx);
        await record(trx, migration);
      }
      return missing.map(({ name }) => name);
    } finally {
      // the connection goes back to its pool; without the lock nothing happens
      await trx.raw(`select release_lock(${LOCK})`).catch(() => undefined);
    }
  });
}

/**
 * Applies what is missing and returns the names applied. Refuses a newer schema. Ended anywhere, it goes on there when it is
 * called again. Throws a conflict that names the holder when another process has been at it for `waitMs`.
 */
export async function upgradeSchema(
  database: Database,
  migrations: readonly Migration[],
  waitMs: number = limits.schemaLockMs,
): Promise<string[]> {
  const state = await schemaState(database, migrations);
  refuseOthers(state);
  if (state.pending.length === 0) return [];
  const pending = migrations.filter(({ name }) => state.pending.includes(name));
  if (database.engine === 'mysql') return applyOnMysql(database, pending, waitMs);
  await tx(database, makeTable);
  const done: string[] = [];
  for (const migration of pending) if (await applyOnSqlite(database, migration)) done.push(migration.name);
  return done;
}

/** Throws unless the schema is exactly what this program knows: for commands that must not change it. */
export async function checkSchema(database: Database, migrations: readonly Migration[]): Promise<void> {
  const state = await schemaState(database, migrations);
  refuseOthers(state);
  if (state.pending.length > 0) {
    throw new Fault(
      'internal',
      `the database's schema is older than this program (missing ${state.pending.join(', ')}): run \`xloud db upgrade\``,
    );
  }
}
