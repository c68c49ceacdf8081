// Why: benches measure the program as it is run: `xloud serve` as a process of its own, on a fresh data directory, asked over
// HTTP with a token of the administrator whom the first start made.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { ask, type HttpAnswer, requestBytes, type Target } from './load.ts';

const root = join(import.meta.dirname, '..', '..');
const START_MS = 60_000;
const POLL_MS = 2;

export interface ServiceOptions {
  /** Default: a fresh one, removed at the end. */
  readonly dataDir?: string;
  /** Further words of `xloud serve`. Default: `--driver fake`. */
  readonly args?: readonly string[];
  /** Runs this file by node alone, instead of the launcher `bin/xloud`. */
  readonly entry?: string;
  /** With `entry`: flags of node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  /** In addition to the environment of the bench. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Service {
  readonly target: Target;
  readonly pid: number;
  readonly dataDir: string;
  /** From starting the process to the first 200 of `/healthz`. */
  readonly startMs: number;
  /** Of the administrator, scoped to the project admin. */
  readonly token: string;
  readonly projectId: string;
  /** A request of the compute API; `path` begins behind `/compute/v2.1`. */
  bytes(method: string, path: string, body?: unknown, microversion?: string): Buffer;
  /** Sends it and reads the answer; any status of 400 and more is an error. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  close(): Promise<void>;
}

/** The microversion at which everything is asked: the newest, whose answers are the largest. */
export const MICROVERSION = '2.104';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function healthy(target: Target, child: ChildProcess, complaint: () => string): Promise<void> {
  const deadline = performance.now() + START_MS;
  const request = requestBytes(target, 'GET', '/healthz', {});
  for (;;) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`xloud does not start: ${complaint()}`);
    try {
      if ((await ask(target, request)).status === 200) return;
    } catch {
      await sleep(POLL_MS);
    }
  }
}

interface Cloud {
  readonly auth: { readonly username: string; readonly password: string; readonly project_name: string };
}

type Clouds = Readonly<Record<'xloud' | 'xloud-demo', Cloud>>;

/** A token of a user whom the first start made: the administrator, or the member of project demo. */
export async function login(
  target: Target,
  dataDir: string,
  who: keyof Clouds,
): Promise<{ readonly token: string; readonly projectId: string }> {
  const { clouds } = parse(readFileSync(join(dataDir, 'clouds.yaml'), 'utf8')) as { clouds: Clouds };
  const { username, password, project_name } = clouds[who].auth;
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, password, domain } } },
    scope: { project: { name: project_name, domain } },
  };
  const answer = await ask(target, requestBytes(target, 'POST', '/identity/v3/auth/tokens', {}, { auth }));
  const token = answer.headers.find(([name]) => name.toLowerCase() === 'x-subject-token')?.[1];
  if (token === undefined) throw new Error(`no token: ${answer.body.toString()}`);
  const body = JSON.parse(answer.body.toString()) as { token: { project: { id: string } } };
  return { token, projectId: body.token.project.id };
}

/** Starts `xloud serve` and logs in. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'xloud-bench-'));
  const port = await freePort();
  const target = { host: '127.0.0.1', port };
  const logFile = join(dataDir, 'xloud.log');
  const log = openSync(logFile, 'a');
  const started = performance.now();
  const child = spawn(
    options.entry === undefined ? join(root, 'bin', 'xloud') : process.execPath,
    [
      ...(options.entry === undefined ? [] : [...(options.nodeArgs ?? []), options.entry]),
      'serve',
      ...['--data-dir', dataDir, '--port', String(port)],
      ...(options.args ?? ['--driver', 'fake']),
    ],
    { cwd: root, env: { ...process.env, ...options.env }, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await healthy(target, child, () => readFileSync(logFile, 'utf8').slice(-2000));
    const startMs = performance.now() - started;
    const { token, projectId } = await login(target, dataDir, 'xloud');
    const bytes = (method: string, path: string, body?: unknown, microversion = MICROVERSION): Buffer =>
      requestBytes(
        target,
        method,
        `/compute/v2.1${path}`,
        { 'X-Auth-Token': token, 'OpenStack-API-Version': `compute ${microversion}` },
        body,
      );
    const sent = async (request: Buffer): Promise<HttpAnswer> => {
      const answer = await ask(target, request);
      if (answer.status >= 400) throw new Error(`${answer.status}: ${answer.body.toString()}`);
      return answer;
    };
    return {
      ...{ target, pid: child.pid as number, dataDir, startMs, token, projectId, bytes, close },
      call: async <T>(method: string, path: string, body?: unknown): Promise<T> => {
        const text = (await sent(bytes(method, path, body))).body.toString();
        return (text === '' ? null : JSON.parse(text)) as T;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
