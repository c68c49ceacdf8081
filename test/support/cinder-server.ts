// Why: volumes are tested against the Cinder that operators run, Debian's packages (API, scheduler and volume manager), started here in a
// directory of their own over a real Ceph and an iSCSI target, and registered in a Keystone.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CEPH_POOL, CEPH_USER, type TestCeph } from './ceph.ts';
import { register, type TestKeystone } from './keystone.ts';
import { freshMariadb, sqlalchemyUrl } from './mariadb.ts';
import { eventually, freePort } from './serve.ts';
import type { TestTgtd } from './tgtd.ts';

const run = promisify(execFile);
const PROGRAMS = ['cinder-api', 'cinder-scheduler', 'cinder-volume', 'cinder-manage'].map((name) => `/usr/bin/${name}`);
const UP_MS = 300_000;
/** The id under which Cinder tells hosts to keep the key of Ceph. */
export const SECRET_UUID = '457eb676-33da-42ec-9a8c-9293d545c337';

/** Why Cinder cannot be started on this machine, or null. */
export function cinderMissing(): string | null {
  const missing = PROGRAMS.filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} not installed (Debian packages cinder-api, …)`;
}

export interface CinderWish {
  readonly keystone: TestKeystone;
  /** Of a message broker, as oslo.messaging has them. */
  readonly transportUrl: string;
  /** Glance's. */
  readonly images: string;
  readonly ceph: TestCeph;
  readonly tgtd: TestTgtd;
}

export interface TestCinder {
  readonly endpoint: string;
  log(): string;
  /** Ends the API, and starts it again where it was. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

interface Place extends CinderWish {
  readonly dir: string;
  readonly port: number;
  readonly database: string;
}

const config = ({ dir, port, database, keystone: { authUrl }, transportUrl, images, ceph, tgtd }: Place): string => {
  const user = `auth_url = ${authUrl}
auth_type = password
username = cinder
password = cinder
user_domain_id = default
project_domain_id = default
project_name = service
`;
  return `[DEFAULT]
debug = false
transport_url = ${transportUrl}
auth_strategy = keystone
my_ip = 127.0.0.1
host = tests
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = ${port}
osapi_volume_workers = 1
api_paste_config = /etc/cinder/api-paste.ini
resource_query_filters_file = /etc/cinder/resource_filters.json
rootwrap_config = /etc/cinder/rootwrap.conf
state_path = ${dir}
image_conversion_dir = ${dir}/conversion
glance_api_servers = ${images}
log_dir = ${dir}
enabled_backends = ceph,files
default_volume_type = ceph
service_down_time = 300
[database]
connection = ${database}
[oslo_concurrency]
lock_path = ${dir}/locks
[keystone_authtoken]
www_authenticate_uri = ${authUrl}
${user}service_token_roles = service
service_token_roles_required = true
[nova]
${user}interface = internal
[service_user]
send_service_user_token = true
${user}
[ceph]
volume_driver = cinder.volume.drivers.rbd.RBDDriver
volume_backend_name = ceph
rbd_pool = ${CEPH_POOL}
rbd_user = ${CEPH_USER}
rbd_ceph_conf = ${ceph.conf}
rbd_secret_uuid = ${SECRET_UUID}
rbd_exclusive_cinder_pool = true
[files]
volume_driver = file_iscsi.FileISCSIDriver
volume_backend_name = files
file_iscsi_directory = ${dir}/files
file_iscsi_portal = ${tgtd.portal}
file_iscsi_control_port = ${tgtd.control}
`;
};

/** Starts Debian's Cinder on 127.0.0.1; about a minute on an idle machine. */
export async function startCinder(wish: CinderWish): Promise<TestCinder> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-cinder-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const database = await freshMariadb();
  for (const name of ['locks', 'conversion', 'files', 'bin']) await mkdir(join(dir, name));
  // it is root's already
  await writeFile(join(dir, 'bin/sudo'), '#!/bin/sh\nexec "$@"\n');
  await chmod(join(dir, 'bin/sudo'), 0o755);
  const file = join(dir, 'cinder.conf');
  await writeFile(file, config({ ...wish, dir, port, database: sqlalchemyUrl(database) }));
  const env = {
    ...process.env,
    PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    PYTHONPATH: join(import.meta.dirname, 'cinder'),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  await run('/usr/bin/cinder-manage', ['--config-file', file, 'db', 'sync'], { cwd: dir, env });
  await register(wish.keystone, { user: 'cinder', type: 'block-storage', url: `${endpoint}/v3` });
  const log = createWriteStream(join(dir, 'out.log'));
  await new Promise((resolve) => log.once('open', resolve));
  const said = async () => readFile(join(dir, 'out.log'), 'utf8');

  const started = new Set<{ readonly child: ChildProcess; readonly gone: Promise<void> }>();
  const start = (name: string): { readonly child: ChildProcess; readonly gone: Promise<void> } => {
    // a group of its own: it starts others
    const child = spawn(`/usr/bin/${name}`, ['--config-file', file], {
      cwd: dir,
      env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    const one = { child, gone: new Promise<void>((resolve) => child.once('exit', () => resolve())) };
    started.add(one);
    return one;
  };
  const end = async (one: { readonly child: ChildProcess; readonly gone: Promise<void> }): Promise<void> => {
    started.delete(one);
    try {
      process.kill(-(one.child.pid ?? 0), 'SIGKILL');
    } catch {
      // gone already
    }
    await one.gone;
  };
  async function startApi() {
    const api = start('cinder-api');
    await eventually('Cinder', UP_MS, async () => {
      if (api.child.exitCode !== null) throw new Error(`Cinder ended:\n${await said()}`);
      const answer = await fetch(endpoint).catch(() => null);
      await answer?.body?.cancel();
      return answer?.status === 300 ? true : null;
    });
    return api;
  }

  start('cinder-scheduler');
  start('cinder-volume');
  let api = await startApi();
  return {
    endpoint,
    log: () =>
      ['cinder-api.log', 'cinder-volume.log', 'cinder-scheduler.log', 'out.log']
        .map((name) => join(dir, name))
        .filter((path) => existsSync(path))
        .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
        // what went well is said of every request
        .filter((line) => !/ (INFO|DEBUG) /.test(line))
        .slice(-60)
        .join('\n'),
    pause: () => end(api),
    async resume() {
      api = await startApi();
    },
    async stop() {
      for (const one of [...started]) await end(one);
      log.end();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
