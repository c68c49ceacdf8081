// Why: Nova's databases differ from release to release. What is asked of one is what its tables have, and it is asked in pages.

import { badRequest } from '../../base/errors.ts';
import type { NovaRow } from '../../domain/moving/nova-rows.ts';
import { type Database, openToLook, type Reader } from '../engine.ts';

/** The address of a database as Nova writes it, or as we do. @throws badRequest, without the address: a password is in it */
export function novaUrl(text: string, what: string): string {
  if (text.startsWith('sqlite:///')) return text;
  const problem = badRequest(
    `${what}: mysql://user:password@host:port/name of MySQL or MariaDB is wanted, with / @ # % in user and password as %2F %40 %23 %25`,
  );
  if (!/^(mysql|mariadb)(\+\w+)?:\/\//.test(text)) throw problem;
  let url: URL;
  try {
    url = new URL(text.replace(/^\w+(\+\w+)?:/, 'mysql:'));
  } catch {
    throw problem;
  }
  // without a word it would go over the network as plain text
  if ([...url.searchParams.keys()].some((name) => name.startsWith('ssl')))
    throw badRequest(
      `${what}: TLS to the database (ssl_…) is not spoken here: name its address without, and a network to trust`,
    );
  const socket = url.searchParams.get('unix_socket') ?? url.searchParams.get('socketPath');
  url.search = '';
  if (socket !== null) url.searchParams.set('socketPath', socket);
  return url.href;
}

export interface NovaDatabase {
  readonly database: Database;
  /** Those of these columns that a table has; none where there is no such table. */
  columns(table: string, wanted: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

export function openNova(text: string, what: string): NovaDatabase {
  const database = openToLook(novaUrl(text, what));
  const known = new Map<string, Promise<ReadonlySet<string>>>();
  const columnsOf = (table: string): Promise<ReadonlySet<string>> => {
    let found = known.get(table);
    if (found === undefined) {
      found = Promise.resolve(database.read(table).columnInfo()).then((columns) => new Set(Object.keys(columns)));
      known.set(table, found);
    }
    return found;
  };
  return {
    database,
    async columns(table, wanted) {
      const there = await columnsOf(table);
      return wanted.filter((column) => there.has(column));
    },
    close: () => database.close(),
  };
}

/** Which rows of a table. */
export interface RowsWanted {
  readonly where?: Readonly<Record<string, string | number | null>>;
  readonly among?: readonly [column: string, values: readonly (string | number)[]];
  readonly reader?: Reader;
}

/** Values that stand in one statement. */
const AMONG = 200;

/** The rows that are not deleted, as far as the table knows of deletion, with the columns that it has. */
export async function novaRows(
  nova: NovaDatabase,
  table: string,
  wanted: readonly string[],
  { where = {}, among, reader = nova.database.read }: RowsWanted = {},
): Promise<readonly NovaRow[]> {
  const columns = await nova.columns(table, [...wanted, 'deleted', 'id']);
  if (columns.length === 0) return [];
  const ask = async (values: readonly (string | number)[] | null): Promise<NovaRow[]> => {
    const query = reader(table)
      .select([...columns])
      .where(where);
    if (columns.includes('deleted')) void query.where({ deleted: 0 });
    if (columns.includes('id')) void query.orderBy('id');
    if (values !== null && among !== undefined) void query.whereIn(among[0], [...values]);
    return query;
  };
  if (among === undefined) return ask(null);
  const found: NovaRow[] = [];
  for (let at = 0; at < among[1].length; at += AMONG) found.push(...(await ask(among[1].slice(at, at + AMONG))));
  return found;
}

/** The same in the order of their numbers, page by page. */
export async function* novaPages(
  nova: NovaDatabase,
  table: string,
  wanted: readonly string[],
  size: number,
): AsyncGenerator<readonly NovaRow[]> {
  const columns = await nova.columns(table, [...wanted, 'deleted', 'id']);
  if (!columns.includes('id')) return;
  for (let last = 0; ; ) {
    const query = nova.database
      .read(table)
      .select([...columns])
      .where('id', '>', last);
    if (columns.includes('deleted')) void query.where({ deleted: 0 });
    const rows = (await query.orderBy('id').limit(size)) as NovaRow[];
    if (rows.length > 0) yield rows;
    if (rows.length < size) return;
    last = Number(rows.at(-1)?.['id']);
  }
}
