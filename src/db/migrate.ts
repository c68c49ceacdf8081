// Why: the schema has a version; a program that meets a newer one than it knows must not touch it.

import type { Knex } from 'knex';
import { Fault } from '../base/errors.ts';
import type { Database } from './engine.ts';

export interface Migration {
  readonly name: string;
  up(knex: Knex): Promise<void>;
}

const sourceOf = (migrations: readonly Migration[]): Knex.MigrationSource<Migration> => ({
  getMigrations: async () => [...migrations],
  getMigrationName: (migration) => migration.name,
  getMigration: async (migration) => ({ up: (knex) => migration.up(knex), down: async () => {} }),
});

const TABLE = 'schema_migrations';

/** The names of the applied migrations, oldest first; empty for a fresh database. */
async function appliedMigrations(database: Database): Promise<string[]> {
  if (!(await database.write.schema.hasTable(TABLE))) return [];
  const rows: { name: string }[] = await database.write(TABLE).select('name').orderBy('id');
  return rows.map((row) => row.name);
}

export interface SchemaState {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied, but unknown to this program: the database belongs to a newer one. */
  readonly unknown: readonly string[];
}

export async function schemaState(database: Database, migrations: readonly Migration[]): Promise<SchemaState> {
  const applied = await appliedMigrations(database);
  const known = migrations.map((migration) => migration.name);
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  };
}

function refuseNewer(state: SchemaState): void {
  if (state.unknown.length === 0) return;
  throw new Fault(
    'internal',
    `the database's schema is newer than this program: it has ${state.unknown.join(', ')}. Start the newer program.`,
  );
}

/** Applies what is missing and returns the names applied. Refuses a newer schema. */
export async function upgradeSchema(database: Database, migrations: readonly Migration[]): Promise<string[]> {
  refuseNewer(await schemaState(database, migrations));
  const [, done] = (await database.write.migrate.latest({
    migrationSource: sourceOf(migrations),
    tableName: TABLE,
  })) as [number, string[]];
  return done;
}

/** Throws unless the schema is exactly what this program knows. */
export async function checkSchema(database: Database, migrations: readonly Migration[]): Promise<void> {
  const state = await schemaState(database, migrations);
  refuseNewer(state);
  if (state.pending.length > 0) {
    throw new Fault(
      'internal',
      `the database's schema is older than this program (missing ${state.pending.join(', ')}): run \`xloud db upgrade\``,
    );
  }
}
