// Why: the OVSDB client of this program: a replica that follows the database, transactions, and automatic reconnection. After each
// reconnect the replica is rebuilt, so no change is missed.

import type { Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import { connect, type Connection } from './connection.ts';
import { OvsdbError } from './failure.ts';
import { encodeOperation, type Operation, type Schema } from './operations.ts';
import { parseRemote, type Remote, type TlsFiles } from './remote.ts';
import { makeReplica, type Replica, type RowChange, type Tables, type Update2 } from './replica.ts';
import { columnType, type TableType } from './values.ts';

export interface OvsdbOptions {
  /** `unix:PATH`, `tcp:HOST:PORT` or `ssl:HOST:PORT`; several are tried in turn. */
  readonly remotes: readonly string[];
  readonly tls?: TlsFiles | null;
  readonly database: string;
  /** Monitored columns, by table. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with changes of the replica; `anew`: it was rebuilt, and everything may have changed. */
  readonly changed?: (changes: readonly RowChange[], anew: boolean) => void;
}

export interface Ovsdb {
  /** The replica's content; empty until the first connection. */
  readonly tables: () => Tables;
  /** Null while the replica is up to date; else why it is not. */
  problem(): string | null;
  /**
   * Commits all operations or none.
   * @returns for each the uuid of the row that it inserted, or null
   * @throws OvsdbError
   */
  transact(operations: readonly Operation[]): Promise<readonly (string | null)[]>;
  /** Resolves once the replica follows the database. */
  ready(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

interface Result {
  readonly uuid?: readonly [string, string];
  readonly error?: string;
  readonly details?: string;
}

/** A connection with a complete replica. */
interface Session {
  readonly connection: Connection;
  readonly schema: Schema;
  readonly replica: Replica;
}

interface WireSchema {
  readonly tables: Readonly<
    Record<string, { readonly columns: Readonly<Record<string, { readonly type: Parameters<typeof columnType>[0] }>> }>
  >;
}

const typesOf = ({ tables }: WireSchema): Schema =>
  Object.fromEntries(
    Object.entries(tables).map(([table, { columns }]): [string, TableType] => [
      table,
      Object.fromEntries(Object.entries(columns).map(([column, { type }]) => [column, columnType(type)])),
    ]),
  );

/** @throws OvsdbError `refused` if the database lacks a monitored column */
function checkColumns(schema: Schema, { database, tables }: OvsdbOptions): void {
  for (const [table, columns] of Object.entries(tables)) {
    const lacking = columns.find((column) => schema[table]?.[column] === undefined);
    if (lacking !== undefined)
      throw new OvsdbError('refused', `${database} has no column ${lacking} of ${table}: its version is another one`);
  }
}

/** Opens a connection and fills a replica over it. */
async function openSession(options: OvsdbOptions, remote: Remote): Promise<Session> {
  const { database, tables, tls = null, changed, log } = options;
  let replica: Replica | null = null;
  // an update may arrive together with the answer, before the code that awaits the answer runs
  const early: Update2[] = [];
  const connection = await connect(remote, tls, (method, params) => {
    if (method !== 'update2') return;
    if (replica === null) return void early.push(params[1] as Update2);
    const changes = replica.apply(params[1] as Update2);
    try {
      changed?.(changes, false);
    } catch (error) {
      log.error({ err: error }, 'an update of the network database could not be processed');
    }
  });
  try {
    const schema = typesOf((await connection.call('get_schema', [database])) as WireSchema);
    checkColumns(schema, options);
    const made = makeReplica(schema, tables);
    const wanted = Object.entries(tables).map(([table, columns]) => [table, [{ columns }]]);
    const whole = await connection.call('monitor_cond', [database, database, Object.fromEntries(wanted)]);
    const changes = [whole as Update2, ...early].flatMap((update) => made.apply(update));
    replica = made;
    changed?.(changes, true);
    return { connection, schema, replica: made };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The results of a transaction. @throws OvsdbError if it failed */
function resultsOf(answer: readonly (Result | null)[]): readonly (string | null)[] {
  const bad = answer.find((result) => result?.error != null);
  if (bad == null) return answer.map((result) => result?.uuid?.[1] ?? null);
  const text = `${bad.error}${bad.details ? `: ${bad.details}` : ''}`;
  if (bad.error === 'timed out') throw new OvsdbError('stale', text);
  const isTaken = bad.error === 'constraint violation' && text.includes('identical values');
  throw new OvsdbError(isTaken ? 'taken' : 'refused', text);
}

/** Opens a client, which connects and reconnects by itself. */
export function openOvsdb(options: OvsdbOptions): Ovsdb {
  const { clock, log, database } = options;
  const remotes = options.remotes.map((text) => {
    const remote = parseRemote(text);
    if (remote === null) throw new Error(`no address of an OVSDB server: ${text}`);
    return remote;
  });
  const end = new AbortController();
  let session: Session | null = null;
  let lastTables: Tables = new Map();
  let problem: string | null = 'not connected yet';
  const awaiting = new Set<() => void>();

  async function stay(remote: Remote): Promise<void> {
    session = await openSession(options, remote);
    const { connection, replica } = session;
    if (end.signal.aborted) connection.close();
    lastTables = replica.tables;
    problem = null;
    for (const tell of awaiting) tell();
    awaiting.clear();
    log.info({ database }, 'the network database is followed');
    const reason = await connection.closed;
    session = null;
    throw new OvsdbError('away', reason);
  }

  async function follow(): Promise<void> {
    let pauseMs: number = limits.ovsdbRetryMs;
    for (let turn = 0; !end.signal.aborted; turn += 1) {
      const remote = remotes[turn % remotes.length] as Remote;
      try {
        await stay(remote);
      } catch (error) {
        if (end.signal.aborted) return;
        if (problem === null) pauseMs = limits.ovsdbRetryMs;
        // logged once, not at every attempt
        if (problem !== messageOf(error)) log.warn({ database, remote, err: error }, 'the network database is away');
        problem = messageOf(error);
      }
      await clock.sleep(pauseMs, end.signal).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, limits.ovsdbRetryMaxMs);
    }
  }
  const following = follow();

  return {
    tables: () => lastTables,
    problem: () => problem,
    async transact(operations) {
      if (session === null) throw new OvsdbError('away', problem ?? 'not connected');
      const { connection, schema } = session;
      const encoded = operations.map((operation) => encodeOperation(schema, operation));
      const answer = (await connection.call('transact', [database, ...encoded])) as readonly (Result | null)[];
      return resultsOf(answer).slice(0, operations.length);
    },
    ready(signal) {
      if (problem === null) return Promise.resolve();
      return new Promise((resolve, reject) => {
        awaiting.add(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    },
    async close() {
      end.abort();
      session?.connection.close();
      await following;
    },
  };
}
