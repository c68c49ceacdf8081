// Why: servers are taken over from, and handed back to, the Nova that operators run: Debian's package with its placement, started here in a
// directory of its own over a private libvirtd, and registered in a Keystone.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/db/engine.ts';
import { register, serviceLogin, type TestKeystone } from './keystone.ts';
import type { Libvirtd } from './libvirtd.ts';
import { freshMariadb, type TestDatabase } from './mariadb.ts';
import { placementMissing, startPlacement } from './placement-server.ts';
import { type Rabbitmq, startRabbitmq } from './rabbitmq.ts';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);

const PROGRAMS = ['nova-api', 'nova-conductor', 'nova-scheduler', 'nova-compute', 'nova-manage'].map(
  (name) => `/usr/bin/${name}`,
);
const UP_MS = 180_000;
const STOP_MS = 30_000;

/** Why Nova cannot be started on this machine, or null. */
export function novaMissing(): string | null {
  const missing = PROGRAMS.filter((path) => !existsSync(path));
  return missing.length === 0
    ? placementMissing()
    : `${missing.join(', ')} not installed (tools/packages.sh ensure nova)`;
}

export interface NovaParts {
  readonly keystone: TestKeystone;
  readonly glance: string;
  readonly libvirtd: Libvirtd;
  /** Its name as Neutron knows it. */
  readonly host: string;
  /** Where its guests' files go. */
  readonly instancesDir: string;
  /** Cinder's, without a version; absent: there is none. */
  readonly cinder?: string;
}

export interface TestNova {
  /** `http://127.0.0.1:PORT/v2.1`, as the catalog has it. */
  readonly endpoint: string;
  /** As `--api-database` and its like take them. */
  readonly databases: { readonly api: string; readonly cell: string; readonly cell0: string };
  /** Ends its services, guests go on. */
  halt(): Promise<void>;
  /** As if they had been halted for as long as Nova waits until it calls a service down. */
  forgetBeats(): Promise<void>;
  /** Starts them again. */
  resume(): Promise<void>;
  /** A call as the administrator of the project `admin`; the body of the answer to what must succeed. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  done(method: string, path: string, body?: object): Promise<any>;
  /** A call, whatever comes of it. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: any }>;
  /** What its services say in the end. */
  log(name: string): Promise<string>;
  stop(): Promise<void>;
}

const auth = (keystone: TestKeystone, user: string): string =>
  `${serviceLogin(keystone, user)}region_name = RegionOne\n`;

const sqlOf = ({ name, url }: TestDatabase): string =>
  `mysql+pymysql://root@localhost/${name}?unix_socket=${new URL(url).searchParams.get('socketPath')}`;

interface Place {
  readonly dir: string;
  readonly port: number;
  readonly broker: Rabbitmq;
  readonly api: TestDatabase;
  readonly cell: TestDatabase;
}

const config = ({ keystone, glance, libvirtd, host, instancesDir, cinder }: NovaParts, place: Place): string => {
  const { dir, port, broker, api, cell } = place;
  const helper = `helper_command = /usr/bin/privsep-helper --config-file ${join(dir, 'nova.conf')}`;
  return `[DEFAULT]
my_ip = 127.0.0.1
host = ${host}
transport_url = ${broker.url.replace('amqp:', 'rabbit:')}
state_path = ${dir}
instances_path = ${instancesDir}
log_dir = ${dir}
use_stderr = false
enabled_apis = osapi_compute
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = ${port}
osapi_compute_workers = 1
compute_driver = libvirt.LibvirtDriver
vif_plugging_timeout = 0
vif_plugging_is_fatal = false
rootwrap_config = /etc/nova/rootwrap.conf
rpc_response_timeout = 180
reserved_host_memory_mb = 0
ram_allocation_ratio = 8
cpu_allocation_ratio = 16
disk_allocation_ratio = 8
[api]
auth_strategy = keystone
[api_database]
connection = ${sqlOf(api)}
[database]
connection = ${sqlOf(cell)}
[conductor]
workers = 1
[scheduler]
workers = 1
[filter_scheduler]
enabled_filters = ComputeFilter
[keystone_authtoken]
www_authenticate_uri = ${keystone.authUrl}
service_token_roles_required = true
${auth(keystone, 'nova')}
[service_user]
send_service_user_token = true
${auth(keystone, 'nova')}
[neutron]
${auth(keystone, 'nova')}
ovs_bridge = br-int
${cinder === undefined ? '' : `[cinder]\nendpoint_template = ${cinder}/v3/%(project_id)s\n`}[glance]
api_servers = ${glance}
[placement]
${auth(keystone, 'nova')}
[libvirt]
virt_type = qemu
connection_uri = ${libvirtd.uri}
cpu_mode = custom
cpu_models = Nehalem
images_type = qcow2
[os_vif_ovs]
ovsdb_connection = unix:/proc/${libvirtd.pid}/root/run/openvswitch/db.sock
[vnc]
enabled = false
[oslo_concurrency]
lock_path = ${dir}/lock
[privsep]
${helper}
[nova_sys_admin]
${helper}
[vif_plug_ovs_privileged]
${helper}
[privsep_osbrick]
${helper}
`;
};

/** What ends with this process, whatever ends that. */
const running = new Set<ChildProcess>();

/** A program that writes to a file, ended by its own number. */
function startProgram(command: string, args: readonly string[], log: string, env: NodeJS.ProcessEnv): ChildProcess {
  const output = openSync(log, 'a');
  // its helpers are processes of their own
  const child = spawn(command, args, { stdio: ['ignore', output, output], env, detached: true });
  closeSync(output);
  if (running.size === 0) process.once('exit', () => running.forEach((one) => end(one, 'SIGKILL')));
  running.add(child);
  return child;
}

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // gone already
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  end(child, 'SIGTERM');
  const late = setTimeout(() => end(child, 'SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(late);
  end(child, 'SIGKILL');
}

const answers = async (url: string): Promise<boolean> => {
  const answer = await fetch(url).catch(() => null);
  await answer?.body?.cancel();
  return answer !== null && answer.status < 500;
};

/** Starts Debian's Nova on 127.0.0.1: its API, conductor, scheduler and a nova-compute on the libvirtd; a minute and a half. */
export async function startNova(parts: NovaParts): Promise<TestNova> {
  const { keystone } = parts;
  const dir = await mkdtemp(join(tmpdir(), 'xloud-nova-'));
  const [api, cell, cell0] = [await freshMariadb(), await freshMariadb(), await freshMariadb()];
  const broker = await startRabbitmq();
  const port = await freePort();
  const file = join(dir, 'nova.conf');
  await writeFile(file, config(parts, { dir, port, broker, api, cell }));
  const manage = (...words: string[]) =>
    run('/usr/bin/nova-manage', ['--config-file', file, ...words], { cwd: dir, maxBuffer: 64 * 1024 ** 2 });
  const endpoint = `http://127.0.0.1:${port}/v2.1`;
  await manage('api_db', 'sync');
  await manage('cell_v2', 'map_cell0', '--database_connection', sqlOf(cell0));
  await manage('db', 'sync');
  await manage('cell_v2', 'create_cell', '--name', 'cell1');
  const placement = await startPlacement({ keystone, database: 'mariadb' });
  await register(keystone, { user: 'nova', type: 'compute', url: endpoint });

  let children: ChildProcess[] = [];
  const log = (name: string) => readFile(join(dir, `${name}.log`), 'utf8').catch(() => '');
  let token: string | null = null;
  const ask: TestNova['ask'] = async (method, path, body) => {
    token ??= await keystone.login({
      identity: {
        methods: ['password'],
        password: { user: { name: 'admin', password: keystone.adminPassword, domain: { id: 'default' } } },
      },
      scope: { project: { name: 'admin', domain: { id: 'default' } } },
    });
    const answer = await fetch(`${endpoint}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        'x-auth-token': token,
        'openstack-api-version': 'compute 2.79',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  };
  const done: TestNova['done'] = async (method, path, body) => {
    const { status, body: said } = await ask(method, path, body);
    if (status >= 300) throw new Error(`Nova: ${method} ${path}: ${status} ${JSON.stringify(said)}`);
    return said;
  };

  async function resume(): Promise<void> {
    children = ['nova-conductor', 'nova-scheduler', 'nova-api', 'nova-compute'].map((name) =>
      startProgram(`/usr/bin/${name}`, ['--config-file', file], join(dir, `${name}.out`), process.env),
    );
    await eventually(
      'the API of Nova',
      UP_MS,
      async () => ((await answers(`http://127.0.0.1:${port}/`)) ? true : null),
      500,
    );
    await eventually(
      'nova-compute',
      UP_MS,
      async () => {
        const { status, body } = await ask('GET', '/os-services?binary=nova-compute');
        return status === 200 && body.services.some(({ state }: { state: string }) => state === 'up') ? true : null;
      },
      1_000,
    );
    await manage('cell_v2', 'discover_hosts');
  }

  async function halt(): Promise<void> {
    await Promise.all(children.map(ended));
    children = [];
  }

  async function forgetBeats(): Promise<void> {
    const database = openDatabase(cell.url, 1);
    await database.write('services').update({ last_seen_up: '2001-01-01 00:00:00' });
    await database.close();
  }

  async function stop(): Promise<void> {
    await halt();
    await placement.stop();
    await broker.stop();
    for (const one of [api, cell, cell0]) await one.drop();
    await rm(dir, { recursive: true, force: true });
  }

  try {
    await resume();
  } catch (error) {
    const said = await Promise.all(
      ['nova-compute', 'nova-api', 'nova-conductor'].map(
        async (name) =>
          `${name}: ${(await log(name)).slice(-3_000)} ${(await readFile(join(dir, `${name}.out`), 'utf8').catch(() => '')).slice(-2_000)}`,
      ),
    );
    await stop();
    throw new Error(`${String(error)}:\n${said.join('\n')}`, { cause: error });
  }
  return {
    ...{ endpoint, halt, forgetBeats, resume, ask, done, log, stop },
    databases: { api: sqlOf(api), cell: sqlOf(cell), cell0: sqlOf(cell0) },
  };
}
