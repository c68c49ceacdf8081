// Why: MySQL and MariaDB commit every change of the schema by itself, so that a process that is killed leaves a migration half
// done. Changes go through these, which run again do nothing: the next start goes on where the last one ended.

import type { Knex } from 'knex';

/** What the server answers when a change was made already. */
const ALREADY: ReadonlySet<string> = new Set([
  'ER_TABLE_EXISTS_ERROR',
  'ER_BAD_TABLE_ERROR',
  'ER_DUP_FIELDNAME',
  'ER_DUP_KEYNAME',
  'ER_MULTIPLE_PRI_KEY',
  'ER_FK_DUP_NAME',
]);

function isAlready(error: unknown): boolean {
  const { code, sqlMessage } = error as { code?: string; sqlMessage?: string };
  // MariaDB has no name for a foreign key that is there
  return ALREADY.has(code ?? '') || (code === 'ER_CANT_CREATE_TABLE' && /errno: 121\b/.test(sqlMessage ?? ''));
}

const isMysql = (knex: Knex): boolean => knex.client.config.client === 'mysql2';

async function run(knex: Knex, change: Knex.SchemaBuilder): Promise<void> {
  // SQLite has the whole migration in one transaction
  if (!isMysql(knex)) return change;
  for (const { sql, bindings } of change.toSQL() as unknown as { sql: string; bindings?: Knex.RawBinding[] }[]) {
    try {
      await knex.raw(sql, bindings ?? []);
    } catch (error) {
      if (!isAlready(error)) throw error;
    }
  }
}

/** Makes a table, with the character set and comparison that make MySQL behave as SQLite does. */
export const table = (knex: Knex, name: string, build: (t: Knex.CreateTableBuilder) => void): Promise<void> =>
  run(
    knex,
    knex.schema.createTable(name, (t) => {
      if (isMysql(knex)) {
        t.engine('InnoDB');
        t.charset('utf8mb4');
        t.collate('utf8mb4_bin');
      }
      build(t);
    }),
  );

/** Changes a table: columns and indexes that are added. */
export const change = (knex: Knex, name: string, build: (t: Knex.AlterTableBuilder) => void): Promise<void> =>
  run(knex, knex.schema.alterTable(name, build));

export const dropTable = (knex: Knex, name: string): Promise<void> => run(knex, knex.schema.dropTable(name));
