// Why: what is said to a broker is tested on a real one. A private RabbitMQ on free ports of the loopback, with a node name,
// a port mapper and a directory of its own, so that none that runs on the machine is touched.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// not the one on the PATH: that changes to a user of its own, which may enter none of our directories
const PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const START_MS = 60_000;
const STOP_MS = 15_000;

export interface Rabbitmq {
  /** `amqp://guest:guest@127.0.0.1:port/` */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** The same node again, on the same port with the same data. */
  start(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      // the broker hangs up on what is no greeting, once it listens to anybody
      socket.write('no AMQP here');
    });
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });

const ATTEMPTS = 3;

/** Starts a broker; resolves once it speaks AMQP. A port that was free may be somebody's by the time that it is used: then others are tried. */
export async function startRabbitmq(): Promise<Rabbitmq> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce();
    } catch (error) {
      if (attempt === ATTEMPTS || !existsSync(PROGRAM)) throw error;
    }
  }
}

async function startOnce(): Promise<Rabbitmq> {
  if (!existsSync(PROGRAM)) throw new Error(`no RabbitMQ server at ${PROGRAM}: apt-get install rabbitmq-server`);
  const directory = mkdtempSync(join(tmpdir(), 'xloud-rabbitmq-'));
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const config = join(directory, 'rabbitmq.conf');
  writeFileSync(config, `listeners.tcp.1 = 127.0.0.1:${port}\nlog.console = false\n`);
  const logPath = join(directory, 'output');
  const output = openSync(logPath, 'a');
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    const started = spawn(PROGRAM, [], {
      stdio: ['ignore', output, output],
      // a group of its own: the scripts start Erlang as a child, and both have to end
      detached: true,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: directory,
        RABBITMQ_NODENAME: `xloud${port}@localhost`,
        RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
        RABBITMQ_NODE_PORT: String(port),
        RABBITMQ_DIST_PORT: String(distPort),
        RABBITMQ_CONFIG_FILE: config,
        RABBITMQ_MNESIA_BASE: join(directory, 'data'),
        RABBITMQ_LOG_BASE: join(directory, 'log'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
        ERL_EPMD_ADDRESS: '127.0.0.1',
        ERL_EPMD_PORT: String(epmdPort),
      },
    });
    child = started;
    const deadline = Date.now() + START_MS;
    while (!(await answers(port))) {
      if (started.exitCode !== null || Date.now() > deadline) {
        throw new Error(`RabbitMQ did not start:\n${readFileSync(logPath, 'utf8').slice(-2000)}`);
      }
      await sleep(100);
    }
  }

  function kill(signal: NodeJS.Signals): void {
    if (child?.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // gone already
    }
  }

  async function stop(): Promise<void> {
    const ending = child;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    kill('SIGTERM');
    const late = setTimeout(() => kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(late);
    child = null;
  }

  process.once('exit', () => {
    kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  await start();
  return { url: `amqp://guest:guest@127.0.0.1:${port}/`, port, stop, start };
}
