// Why: what is said to a broker is tested on a real one. A private RabbitMQ on free ports of the loopback, with a node name,
// a port mapper and a directory of its own, so that none that runs on the machine is touched.

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

// not the one on the PATH: that changes to a user of its own, which may enter none of our directories
const PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const START_MS = 60_000;
const MAPPER = '/usr/bin/epmd';
const CONTROL = '/usr/lib/rabbitmq/bin/rabbitmqctl';
const STOP_MS = 15_000;
const LOOPBACK = '127.0.0.1';

export interface RabbitmqOptions {
  /** Where it listens for clients; default: the loopback. */
  readonly address?: string;
  /** Paths of PEM files: then it also speaks TLS, with clients that show a certificate of `ca`. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

export interface Rabbitmq {
  /** `amqp://guest:guest@address:port/` */
  readonly url: string;
  readonly port: number;
  /** Null: it speaks no TLS. */
  readonly tlsUrl: string | null;
  stop(): Promise<void>;
  /** Ends it as a machine that loses its power. */
  crash(): Promise<void>;
  /** SIGSTOP halts it and all that it is made of, until SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Runs rabbitmqctl against it; its output. */
  ctl(...words: string[]): Promise<string>;
  /** The same node again, on the same port with the same data. */
  start(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const answers = (port: number, address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, address);
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
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<Rabbitmq> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt === ATTEMPTS || !existsSync(PROGRAM)) throw error;
    }
  }
}

async function startOnce({ address = LOOPBACK, tls }: RabbitmqOptions): Promise<Rabbitmq> {
  if (!existsSync(PROGRAM)) throw new Error(`no RabbitMQ server at ${PROGRAM}: apt-get install rabbitmq-server`);
  const directory = mkdtempSync(join(tmpdir(), 'xloud-rabbitmq-'));
  const [port, distPort, epmdPort, tlsPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const config = join(directory, 'rabbitmq.conf');
  const encrypted =
    tls === undefined
      ? []
      : [
          `listeners.ssl.1 = ${address}:${tlsPort}`,
          ...[`ssl_options.cacertfile = ${tls.ca}`, `ssl_options.certfile = ${tls.cert}`],
          ...[`ssl_options.keyfile = ${tls.key}`, 'ssl_options.verify = verify_peer'],
          'ssl_options.fail_if_no_peer_cert = true',
        ];
  // its first user is let in from the loopback alone, unless told otherwise
  const open = address === LOOPBACK ? [] : ['loopback_users = none'];
  const lines = [`listeners.tcp.1 = ${address}:${port}`, 'log.console = false', ...open, ...encrypted];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const logPath = join(directory, 'output');
  const output = openSync(logPath, 'a');
  let child: ChildProcess | null = null;

  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    RABBITMQ_NODENAME: `xloud${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: address,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_ADDRESS: LOOPBACK,
    ERL_EPMD_PORT: String(epmdPort),
  };

  async function start(): Promise<void> {
    const started = spawn(PROGRAM, [], {
      stdio: ['ignore', output, output],
      // a group of its own: the scripts start Erlang as a child, and both have to end
      detached: true,
      env: environment,
    });
    child = started;
    const deadline = Date.now() + START_MS;
    while (!(await answers(port, address))) {
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

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ending = child;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    kill(signal);
    const late = setTimeout(() => kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(late);
    child = null;
  }

  /** Its port mapper, which is started beside it and would outlive it. */
  const endMapper = (): void => {
    try {
      execFileSync(MAPPER, ['-port', String(epmdPort), '-kill'], { stdio: 'ignore', timeout: STOP_MS });
    } catch {
      // gone already, or a node of it lives
    }
  };

  process.once('exit', () => {
    kill('SIGKILL');
    endMapper();
    rmSync(directory, { recursive: true, force: true });
  });
  await start();
  const ctl = async (...words: string[]): Promise<string> => {
    const asked = ['-q', '-n', environment.RABBITMQ_NODENAME, ...words];
    return (await promisify(execFile)(CONTROL, asked, { env: environment, timeout: START_MS })).stdout;
  };
  return {
    url: `amqp://guest:guest@${address}:${port}/`,
    port,
    tlsUrl: tls === undefined ? null : `amqps://guest:guest@${address}:${tlsPort}/`,
    async stop() {
      await stop();
      endMapper();
    },
    crash: () => stop('SIGKILL'),
    signal: kill,
    start,
    ctl,
  };
}
