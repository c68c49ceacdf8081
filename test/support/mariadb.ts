// Why: everything that touches the database is tested on both engines. One private MariaDB server for the whole run, on a unix
// socket in a directory of its own, as careless of durability as it can be; a fresh database for each test that asks.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { scratchDir } from './scratch.ts';

const PROGRAMS = ['/usr/sbin/mariadbd', '/usr/sbin/mysqld', '/usr/local/sbin/mariadbd', '/usr/libexec/mariadbd'];
const START_MS = 30_000;
const PORT = 3306;

interface Running {
  readonly socketPath: string;
  readonly child: ChildProcess;
}

let running: Promise<Running> | null = null;
let databases = 0;

/** A data directory of a server. */
interface Place {
  readonly directory: string;
  readonly socketPath: string;
  /** Whether it goes when the server does. */
  readonly isOurs: boolean;
}

function makePlace(given?: string): Place {
  const directory = given ?? mkdtempSync(join(scratchDir(), 'xloud-mariadb-'));
  return { directory, socketPath: join(directory, 'socket'), isOurs: given === undefined };
}

/** What a run that ends with its server can do without. */
const CARELESS = [
  '--skip-networking',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  '--innodb-log-file-size=32M',
  '--innodb-fast-shutdown=2',
];
/** What was committed is there again after kill -9, as with the defaults; only a machine that loses its power may lose a second. */
const DURABLE = ['--innodb-flush-log-at-trx-commit=2', '--innodb-log-file-size=96M'];

/** Starts a server on the directory; resolves once it answers. */
async function startAt({ directory, socketPath }: Place, options: readonly string[]): Promise<Running> {
  const program = PROGRAMS.find((path) => existsSync(path));
  if (program === undefined) {
    throw new Error(`no MariaDB server found (${PROGRAMS.join(', ')}): apt-get install mariadb-server`);
  }
  const logPath = join(directory, 'log');
  const log = openSync(logPath, 'a');
  // no privilege tables: an empty data directory will do, and nothing has to be installed into it
  const child = spawn(
    program,
    [
      '--no-defaults',
      `--user=${userInfo().username}`,
      `--datadir=${directory}`,
      `--socket=${socketPath}`,
      `--pid-file=${join(directory, 'pid')}`,
      '--skip-grant-tables',
      '--skip-log-bin',
      '--innodb-buffer-pool-size=64M',
      '--performance-schema=OFF',
      '--max-connections=500',
      ...options,
    ],
    { stdio: ['ignore', log, log] },
  );
  child.unref();
  closeSync(log);
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      const connection = await mysql.createConnection({ socketPath, user: 'root' });
      await connection.end();
      return { socketPath, child };
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`MariaDB did not start:\n${readFileSync(logPath, 'utf8').slice(-2000)}`, { cause: error });
      }
      await sleep(30);
    }
  }
}

/** Whatever ends the run ends the server, by its own number. */
function endWithRun({ directory, isOurs }: Place, child: () => ChildProcess | null): void {
  process.once('exit', () => {
    child()?.kill('SIGKILL');
    if (isOurs) rmSync(directory, { recursive: true, force: true });
  });
}

async function start(): Promise<Running> {
  const place = makePlace();
  const started = await startAt(place, CARELESS);
  endWithRun(place, () => started.child);
  return started;
}

const urlOf = (socketPath: string, name: string): string =>
  `mysql://root@localhost/${name}?socketPath=${encodeURIComponent(socketPath)}`;

async function query(socketPath: string, statement: string): Promise<void> {
  const connection = await mysql.createConnection({ socketPath, user: 'root' });
  await connection.query(statement);
  await connection.end();
}

const creationOf = (name: string): string => `CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

/** A server of one's own, which keeps what was committed when it is killed. */
export interface Mariadb {
  /** For `openDatabase`: an empty database on it. */
  readonly url: string;
  /** The same by its address; null: it has none. */
  readonly networkUrl: string | null;
  /** SIGKILL ends it, SIGSTOP halts it until SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Again after it was killed, on the same data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface MariadbWish {
  /** Where it listens beside its socket, at the usual port: an address that no other server has. Default: nowhere. */
  readonly address?: string;
  /** Where its files go; it is empty. */
  readonly directory?: string;
}

/** Starts a server for those who kill it. */
export async function startMariadb({ address, directory }: MariadbWish = {}): Promise<Mariadb> {
  const place = makePlace(directory);
  const network =
    address === undefined
      ? ['--skip-networking']
      : [`--bind-address=${address}`, `--port=${PORT}`, '--skip-name-resolve'];
  let child: ChildProcess | null = null;
  async function ended(one: ChildProcess): Promise<void> {
    if (one.exitCode !== null || one.signalCode !== null) return;
    // what is waited for keeps the run alive
    one.ref();
    await new Promise((resolve) => one.once('exit', resolve));
  }
  endWithRun(place, () => child);
  const signal = (which: NodeJS.Signals): void => void child?.kill(which);
  const again = async (): Promise<void> => {
    if (child !== null) await ended(child);
    child = (await startAt(place, [...DURABLE, ...network])).child;
  };
  // a directory whose first server never wrote its pages cannot be recovered: that one ends in order, as an installation's does
  await again();
  signal('SIGTERM');
  await again();
  await query(place.socketPath, creationOf('xloud'));
  return {
    url: urlOf(place.socketPath, 'xloud'),
    networkUrl: address === undefined ? null : `mysql://root@${address}:${PORT}/xloud`,
    signal,
    start: again,
    async stop() {
      child?.kill('SIGKILL');
      if (child !== null) await ended(child);
      if (place.isOurs) rmSync(place.directory, { recursive: true, force: true });
    },
  };
}

export interface TestDatabase {
  /** For `openDatabase`. */
  readonly url: string;
  readonly name: string;
  readonly drop: () => Promise<void>;
}

/** A fresh, empty database on the run's server, which is started by the first that asks. */
export async function freshMariadb(): Promise<TestDatabase> {
  running ??= start();
  const { socketPath } = await running;
  databases += 1;
  const name = `test_${process.pid}_${databases}`;
  await query(socketPath, creationOf(name));
  return { url: urlOf(socketPath, name), name, drop: () => query(socketPath, `DROP DATABASE ${name}`) };
}

/** The same database for OpenStack's own services. */
export function sqlalchemyUrl({ url, name }: Pick<TestDatabase, 'url' | 'name'>): string {
  const socket = new URL(url).searchParams.get('socketPath');
  return `mysql+pymysql://root@localhost/${name}?unix_socket=${socket}&charset=utf8mb4`;
}

/** The number of the run's server, for those who measure what it uses. */
export async function mariadbPid(): Promise<number> {
  return (await (running ??= start())).child.pid as number;
}

export interface Wire {
  /** For `openDatabase`: as the database's own, but by way of a socket that can be cut. */
  readonly url: string;
  /** Nobody answers any more, as when the server died. */
  cut(): Promise<void>;
  /** It is there again. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** A fresh database behind a socket that can be cut. */
export async function fragileMariadb(): Promise<Wire> {
  const { url, drop } = await freshMariadb();
  const { socketPath } = await (running as Promise<Running>);
  const directory = mkdtempSync(join(scratchDir(), 'xloud-wire-'));
  const path = join(directory, 'socket');
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const there = connect(socketPath);
    for (const [one, other] of [
      [client, there],
      [there, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy()).on('close', () => open.delete(one));
    }
  });
  const mend = (): Promise<void> => new Promise((resolve) => server.listen(path, resolve));
  const cut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const one of open) one.destroy();
    await closed;
  };
  await mend();
  return {
    url: url.replace(encodeURIComponent(socketPath), encodeURIComponent(path)),
    cut,
    mend,
    async close() {
      if (server.listening) await cut();
      await drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
