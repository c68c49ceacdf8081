// Why: two engines, one way to reach them. Readers and the writer are separate handles: on SQLite they are two connections
// (WAL lets reads go on beside a transaction), on MySQL two names for one pool.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import knexModule, { type Knex } from 'knex';
import { Fault } from '../base/errors.ts';
import { makeRegexpFunction } from './regexp.ts';

const knex = knexModule.default ?? knexModule;

export type EngineName = 'sqlite' | 'mysql';

/** What reading functions take: the reading handle, or a transaction that wants to see its own writes. */
export type Reader = Knex | Knex.Transaction;

export interface Database {
  readonly engine: EngineName;
  /** Reads only. On SQLite the connection is opened `query_only`. */
  readonly read: Knex;
  /** For `tx()` and migrations alone. Never use it inside a transaction: SQLite has one writer connection. */
  readonly write: Knex;
  close(): Promise<void>;
}

interface SqliteConnection {
  pragma(text: string): unknown;
  function(name: string, options: { deterministic: boolean }, body: (...values: unknown[]) => unknown): unknown;
}

function sqlite(path: string, readOnly: boolean): Knex {
  return knex({
    client: 'better-sqlite3',
    connection: { filename: path },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      // NORMAL in WAL mode loses nothing when the process dies; a power cut may lose the last commits, never consistency.
      afterCreate: (connection: SqliteConnection, done: (error: null, c: SqliteConnection) => void) => {
        connection.pragma('journal_mode = WAL');
        connection.pragma('synchronous = NORMAL');
        connection.pragma('busy_timeout = 10000');
        connection.pragma('foreign_keys = ON');
        connection.pragma('cache_size = -16000');
        connection.function('regexp', { deterministic: true }, makeRegexpFunction());
        if (readOnly) connection.pragma('query_only = ON');
        done(null, connection);
      },
    },
  });
}

/**
 * Opens a database.
 * @param url `sqlite:///absolute/path.db`, or `mysql://user:password@host:port/name`, with `?socketPath=/path` for a unix socket
 * @param poolSize connections to MySQL at most
 */
export function openDatabase(url: string, poolSize = 10): Database {
  if (url.startsWith('sqlite://')) {
    const path = decodeURIComponent(url.slice('sqlite://'.length));
    if (!path.startsWith('/'))
      throw new Fault('internal', `database.connection: an absolute path is wanted after sqlite://`);
    mkdirSync(dirname(path), { recursive: true });
    const write = sqlite(path, false);
    const read = sqlite(path, true);
    return {
      engine: 'sqlite',
      read,
      write,
      close: async () => void (await Promise.all([read.destroy(), write.destroy()])),
    };
  }
  if (/^(mysql|mariadb):\/\//.test(url)) {
    const parsed = new URL(url.replace(/^mariadb:/, 'mysql:'));
    const socketPath = parsed.searchParams.get('socketPath');
    const handle = knex({
      client: 'mysql2',
      connection: {
        ...(socketPath ? { socketPath } : { host: parsed.hostname, port: Number(parsed.port || 3306) }),
        user: decodeURIComponent(parsed.username),
        password: decodeURIComponent(parsed.password),
        database: parsed.pathname.slice(1),
        charset: 'utf8mb4_bin',
        timezone: 'Z',
        supportBigNumbers: true,
      },
      pool: { min: 0, max: poolSize },
    });
    return { engine: 'mysql', read: handle, write: handle, close: () => handle.destroy() };
  }
  throw new Fault('internal', 'database.connection: neither sqlite:///path nor mysql://user:password@host/name');
}
