// Why: volumes on Ceph are tried on a real one: Debian's monitor, manager and one store in memory, all in user space, started here in a
// directory of their own.

import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROGRAMS = ['/usr/bin/ceph-mon', '/usr/bin/ceph-mgr', '/usr/bin/ceph-osd', '/usr/bin/ceph'];
const MONITOR_PORT = 16_789;
const UP_MS = 180_000;
const COMMAND_MS = 120_000;
/** Who volumes are opened as, and where they lie. */
export const CEPH_USER = 'cinder';
export const CEPH_POOL = 'volumes';

/** Why Ceph cannot be started on this machine, or null. */
export function cephMissing(): string | null {
  const missing = PROGRAMS.filter((path) => !existsSync(path));
  return missing.length === 0
    ? null
    : `${missing.join(', ')} not installed (Debian packages ceph-mon, ceph-mgr, ceph-osd)`;
}

export interface TestCeph {
  /** With ceph.conf and the keyring of `CEPH_USER`. */
  readonly dir: string;
  readonly conf: string;
  /** What is in the pool. */
  images(): Promise<readonly string[]>;
  /** The bytes of an image at an offset. */
  read(image: string, offset: number, length: number): Promise<string>;
  stop(): Promise<void>;
}

const config = (dir: string, fsid: string, address: string): string => `[global]
fsid = ${fsid}
mon host = [v1:${address}:${MONITOR_PORT}]
public addr = ${address}
public network = ${address}/32
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
ms bind msgr2 = false
run dir = ${dir}
admin socket = ${dir}/$name.asok
pid file = ${dir}/$name.pid
log file = ${dir}/$name.log
mon cluster log file = ${dir}/cluster.log
crash dir = ${dir}/crash
keyring = ${dir}/ceph.$name.keyring
[mon.a]
mon data = ${dir}/mon
[mgr.x]
mgr data = ${dir}/mgr
keyring = ${dir}/mgr/keyring
[osd.0]
osd data = ${dir}/osd
keyring = ${dir}/osd/keyring
osd objectstore = memstore
memstore device bytes = ${2 ** 32}
osd memory target = 939524096
`;

/** @param address where it listens; half a minute */
export async function startCeph(address: string): Promise<TestCeph> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-ceph-'));
  const [conf, fsid, osdUuid] = [join(dir, 'ceph.conf'), randomUUID(), randomUUID()];
  for (const name of ['mon', 'mgr', 'osd', 'crash']) await mkdir(join(dir, name));
  await writeFile(conf, config(dir, fsid, address));
  const admin = join(dir, 'ceph.client.admin.keyring');
  const daemons: { kill(): void; readonly gone: Promise<void> }[] = [];
  const tool = (name: string, ...words: string[]) => run(name, words, { timeout: COMMAND_MS });
  const ceph = async (...words: string[]) =>
    (await tool('ceph', '-c', conf, '-k', admin, '--connect-timeout', '60', ...words)).stdout;
  const daemon = (name: string, ...words: string[]): void => {
    const child = spawn(name, ['-c', conf, '-f', ...words], { stdio: 'ignore' });
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    daemons.push({ kill: () => child.kill('SIGKILL'), gone });
  };
  const stop = async () => {
    for (const one of daemons) one.kill();
    await Promise.all(daemons.map(({ gone }) => gone));
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };

  try {
    const monitors = join(dir, 'mon.keyring');
    const all = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *'];
    await tool('ceph-authtool', '--create-keyring', monitors, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
    await tool('ceph-authtool', '--create-keyring', admin, '--gen-key', '-n', 'client.admin', ...all);
    await tool('ceph-authtool', monitors, '--import-keyring', admin);
    const map = join(dir, 'monmap');
    await tool('monmaptool', '--create', '--addv', 'a', `[v1:${address}:${MONITOR_PORT}]`, '--fsid', fsid, map);
    await tool('ceph-mon', '-c', conf, '--mkfs', '-i', 'a', '--monmap', map, '--keyring', monitors);
    daemon('ceph-mon', '-i', 'a', '-k', monitors);
    await ceph(
      'auth',
      'get-or-create',
      'mgr.x',
      'mon',
      'allow profile mgr',
      'osd',
      'allow *',
      '-o',
      join(dir, 'mgr/keyring'),
    );
    daemon('ceph-mgr', '-i', 'x');
    await ceph('osd', 'new', osdUuid);
    const store = join(dir, 'osd.keyring');
    await ceph(
      'auth',
      'get-or-create',
      'osd.0',
      'mon',
      'allow profile osd',
      'mgr',
      'allow profile osd',
      'osd',
      'allow *',
      '-o',
      store,
    );
    await tool('ceph-osd', '-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osdUuid, '-k', store);
    await copyFile(store, join(dir, 'osd/keyring'));
    daemon('ceph-osd', '-i', '0');
    await ceph('osd', 'pool', 'create', CEPH_POOL, '8');
    await ceph('osd', 'pool', 'application', 'enable', CEPH_POOL, 'rbd');
    const own = join(dir, `ceph.client.${CEPH_USER}.keyring`);
    const caps = ['mon', 'profile rbd', 'osd', `profile rbd pool=${CEPH_POOL}`, 'mgr', `profile rbd pool=${CEPH_POOL}`];
    await ceph('auth', 'get-or-create', `client.${CEPH_USER}`, ...caps, '-o', own);
    const until = Date.now() + UP_MS;
    while (!(await ceph('-s')).includes('osd: 1 osds: 1 up')) {
      if (Date.now() > until) throw new Error(`Ceph is not up:\n${await ceph('-s')}`);
      await sleep(500);
    }
  } catch (error) {
    const log = await readFile(join(dir, 'mon.a.log'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`Ceph did not start: ${String(error)}\n${log.slice(-2_000)}`);
  }

  const rbd = async (...words: string[]) =>
    (
      await run('rbd', ['-c', conf, '-k', admin, ...words], {
        timeout: COMMAND_MS,
        maxBuffer: 2 ** 26,
        encoding: 'latin1',
      })
    ).stdout;
  return {
    ...{ dir, conf, stop },
    images: async () =>
      (await rbd('ls', CEPH_POOL))
        .trim()
        .split('\n')
        .filter((name) => name !== ''),
    async read(image, offset, length) {
      const file = join(dir, `export-${randomUUID()}`);
      await rbd('export', '--no-progress', `${CEPH_POOL}/${image}`, file);
      const bytes = (await readFile(file)).subarray(offset, offset + length).toString('latin1');
      await rm(file);
      return bytes;
    },
    stop,
  };
}
