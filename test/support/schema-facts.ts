// Why: two ways to a schema are compared by what it is, not by the text that made it: columns in any order, indexes, foreign keys.

import type { Database } from '../../src/db/engine.ts';

type Row = Readonly<Record<string, unknown>>;

const sorted = (rows: readonly Row[]): string[] => rows.map((row) => JSON.stringify(Object.values(row))).toSorted();

/** SQLite counts no characters: how many a column may have is no part of it. */
async function ofSqlite({ read }: Database): Promise<Readonly<Record<string, readonly string[]>>> {
  const columns: Row[] = await read.raw(
    `select m.name as "table", c.name,
       case when c.type like 'varchar%' then 'varchar' else lower(c.type) end as type, c."notnull", c.dflt_value, c.pk
     from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%'`,
  );
  const indexes: Row[] = await read.raw(
    `select m.name as "table", i.name, i."unique", x.seqno, x.name as "column"
     from sqlite_master m join pragma_index_list(m.name) i join pragma_index_info(i.name) x where m.type = 'table' and i.origin <> 'pk'`,
  );
  const keys: Row[] = await read.raw(
    `select m.name as "table", f."from", f."table" as target, f."to", f.on_delete
     from sqlite_master m join pragma_foreign_key_list(m.name) f where m.type = 'table'`,
  );
  return { columns: sorted(columns), indexes: sorted(indexes), keys: sorted(keys) };
}

async function ofMysql({ read }: Database): Promise<Readonly<Record<string, readonly string[]>>> {
  const of = async (what: string, columns: string): Promise<string[]> => {
    const [rows] = (await read.raw(
      `select ${columns} from information_schema.${what} where table_schema = database()`,
    )) as [Row[]];
    return sorted(rows);
  };
  return {
    columns: await of('columns', 'table_name, column_name, column_type, is_nullable, column_default, collation_name'),
    indexes: await of('statistics', 'table_name, index_name, seq_in_index, column_name, non_unique'),
    keys: await of('key_column_usage', 'table_name, column_name, referenced_table_name, referenced_column_name'),
  };
}

/** Everything that a schema is. */
export const schemaFacts = (database: Database): Promise<Readonly<Record<string, readonly string[]>>> =>
  database.engine === 'sqlite' ? ofSqlite(database) : ofMysql(database);
