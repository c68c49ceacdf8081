// Why: real databases of OVN for tests, each in a directory and on sockets of its own.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { northboundTables } from '../../src/cloud/ovn/northbound.ts';
import { openOvsdb, type OvsdbOptions } from '../../src/cloud/ovn/ovsdb/client.ts';
import { eventually } from './serve.ts';

export const run = promisify(execFile);

export interface Daemon {
  readonly child: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program that stays in the foreground. */
export function daemon(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Daemon {
  const child = spawn(command, [...args], { stdio: 'ignore', env: { ...process.env, ...env } });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    child,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

export interface OvsdbServer {
  readonly remote: string;
  readonly socket: string;
  start(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A server of the Northbound database (`nb`) or the Southbound one (`sb`). */
export async function makeOvsdbServer(
  dir: string,
  which: 'nb' | 'sb',
  more: readonly string[] = [],
): Promise<OvsdbServer> {
  mkdirSync(dir, { recursive: true });
  const [file, socket] = [join(dir, `${which}.db`), join(dir, `${which}.sock`)];
  await run('ovsdb-tool', ['create', file, `/usr/share/ovn/ovn-${which}.ovsschema`]);
  let server: Daemon | null = null;
  const log = `--log-file=${join(dir, `${which}.log`)}`;
  const control = `--unixctl=${join(dir, `${which}.ctl`)}`;
  return {
    remote: `unix:${socket}`,
    socket,
    async start() {
      server = daemon('ovsdb-server', [file, `--remote=punix:${socket}`, ...more, log, control, '-vconsole:off']);
      await eventually('the database', 20_000, () =>
        run('ovsdb-client', ['list-dbs', `unix:${socket}`]).then(
          () => true,
          () => null,
        ),
      );
    },
    async stop(signal) {
      await server?.stop(signal);
      server = null;
    },
  };
}

/** A client of a Northbound database. */
export const openNorthbound = (remote: string, more: Partial<OvsdbOptions> = {}) =>
  openOvsdb({
    remotes: [remote],
    database: 'OVN_Northbound',
    tables: northboundTables,
    clock: systemClock,
    log: silentLog,
    ...more,
  });
