// Why: what guests are told of themselves is asked for from where they are: an agent that serves metadata, as a process of its own beside
// a test's OVN, and whoever asks it from a namespace that plays a server.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Database } from '../../src/db/engine.ts';
import { insertNics } from '../../src/db/server-nics.ts';
import { insertServer, type NewServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import type { NicSpec } from '../../src/domain/networks/server-nics.ts';
import type { Libvirtd } from './libvirtd.ts';
import type { Machine } from './ovn.ts';
import { newServer } from './rows.ts';

const CHILD = join(import.meta.dirname, 'metadata-child.ts');

export interface MetadataAgent {
  readonly pid: number;
  /** Resolves when it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Where a SQLite database is. */
async function urlOf({ read }: Database): Promise<string> {
  const rows = (await read.raw('pragma database_list')) as { name: string; file: string }[];
  return `sqlite://${rows.find(({ name }) => name === 'main')?.file}`;
}

/** Starts one; what it makes on the host stays when it ends. */
export async function startMetadataAgent(database: Database, { pid }: Libvirtd): Promise<MetadataAgent> {
  const args = ['--disable-warning=ExperimentalWarning', CHILD, await urlOf(database), String(pid)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid ?? 0,
    kill(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

/** A row of a server with these interfaces. */
export async function addServer(database: Database, nics: readonly NicSpec[], more: Partial<NewServer>): Promise<void> {
  const build = { network: { requests: [], securityGroups: [] }, kernel: null, ramdisk: null, keyType: 'ssh' };
  const server = newServer({ build: { ...build, projectName: 'demo', files: [] }, ...more });
  await tx(database, async (t) => {
    await insertNics(t, await insertServer(t, server), nics);
  });
}

export interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const ASK = `
  const [host, path, method, headers, body, source] = process.argv.slice(1);
  const from = source ? { localAddress: source } : {};
  const options = { host, path, method, headers: JSON.parse(headers), timeout: 4000, ...from };
  const request = require('node:http').request(options, (response) => {
    let body = '';
    response.on('data', (piece) => (body += piece)).on('end', () => {
      console.log(JSON.stringify({ status: response.statusCode, headers: response.headers, body }));
      process.exit();
    });
  });
  const fail = (why) => { console.log(JSON.stringify({ status: 0, headers: {}, body: String(why) })); process.exit(); };
  request.on('timeout', () => fail('timeout')).on('error', fail);
  request.end(body);`;

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From which address of the machine. */
  readonly source?: string;
  /** Whom it asks; default: 169.254.169.254. */
  readonly host?: string;
}

/** Asks for metadata from within a machine; status 0: nobody answered. */
export async function asks(machine: Pick<Machine, 'run'>, path: string, options: AskOptions = {}): Promise<Heard> {
  const { method = 'GET', headers = {}, body = '', source = '', host = '169.254.169.254' } = options;
  const words = [host, path, method, JSON.stringify(headers), body, source];
  return JSON.parse(await machine.run(process.execPath, '-e', ASK, ...words)) as Heard;
}
