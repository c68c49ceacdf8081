// Why: networks are tested against the Neutron that operators run, Debian's package with its driver for OVN, started here in a directory
// of its own and registered in a Keystone.

import { execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freshMariadb, sqlalchemyUrl, type TestDatabase } from './mariadb.ts';
import { authtoken, register, type TestKeystone } from './keystone.ts';
import { scratchDir } from './scratch.ts';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);

const SERVER = '/usr/bin/neutron-server';
const MANAGE = '/usr/bin/neutron-db-manage';
const UP_MS = 120_000;

/** Why Neutron cannot be started on this machine, or null. */
export function neutronMissing(): string | null {
  const missing = [SERVER, MANAGE].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} not installed (Debian package neutron-server)`;
}

export interface TestNeutron {
  /** `http://127.0.0.1:PORT`, as the catalog has it. */
  readonly endpoint: string;
  /** Its own. */
  readonly database: Pick<TestDatabase, 'url'>;
  log(): string;
  stop(): Promise<void>;
}

export interface NeutronWish {
  /** Of a message broker, as oslo.messaging has them; default: none. */
  readonly transportUrl?: string;
  /** Beside the router's. */
  readonly plugins?: readonly string[];
  /** Whether networks have a port for a metadata agent. */
  readonly metadata?: boolean;
  /** What plugs ports. Default: `ovn`. */
  readonly driver?: 'ovn' | 'openvswitch' | 'linuxbridge';
}

interface Place extends NeutronWish {
  readonly dir: string;
  readonly port: number;
  readonly keystone: TestKeystone;
  readonly ovn: string;
  readonly database: string;
}

const config = ({
  dir,
  port,
  keystone,
  ovn,
  database,
  transportUrl = 'fake://',
  plugins = [],
  metadata = false,
  driver = 'ovn',
}: Place): string => `[DEFAULT]
core_plugin = ml2
service_plugins = ${[...(driver === 'ovn' ? ['ovn-router'] : []), ...plugins].join(',')}
auth_strategy = keystone
transport_url = ${transportUrl}
bind_host = 127.0.0.1
bind_port = ${port}
api_workers = 1
rpc_workers = ${driver === 'linuxbridge' ? 1 : 0}
state_path = ${dir}
log_file = ${join(dir, 'neutron.log')}
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
[oslo_concurrency]
lock_path = ${dir}
[database]
connection = ${database}
${authtoken(keystone, 'neutron')}service_token_roles_required = true
[nova]
auth_url = ${keystone.authUrl}
auth_type = password
username = neutron
password = neutron
user_domain_id = default
project_domain_id = default
project_name = service
region_name = RegionOne
[ml2]
type_drivers = local,flat,vlan,geneve,vxlan
tenant_network_types = ${driver === 'linuxbridge' ? 'vxlan' : 'geneve'}
mechanism_drivers = ${driver}
extension_drivers = ${['port_security', ...plugins.filter((one) => one === 'qos')].join(',')}
[ml2_type_flat]
flat_networks = *
[ml2_type_geneve]
vni_ranges = 1:65536
max_header_size = 38
[ml2_type_vxlan]
vni_ranges = 1:65536
[experimental]
linuxbridge = ${driver === 'linuxbridge'}
[securitygroup]
enable_security_group = true
[ovn]
ovn_nb_connection = unix:${join(ovn, 'nb.sock')}
ovn_sb_connection = unix:${join(ovn, 'sb.sock')}
ovn_metadata_enabled = ${metadata}
enable_distributed_floating_ip = true
`;

/** Starts Debian's Neutron on 127.0.0.1 with MariaDB, over the OVN whose databases lie in `ovn`; about 25 seconds. */
export async function startNeutron(
  keystone: TestKeystone,
  ovn: string,
  options: NeutronWish = {},
): Promise<TestNeutron> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-neutron-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const file = join(dir, 'neutron.conf');
  // its migrations need what SQLite has not
  const database = await freshMariadb();
  await writeFile(file, config({ dir, port, keystone, ovn, database: sqlalchemyUrl(database), ...options }));
  await run(MANAGE, ['--config-file', file, 'upgrade', 'heads'], { cwd: dir });
  await register(keystone, { user: 'neutron', type: 'network', url: endpoint });
  const log = createWriteStream(join(dir, 'out.log'));
  await new Promise((resolve) => log.once('open', resolve));
  const child = spawn(SERVER, ['--config-file', file], { cwd: dir, stdio: ['ignore', log, log], detached: true });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  async function stop(): Promise<void> {
    // its workers are processes of their own
    if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL');
    await gone;
    log.end();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  }

  try {
    await eventually('Neutron', UP_MS, async () => {
      if (child.exitCode !== null) throw new Error('Neutron ended');
      const answer = await fetch(endpoint).catch(() => null);
      await answer?.body?.cancel();
      return answer?.ok ? true : null;
    });
  } catch (error) {
    const said = await readFile(join(dir, 'neutron.log'), 'utf8').catch(() => readFile(join(dir, 'out.log'), 'utf8'));
    await stop();
    throw new Error(`${String(error)}:\n${said.slice(-3_000)}`);
  }
  return { endpoint, database, log: () => readFileSync(join(dir, 'neutron.log'), 'utf8'), stop };
}
