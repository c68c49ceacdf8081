// Why: everything that touches the database is tested on both engines. One private MariaDB server for the whole run, on a unix
// socket in a directory of its own, as careless of durability as it can be; a fresh database for each test that asks.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { scratchDir } from './scratch.ts';

const PROGRAMS = ['/usr/sbin/mariadbd', '/usr/sbin/mysqld', '/usr/local/sbin/mariadbd', '/usr/libexec/mariadbd'];
const START_MS = 30_000;

interface Running {
  readonly socketPath: string;
  readonly child: ChildProcess;
}

let running: Promise<Running> | null = null;
let databases = 0;

async function start(): Promise<Running> {
  const program = PROGRAMS.find((path) => existsSync(path));
  if (program === undefined) {
    throw new Error(`no MariaDB server found (${PROGRAMS.join(', ')}): apt-get install mariadb-server`);
  }
  const directory = mkdtempSync(join(scratchDir(), 'xloud-mariadb-'));
  const socketPath = join(directory, 'socket');
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
      '--skip-networking',
      '--skip-grant-tables',
      '--skip-log-bin',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-doublewrite=0',
      '--innodb-buffer-pool-size=64M',
      '--innodb-log-file-size=32M',
      '--innodb-fast-shutdown=2',
      '--performance-schema=OFF',
      '--max-connections=500',
    ],
    { stdio: ['ignore', log, log] },
  );
  child.unref();
  // whatever ends the run ends the server, by its own number
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
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
  const run = async (statement: string): Promise<void> => {
    const connection = await mysql.createConnection({ socketPath, user: 'root' });
    await connection.query(statement);
    await connection.end();
  };
  await run(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  return {
    url: `mysql://root@localhost/${name}?socketPath=${encodeURIComponent(socketPath)}`,
    name,
    drop: () => run(`DROP DATABASE ${name}`),
  };
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
