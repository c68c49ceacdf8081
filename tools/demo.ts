// Why: the whole story on a real guest, as a newcomer would tell it with the stock client: create, grow, shrink, reboot, delete.
// Every number is checked against what the guest itself says; the exit status is 0 only if all were as said.

import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const LIBVIRT_URI = process.env.XLOUD_COMPUTE__LIBVIRT_URI ?? 'qemu:///system';

const dir = mkdtempSync(join(tmpdir(), 'xloud-demo-'));
chmodSync(dir, 0o711); // QEMU's own user must be able to reach the disks below
const dataDir = join(dir, 'data');

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const chapter = (text: string): void => say(`\n== ${text}`);

/** Runs the stock client and shows what was typed. */
async function openstack(cloud: string, ...words: string[]): Promise<string> {
  say(`$ OS_CLOUD=${cloud} openstack ${words.join(' ')}`);
  const { stdout } = await run('openstack', words, {
    env: { ...process.env, OS_CLIENT_CONFIG_FILE: join(dataDir, 'clouds.yaml'), OS_CLOUD: cloud },
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout.trimEnd();
}

const show = async (cloud: string, ...words: string[]): Promise<void> => say(await openstack(cloud, ...words));

function check(what: string, found: unknown, holds: boolean, wanted: string): void {
  say(`  ${holds ? 'ok  ' : 'FAIL'} ${what}: ${String(found)} (wanted: ${wanted})`);
  if (!holds) throw new Error(`${what}: ${String(found)}, wanted ${wanted}`);
}

async function until<T>(what: string, timeoutMs: number, ask: () => Promise<T | null>): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== null) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(500);
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

interface InsideView {
  readonly seq: number;
  readonly cpus: number;
  readonly availableMb: number;
}

interface Adjustment {
  readonly status: string;
  readonly vcpus: { readonly current: number; readonly claimed: number; readonly guest_online: number | null };
  readonly memory_mb: { readonly current: number; readonly claimed: number; readonly guest_available: number | null };
  readonly message: string | null;
}

const CLOUD = 'xloud-demo';
const ADMIN = 'xloud';
const SERVER = 'elastic';

/** The last line that the guest wrote of itself on its console. */
async function inside(afterSeq = -1): Promise<InsideView> {
  return until('a status line of the guest', 90_000, async () => {
    const { stdout } = await run('openstack', ['console', 'log', 'show', SERVER], {
      env: { ...process.env, OS_CLIENT_CONFIG_FILE: join(dataDir, 'clouds.yaml'), OS_CLOUD: CLOUD },
      maxBuffer: 16 * 1024 * 1024,
    });
    const lines = [...stdout.matchAll(/^xloud-guest status seq=(\d+) .*?\bcpus=(\d+) .*?\bmem_available_kib=(\d+)/gm)];
    const last = lines.at(-1);
    if (last === undefined || Number(last[1]) <= afterSeq) return null;
    return { seq: Number(last[1]), cpus: Number(last[2]), availableMb: Math.floor(Number(last[3]) / 1024) };
  });
}

async function main(url: string): Promise<void> {
  const build = join(dir, 'guest');
  chapter('A small Linux guest, built from Debian packages');
  await run(join(ROOT, 'tools/guest/build.sh'), [build], { maxBuffer: 16 * 1024 * 1024 });

  chapter('Images, flavor and key');
  const image = async (name: string, format: string, file: string, ...more: string[]) =>
    openstack(
      ADMIN,
      'image',
      'create',
      name,
      '--public',
      '--disk-format',
      format,
      '--container-format',
      format,
      '--file',
      join(build, file),
      ...more,
      '-f',
      'value',
      '-c',
      'id',
    );
  const kernel = await image('guest-kernel', 'aki', 'vmlinuz');
  const ramdisk = await image('guest-ramdisk', 'ari', 'initrd.img');
  await run('qemu-img', ['convert', '-O', 'raw', join(build, 'guest.qcow2'), join(build, 'guest.raw')]);
  await image('guest', 'ami', 'guest.raw', '--property', `kernel_id=${kernel}`, '--property', `ramdisk_id=${ramdisk}`);
  await show(
    ADMIN,
    'flavor',
    'create',
    'elastic',
    '--vcpus',
    '4',
    '--ram',
    '1024',
    '--disk',
    '1',
    '--property',
    'minimum_cpu=1',
    '--property',
    'minimum_memory=256',
  );
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'key')]).catch(() =>
    writeFileSync(join(dir, 'key.pub'), PUBLIC_KEY),
  );
  await show(CLOUD, 'keypair', 'create', '--public-key', join(dir, 'key.pub'), 'demo');

  chapter('A server, at its minimum');
  await show(
    CLOUD,
    'server',
    'create',
    SERVER,
    '--image',
    'guest',
    '--flavor',
    'elastic',
    '--key-name',
    'demo',
    '--config-drive',
    'True',
    '--wait',
  );
  await show(CLOUD, 'server', 'list');
  await show(CLOUD, 'server', 'show', SERVER);
  const id = await openstack(CLOUD, 'server', 'show', SERVER, '-f', 'value', '-c', 'id');

  const token = await openstack(CLOUD, 'token', 'issue', '-f', 'value', '-c', 'id');
  const call = async (method: string, body?: object): Promise<{ status: number; body: Adjustment }> => {
    const response = await fetch(`${url}/compute/v2.1/os-xloud-adjust/${id}`, {
      method,
      headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Adjustment };
  };

  const settled = async (): Promise<Adjustment> =>
    until('the adjustment', 90_000, async () => {
      const { body } = await call('GET');
      return body.status === 'adjusting' ? null : body;
    });

  const networkId = await openstack(ADMIN, 'network', 'list', '-f', 'value', '-c', 'ID');
  let kernelMb: number | null = null;
  const expect = async (title: string, vcpus: number, memoryMb: number, afterSeq: number): Promise<InsideView> => {
    const adjustment = await settled();
    check(
      `${title}: status`,
      `${adjustment.status}${adjustment.message === null ? '' : ` (${adjustment.message})`}`,
      adjustment.status === 'idle',
      'idle',
    );
    check(`${title}: current vCPUs`, adjustment.vcpus.current, adjustment.vcpus.current === vcpus, String(vcpus));
    check(
      `${title}: current memory`,
      `${adjustment.memory_mb.current} MiB`,
      adjustment.memory_mb.current === memoryMb,
      `${memoryMb} MiB`,
    );
    // a line that was written after the change was confirmed, twice over: the guest writes one a second
    const view = await inside(afterSeq);
    const later = await inside(view.seq + 1);
    check(`${title}: the guest itself, online vCPUs`, later.cpus, later.cpus === vcpus, String(vcpus));
    // what the kernel keeps for itself stays the same, so what is available moves by just what the balloon gave or took
    kernelMb ??= memoryMb - later.availableMb;
    const wanted = memoryMb - kernelMb;
    check(
      `${title}: the guest itself, available memory`,
      `${later.availableMb} MiB`,
      later.availableMb > 0 && Math.abs(later.availableMb - wanted) <= TOLERANCE_MB,
      `${wanted} MiB, give or take ${TOLERANCE_MB}; its kernel keeps ${kernelMb} for itself`,
    );
    return later;
  };

  const adjust = async (vcpus: number, memoryMb: number, before: InsideView): Promise<InsideView> => {
    chapter(`Adjust to ${vcpus} vCPUs and ${memoryMb} MiB while it runs`);
    say(`  before, from inside: ${before.cpus} vCPUs online, ${before.availableMb} MiB available`);
    const body = { current_vcpus: vcpus, current_memory_mb: memoryMb };
    say(`$ curl -X POST ${url}/compute/v2.1/os-xloud-adjust/${id} -d '${JSON.stringify(body)}'`);
    const started = performance.now();
    const answer = await call('POST', body);
    check('answer', answer.status, answer.status === 202, '202');
    await settled();
    say(`  guest-confirmed after ${Math.round(performance.now() - started)} ms`);
    const after = await expect('after', vcpus, memoryMb, before.seq);
    say(`  after, from inside: ${after.cpus} vCPUs online, ${after.availableMb} MiB available`);
    return after;
  };

  let view = await expect('at birth', 1, 256, -1);
  view = await adjust(3, 768, view);
  view = await adjust(2, 384, view);

  chapter('A hard reboot keeps it');
  await show(CLOUD, 'server', 'reboot', '--hard', '--wait', SERVER);
  view = await expect('after the reboot', 2, 384, -1);

  chapter('Soft reboot, stop, start; what was done');
  await show(CLOUD, 'server', 'reboot', '--soft', '--wait', SERVER);
  await show(CLOUD, 'server', 'stop', SERVER);
  await until('SHUTOFF', 120_000, async () =>
    (await openstack(CLOUD, 'server', 'show', SERVER, '-f', 'value', '-c', 'status')) === 'SHUTOFF' ? true : null,
  );
  await show(CLOUD, 'server', 'start', SERVER);
  await until('ACTIVE', 120_000, async () =>
    (await openstack(CLOUD, 'server', 'show', SERVER, '-f', 'value', '-c', 'status')) === 'ACTIVE' ? true : null,
  );
  await show(CLOUD, 'server', 'event', 'list', SERVER);
  say((await openstack(CLOUD, 'console', 'log', 'show', '--lines', '5', SERVER)).trim());

  chapter('Delete, and nothing is left');
  await show(CLOUD, 'server', 'delete', '--wait', SERVER);
  const virsh = async (...words: string[]): Promise<string> => {
    say(`$ virsh ${words.join(' ')}`);
    const { stdout } = await run('virsh', ['-q', '-c', LIBVIRT_URI, ...words]);
    say(stdout.trimEnd());
    return stdout;
  };
  const domains = await virsh('list', '--all', '--uuid');
  check('domains of this server', domains.includes(id) ? 'there' : 'none', !domains.includes(id), 'none');
  const networks = await virsh('net-list', '--all', '--name');
  check(
    'the network of this server',
    networks.includes(networkId) ? 'there' : 'none',
    networkId !== '' && !networks.includes(networkId),
    'none',
  );
  check(
    'files of the server',
    existsSync(join(dataDir, 'instances', id)) ? 'there' : 'none',
    !existsSync(join(dataDir, 'instances', id)),
    'none',
  );
}

/** How far the guest's available memory may be from what the balloon left it: caches come and go. */
const TOLERANCE_MB = 32;

/** For machines without ssh-keygen: any valid public key serves. */
const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl demo\n';

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
chapter('Everything in one process, on the real hypervisor');
// a subnet of its own, beside that of a service which may run here already
const cidr = `10.${128 + Math.floor(Math.random() * 120)}.0.0/20`;
const words = ['serve', '--data-dir', dataDir, '--port', String(port), '--driver', 'libvirt'];
words.push('--set', `network.default_cidr=${cidr}`);
say(`$ bin/xloud ${words.join(' ')}`);
const log = join(dir, 'xloud.log');
const { openSync } = await import('node:fs');
const server = spawn(join(ROOT, 'bin/xloud'), words, { stdio: ['ignore', 'inherit', openSync(log, 'a')] });
let failed = false;
try {
  await until('the service', 60_000, async () => {
    if (server.exitCode !== null) throw new Error(`xloud serve ended: ${readFileSync(log, 'utf8').slice(-2000)}`);
    return fetch(`${url}/readyz`).then(
      (response) => (response.ok ? true : null),
      () => null,
    );
  });
  await main(url);
  say('\nEvery number was as said.');
} catch (error) {
  failed = true;
  say(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
  say(`--- end of the service's log (${log})`);
  say(readFileSync(log, 'utf8').split('\n').slice(-15).join('\n'));
  // the guest would go on without us
  if (existsSync(join(dataDir, 'clouds.yaml'))) {
    await openstack(CLOUD, 'server', 'delete', '--wait', SERVER).catch(() => undefined);
  }
} finally {
  server.kill('SIGTERM');
  await new Promise((resolve) => (server.exitCode === null ? server.once('exit', resolve) : resolve(null)));
  if (!failed) rmSync(dir, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
