// Why: two engines, one way to reach them. Readers and the writer are separate handles: on SQLite they are two connections
// (WAL lets reads go on beside a transaction), on MySQL two names for one pool.

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import knexModule, { type Knex } from 'knex';
import { type Clock, systemClock } from '../base/clock.ts';
import { Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { sharedJson } from './codec.ts';
import { FairSqlite } from './fair-sqlite.ts';
import { makeRegexpFunction } from './regexp.ts';

const knex = knexModule.default ?? knexModule;

export type EngineName = 'sqlite' | 'mysql';

/** What reading functions take: the reading handle, or a transaction that wants to see its own writes. */
export type Reader = Knex | Knex.Transaction;

/** Whether a handle or a transaction is of MySQL or MariaDB. */
export const isMysql = (reader: Reader): boolean => (reader.client as Knex.Client).config.client === 'mysql2';

export interface Database {
  readonly engine: EngineName;
  /** Reads only. On SQLite the connection is opened `query_only`. */
  readonly read: Knex;
  /** For `tx()` and migrations alone. Never use it inside a transaction: SQLite has one writer connection. */
  readonly write: Knex;
  /** How many connections for writing are in use, idle, and waited for. */
  pool(): PoolUse;
  close(): Promise<void>;
}

export interface PoolUse {
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

interface Pool {
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
}

const poolUse = (handle: Knex): PoolUse => {
  const pool = handle.client.pool as Pool;
  return { used: pool.numUsed(), idle: pool.numFree(), waiting: pool.numPendingAcquires() };
};

type SqliteConnection = Sqlite.Database;

/** What every connection to a SQLite file is told. */
function prepareConnection(connection: SqliteConnection, readOnly: boolean, clock: Clock): void {
  connection.pragma(`busy_timeout = ${limits.sqliteWaitMs}`);
  connection.pragma('journal_mode = WAL');
  // NORMAL in WAL mode loses nothing when the process dies; a power cut may lose the last commits, never consistency.
  connection.pragma('synchronous = NORMAL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('cache_size = -16000');
  // what is removed is overwritten: it held user data, keys and tokens
  connection.pragma('secure_delete = ON');
  connection.function('regexp', { deterministic: true }, makeRegexpFunction());
  // SQLite's own knows the letters of ASCII alone
  connection.function('lower', { deterministic: true }, (text: unknown) =>
    typeof text === 'string' ? text.toLowerCase() : text,
  );
  // what `host-changes.ts` calls the database's time: one engine, one machine, one clock
  connection.function('now_us', () => clock.now() * 1_000);
  if (readOnly) connection.pragma('query_only = ON');
}

type MysqlConnection = { query(text: string, done: (error: unknown) => void): unknown };

/** What goes wrong is thrown to whoever asked; knex would print it too, among what a command says. */
const silent = { warn() {}, error() {}, deprecate() {}, debug() {} };

/** Statements kept prepared for each SQLite connection; more than there are texts in the program. */
const STATEMENTS = 200;

/** Has a connection keep what it prepared: knex asks for the same few texts, each time anew. */
function keepStatements(connection: SqliteConnection): void {
  const kept = new Map<string, Sqlite.Statement>();
  const prepare = connection.prepare.bind(connection) as (sql: string) => Sqlite.Statement;
  connection.prepare = ((sql: string): Sqlite.Statement => {
    const known = kept.get(sql);
    if (known !== undefined) return known;
    const made = prepare(sql);
    if (kept.size >= STATEMENTS) kept.clear();
    kept.set(sql, made);
    return made;
  }) as typeof connection.prepare;
}

function sqlite(path: string, readOnly: boolean, clock: Clock, options: Readonly<Record<string, unknown>> = {}): Knex {
  return knex({
    client: FairSqlite,
    compileSqlOnError: false,
    log: silent,
    connection: { filename: path, options },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      afterCreate: (connection: SqliteConnection, done: (error: null, c: SqliteConnection) => void) => {
        prepareConnection(connection, readOnly, clock);
        // it waits by itself, without holding this thread
        connection.pragma('busy_timeout = 0');
        keepStatements(connection);
        done(null, connection);
      },
    },
  });
}

export type Row = Readonly<Record<string, unknown>>;
export type Binding = string | number | null;

/** A SQLite connection that keeps its statements: a read costs a tenth of one that knex builds, pools and prepares anew. */
class PreparedReads {
  readonly #connection: SqliteConnection;
  readonly #statements = new Map<string, Sqlite.Statement>();
  #version: Sqlite.Statement | null = null;

  constructor(path: string, clock: Clock) {
    this.#connection = new Sqlite(path);
    prepareConnection(this.#connection, true, clock);
  }

  rows(sql: string, bindings: readonly Binding[]): Row[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= STATEMENTS) this.#statements.clear();
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...bindings) as Row[];
  }

  /** A number that is another one as soon as any other connection, of this process or another, has committed. */
  version(): number {
    this.#version ??= this.#connection.prepare('pragma data_version').pluck();
    return this.#version.get() as number;
  }

  close(): void {
    this.#connection.close();
  }
}

const preparedReads = new WeakMap<Reader, PreparedReads>();

const snapshots = new WeakMap<Reader, ReturnType<typeof sharedJson>>();

/** The reader of JSON columns that belongs to a handle: what many rows share is parsed once for all requests. */
export function snapshotsOf(reader: Reader): ReturnType<typeof sharedJson> {
  let parse = snapshots.get(reader);
  if (parse === undefined) snapshots.set(reader, (parse = sharedJson(limits.parsedSnapshots)));
  return parse;
}

/** What was derived from the rows as they are now, by a key of whoever derived it. */
export type Kept = Map<string, unknown>;

const keptOf = new WeakMap<Reader, { version: number; kept: Kept }>();

/**
 * A map that lives until somebody commits: what is put into it was true of the database when the map was asked for, and is
 * true of it for as long as the same map is given. Null where the engine cannot tell cheaply (MySQL).
 */
export function keptReads(reader: Reader): Kept | null {
  const prepared = preparedReads.get(reader);
  if (prepared === undefined) return null;
  const version = prepared.version();
  const known = keptOf.get(reader);
  if (known?.version === version) return known.kept;
  const kept: Kept = new Map();
  keptOf.set(reader, { version, kept });
  return kept;
}

/**
 * The rows of a query whose text is written out, for the reads that every request makes: on SQLite's reading handle by a
 * prepared statement, everywhere else through knex. Values only ever as bindings (`?`).
 */
export async function readRows(reader: Reader, sql: string, bindings: readonly Binding[] = []): Promise<Row[]> {
  const prepared = preparedReads.get(reader);
  if (prepared !== undefined) return prepared.rows(sql, bindings);
  const result: unknown = await reader.raw(sql, bindings as Binding[]);
  // mysql2 answers with the rows and a description of the columns
  return (Array.isArray((result as unknown[])[0]) ? (result as [Row[]])[0] : result) as Row[];
}

/**
 * As `readRows`, for a query that knex builds because its form depends on what is asked: on SQLite's reading handle its text
 * is prepared once and kept, which spares more than half of its cost.
 */
export async function readQuery(reader: Reader, query: Knex.QueryBuilder): Promise<Row[]> {
  const prepared = preparedReads.get(reader);
  if (prepared === undefined) return (await query) as Row[];
  const { sql, bindings } = query.toSQL().toNative();
  return prepared.rows(sql, bindings as readonly Binding[]);
}

/**
 * A condition that a column is among numbers: one text however many they are, where the engine has a form for that.
 * Elsewhere they stand in the text: they are ours, and binding a thousand of them costs more than the query.
 */
export function amongNumbers(
  reader: Reader,
  column: string,
  numbers: readonly number[],
): { readonly sql: string; readonly bindings: readonly Binding[] } {
  const [only] = numbers;
  if (numbers.length === 1 && only !== undefined) return { sql: `${column} = ?`, bindings: [only] };
  if (preparedReads.has(reader)) {
    return { sql: `${column} in (select value from json_each(?))`, bindings: [JSON.stringify(numbers)] };
  }
  return { sql: `${column} in (${numbers.map(Number).join(',')})`, bindings: [] };
}

/**
 * Opens a database that is there, to look at what it has: nothing is made, and nothing written but by whoever asks for a `tx()`.
 * @param url as `openDatabase`; a SQLite file must be there
 */
export function openToLook(url: string): Database {
  if (!url.startsWith('sqlite://')) return openDatabase(url, 1);
  const path = decodeURIComponent(url.slice('sqlite://'.length));
  const [read, write] = [sqlite(path, true, systemClock, { readonly: true }), sqlite(path, false, systemClock)];
  return {
    engine: 'sqlite',
    read,
    write,
    pool: () => poolUse(write),
    close: async () => void (await Promise.all([read.destroy(), write.destroy()])),
  };
}

/**
 * Opens a database.
 * @param url `sqlite:///absolute/path.db`, or `mysql://user:password@host:port/name`, with `?socketPath=/path` for a unix socket
 * @param poolSize connections to MySQL at most
 * @param clock SQLite's time; MySQL has its own
 */
export function openDatabase(url: string, poolSize = 10, clock: Clock = systemClock): Database {
  if (url.startsWith('sqlite://')) {
    const path = decodeURIComponent(url.slice('sqlite://'.length));
    if (!path.startsWith('/'))
      throw new Fault('internal', `database.connection: an absolute path is wanted after sqlite://`);
    mkdirSync(dirname(path), { recursive: true });
    // it holds password hashes and user data; SQLite gives its other files the same mode
    closeSync(openSync(path, 'a', 0o600));
    const write = sqlite(path, false, clock);
    const read = sqlite(path, true, clock);
    const prepared = new PreparedReads(path, clock);
    preparedReads.set(read, prepared);
    return {
      engine: 'sqlite',
      read,
      write,
      pool: () => poolUse(write),
      close: async () => {
        prepared.close();
        await Promise.all([read.destroy(), write.destroy()]);
      },
    };
  }
  if (/^(mysql|mariadb):\/\//.test(url)) {
    const parsed = new URL(url.replace(/^mariadb:/, 'mysql:'));
    const socketPath = parsed.searchParams.get('socketPath');
    const handle = knex({
      client: 'mysql2',
      // values of a statement may be secrets, and its error is logged
      compileSqlOnError: false,
      log: silent,
      connection: {
        ...(socketPath ? { socketPath } : { host: parsed.hostname, port: Number(parsed.port || 3306) }),
        user: decodeURIComponent(parsed.username),
        password: decodeURIComponent(parsed.password),
        database: parsed.pathname.slice(1),
        charset: 'utf8mb4',
        timezone: 'Z',
        supportBigNumbers: true,
      },
      pool: {
        min: 0,
        max: poolSize,
        // what a statement reads is what was committed before it began: a lock that was waited for shows the row as it is now
        afterCreate: (connection: MysqlConnection, done: (error: unknown, c: MysqlConnection) => void) =>
          connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', (error) =>
            done(error, connection),
          ),
      },
    });
    return {
      ...{ engine: 'mysql', read: handle, write: handle },
      pool: () => poolUse(handle),
      close: () => handle.destroy(),
    };
  }
  throw new Fault('internal', 'database.connection: neither sqlite:///path nor mysql://user:password@host/name');
}
