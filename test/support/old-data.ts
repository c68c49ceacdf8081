// Why: an installation of an earlier day, as tools/old-data.ts kept it, on either engine.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrations } from '../../migrations/index.ts';
import { type Database, openDatabase } from '../../src/db/engine.ts';
import { upgradeSchema } from '../../src/db/upgrade.ts';
import { type FakeGuest, type FakeStore, memoryStore } from '../../src/virt/fake/store.ts';

const FOLDER = join(import.meta.dirname, '..', 'fixtures');

export interface OldData {
  readonly imageId: string;
  /** Rows by table, as the program of that day wrote them. */
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  /** What the fake hypervisors had, by host. */
  readonly guests: Readonly<
    Record<string, { readonly guests: readonly FakeGuest[]; readonly aside: readonly FakeGuest[] }>
  >;
}

/** The days of which there is data, with where it stands. */
export const oldDays = (): readonly string[] =>
  readdirSync(FOLDER).flatMap((name) => /^data-(.+)\.json$/.exec(name)?.[1] ?? []);

export const readOldData = (day: string): OldData =>
  JSON.parse(readFileSync(join(FOLDER, `data-${day}.json`), 'utf8')) as OldData;

async function insertAll(database: Database, tables: OldData['tables']): Promise<void> {
  const off = database.engine === 'mysql' ? 'set foreign_key_checks = 0' : 'pragma defer_foreign_keys = on';
  await database.write.transaction(async (trx) => {
    await trx.raw(off);
    for (const [name, rows] of Object.entries(tables)) {
      if (name === 'schema_migrations') continue;
      for (const row of rows) await trx(name).insert(row);
    }
  });
}

/** Writes down that these were applied, and nothing else: as the program of that day did. */
export async function recordAs(database: Database, names: readonly string[]): Promise<void> {
  await database.write('schema_migrations').delete();
  for (const name of names) {
    await database.write('schema_migrations').insert({ name, batch: 1, migration_time: new Date() });
  }
}

/** Fills an empty database with the schema and the rows of that day. */
export async function restoreOldData(url: string, { tables }: OldData): Promise<void> {
  const database = openDatabase(url, 1);
  const applied = new Set((tables['schema_migrations'] ?? []).map(({ name }) => name));
  const done = migrations.filter(
    ({ name, replaces }) => applied.has(name) || replaces?.every((one) => applied.has(one)),
  );
  await upgradeSchema(database, done);
  await recordAs(database, [...applied].map(String));
  await insertAll(database, tables);
  await database.close();
}

/** The hypervisor of a host, with its guests of that day. */
export function oldStore({ guests }: OldData, host: string): FakeStore {
  const store = memoryStore();
  for (const guest of guests[host]?.guests ?? []) store.put(guest);
  for (const guest of guests[host]?.aside ?? []) store.aside.put(guest);
  return store;
}
