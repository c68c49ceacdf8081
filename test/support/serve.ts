// Why: the whole product as its users run it, for tests: `bin/xloud serve` as a process on a data directory of its own, that can
// be killed and started again, reached over HTTP and with the stock client.

import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { type ClientProcess, startClientProcess } from './openstack/process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CHILD = join(import.meta.dirname, 'serve-child.ts');
const READY_MS = 180_000;

export type CloudName = 'xloud' | 'xloud-demo';

export interface Reply {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  readonly body: any;
}

export interface ServeRequest {
  readonly driver: 'libvirt' | 'fake';
  /** `XLOUD_SECTION__OPTION`, as the product reads them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another program to run than `bin/xloud serve`, which is given the data directory and the port. */
  readonly child?: string;
}

/** Where the process shall end by SIGKILL: at the first passing of a point, or so long after it. */
export interface Death {
  readonly point: string;
  readonly delayMs?: number;
}

export interface Service {
  readonly url: string;
  readonly dataDir: string;
  /** Starts the process; resolves when it is ready. With `death` it is one that will die there; `more`: beside its `env`, this time. */
  start(death?: Death, more?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when the process is gone, with the signal that ended it. */
  ended(timeoutMs: number): Promise<NodeJS.Signals | null>;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** One request under a service's path such as `/compute/v2.1/servers`. `body`: JSON, or bytes. */
  request(
    cloud: CloudName,
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply>;
  /** What the stock client prints; rejects with its words where it fails. */
  openstack(cloud: CloudName, ...words: string[]): Promise<string>;
  log(): string;
  /** How long the process's one thread for requests has run on a processor, in milliseconds; Linux tells. */
  busyMs(): number;
  /** Ends the process and removes its directory. */
  close(): Promise<void>;
}

/** A TCP port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Polls until `look` gives something, and gives it; rejects after `ms`. */
export async function eventually<T>(
  what: string,
  ms: number,
  look: () => Promise<T | null | undefined> | T | null | undefined,
  everyMs = 50,
): Promise<T> {
  const giveUpAt = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(everyMs);
  }
}

/** Makes the directory and starts the service. */
export async function startService({ driver, env = {}, child: program }: ServeRequest): Promise<Service> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-serve-'));
  // QEMU's own user must reach the disks below
  await chmod(dir, 0o711);
  const dataDir = join(dir, 'data');
  const logFile = join(dir, 'log');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const environment = { ...process.env, ...env, XLOUD_COMPUTE__DRIVER: driver };
  let child: ChildProcess | null = null;
  let client: Promise<ClientProcess> | null = null;
  const tokens = new Map<CloudName, string>();

  const log = (): string => readFileSync(logFile, 'utf8');
  const isOver = (): boolean => child === null || child.exitCode !== null || child.signalCode !== null;

  async function ended(timeoutMs: number): Promise<NodeJS.Signals | null> {
    await eventually('the end of the process', timeoutMs, () => isOver() || null);
    return child?.signalCode ?? null;
  }

  async function tokenOf(cloud: CloudName): Promise<string> {
    const known = tokens.get(cloud);
    if (known !== undefined) return known;
    const { clouds } = parse(readFileSync(join(dataDir, 'clouds.yaml'), 'utf8')) as {
      clouds: Record<CloudName, { auth: Record<string, string> }>;
    };
    const { auth_url, username, password, project_name } = clouds[cloud].auth;
    const domain = { name: 'Default' };
    const auth = {
      identity: { methods: ['password'], password: { user: { name: username, password, domain } } },
      scope: { project: { name: project_name, domain } },
    };
    // the built-in service is asked here, whatever proxy its users go through
    const identity = auth_url?.endsWith('/identity/v3') ? `${url}/identity/v3` : auth_url;
    const response = await fetch(`${identity}/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auth }),
    });
    const token = response.headers.get('X-Subject-Token');
    if (token === null) throw new Error(`no token: ${response.status} ${await response.text()}`);
    tokens.set(cloud, token);
    return token;
  }

  const service: Service = {
    url,
    dataDir,
    log,
    busyMs() {
      const { pid } = child as ChildProcess;
      return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    },
    ended,
    async start(death, more = {}) {
      if (!isOver()) throw new Error('it runs already');
      const output = openSync(logFile, 'a', 0o600);
      const words =
        program !== undefined
          ? [process.execPath, program, dataDir, String(port)]
          : death === undefined
            ? [join(ROOT, 'bin/xloud'), 'serve', '--data-dir', dataDir, '--port', String(port)]
            : [process.execPath, CHILD, dataDir, String(port), death.point, String(death.delayMs ?? 0)];
      const [command, ...rest] = words as [string, ...string[]];
      child = spawn(command, rest, { env: { ...environment, ...more }, stdio: ['ignore', output, output] });
      await eventually('the service', READY_MS, async () => {
        if (isOver()) throw new Error(`the service ended: ${log().slice(-3_000)}`);
        const response = await fetch(`${url}/readyz`).catch(() => null);
        await response?.body?.cancel();
        return response?.ok ? true : null;
      });
    },
    async kill(signal) {
      child?.kill(signal);
      await ended(60_000);
    },
    async request(cloud, method, path, body, headers = {}) {
      const bytes = body instanceof Uint8Array;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          'X-Auth-Token': await tokenOf(cloud),
          'OpenStack-API-Version': 'compute 2.96',
          ...(body === undefined ? {} : { 'Content-Type': bytes ? 'application/octet-stream' : 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
      } as RequestInit);
      const text = await response.text();
      const isJson = response.headers.get('Content-Type')?.includes('json') === true;
      return { status: response.status, body: isJson && text !== '' ? (JSON.parse(text) as unknown) : text };
    },
    async openstack(cloud, ...words) {
      client ??= startClientProcess('debian', join(dataDir, 'clouds.yaml'), dir);
      const { status, out, err } = await (await client).ask(['--os-cloud', cloud, ...words]);
      if (status === 0) return out;
      throw Object.assign(new Error(`openstack ${words.join(' ')}: ${status}: ${err}`), { stderr: err });
    },
    async close() {
      await (await client)?.close();
      if (!isOver()) await service.kill('SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await service.start();
  } catch (error) {
    await service.close();
    throw error;
  }
  return service;
}
