// Why: compute takes Nova's place in a cloud that is there: Debian's Keystone, Glance, Placement and Neutron on MariaDB and RabbitMQ, its driver for
// OVN, and of this program the API, a worker and an agent for each of two libvirt hosts, all as processes of their own on this machine.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, startCluster } from './cluster.ts';
import { glanceMissing, startGlance, type TestGlance } from './glance.ts';
import {
  cloudsFor,
  enrol,
  keystoneMissing,
  type Member,
  passwordIdentity,
  projectScope,
  register,
  startKeystone,
  type TestKeystone,
} from './keystone.ts';
import { startMetadataAgents } from './metadata-agents.ts';
import { neutronMissing, startNeutron, type TestNeutron } from './neutron-server.ts';
import { type OvnHosts, startOvnHosts } from './ovn-hosts.ts';
import { type ClientProcess, startClientProcess } from './openstack/process.ts';
import { placementMissing, startPlacement } from './placement-server.ts';
import { type Rabbitmq, startRabbitmq } from './rabbitmq.ts';
import { freePort } from './serve.ts';

/** What is outside, on the wire of external networks: their gateway. */
export const OUTSIDE = '198.51.100.1';
export const EXTERNAL_RANGE = '198.51.100.0/24';
/** Our user at Keystone, and its password. */
const NOVA = 'nova';

export interface OpenstackCloud {
  readonly keystone: TestKeystone;
  readonly glance: TestGlance;
  readonly neutron: TestNeutron;
  readonly ovn: OvnHosts;
  readonly cluster: Cluster;
  /** Where what this program is made of has its configurations and logs. */
  readonly directory: string;
  /** With the clouds `xloud` (the administrator), `demo` and `other` (members of projects of these names). */
  readonly cloudsYaml: string;
  /** What the stock client prints; rejects with its words where it fails. */
  readonly openstack: (cloud: string, ...words: string[]) => Promise<string>;
  /** What stands before a command that is run outside, where floating addresses are reached. */
  readonly outside: readonly string[];
  close(): Promise<void>;
}

export interface OpenstackWish {
  readonly hosts?: readonly string[];
  /** More for every configuration of this program. */
  readonly config?: Readonly<Record<string, object>>;
  /** Said now and then while it starts. */
  readonly say?: (what: string) => void;
}

/** Why it cannot be started on this machine, or null. */
export const openstackMissing = (): string | null =>
  keystoneMissing() ?? glanceMissing() ?? placementMissing() ?? neutronMissing();

/** Members of projects of their own, whose passwords are the same word. */
const MEMBERS: readonly Member[] = [
  { name: 'demo', project: 'demo', roles: ['member', 'reader'] },
  { name: 'other', project: 'other', roles: ['member', 'reader'] },
];

/** An agent of a hypervisor host, whose guests are Neutron's to connect. */
function agentOf(ovn: OvnHosts, directory: string, name: string) {
  const { libvirtd, address } = ovn.host(name);
  return {
    compute: {
      ...{ libvirt_uri: libvirtd.uri, instances_dir: join(directory, `instances-${name}`), virt_type: 'qemu' },
      ...{ vnc_listen: 'socket', disk_transfer_addr: '127.0.0.1' },
      ...{ live_migration_inbound_addr: address, live_migration_scheme: 'tcp' },
    },
  };
}

/** Every chassis leads to the wire of external networks. */
async function makeGateways({ hosts }: OvnHosts): Promise<void> {
  for (const host of hosts) {
    await host.inside('ovs-vsctl', 'set', 'Open_vSwitch', '.', 'external_ids:ovn-cms-options=enable-chassis-as-gw');
  }
}

/** Starts all of it; two to four minutes on two processors. */
export async function startOpenstackCloud(wish: OpenstackWish = {}): Promise<OpenstackCloud> {
  const { hosts = ['compute-1', 'compute-2'], say = () => {} } = wish;
  const directory = mkdtempSync(join(tmpdir(), 'xloud-openstack-'));
  const endings: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  /** Whatever does not end well leaves the others to end. */
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const end of endings.splice(0).toReversed()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not all of it ended well');
  };
  const held = <T>(one: T, end: (one: T) => unknown): T => {
    endings.push(() => end(one));
    return one;
  };
  try {
    say('libvirt, Open vSwitch and OVN');
    const ovn = held(await startOvnHosts(hosts), (one) => one.close());
    await makeGateways(ovn);
    await ovn.onWire(`${OUTSIDE}/24`);
    say('RabbitMQ, MariaDB and Keystone');
    // ended by the cluster, and before it where there is none
    const broker: Rabbitmq = held(await startRabbitmq(), (one) => one.stop());
    const keystone = held(await startKeystone({ provider: 'fernet', database: 'mariadb' }), (one) => one.stop());
    await register(keystone, { user: NOVA, type: 'xloud', url: 'http://127.0.0.1:1' });
    for (const member of MEMBERS) await enrol(keystone, member);
    const cloudsYaml = join(directory, 'clouds.yaml');
    writeFileSync(cloudsYaml, cloudsFor(keystone, MEMBERS), { mode: 0o600 });
    say('Glance');
    const glance = held(await startGlance(keystone, { database: 'mariadb' }), (one) => one.stop());
    say('Placement');
    held(await startPlacement({ keystone, database: 'mariadb' }), (one) => one.stop());
    say('Neutron');
    const [first] = ovn.hosts as [OvnHosts['hosts'][number]];
    const neutron = held(
      await startNeutron(keystone, join(first.libvirtd.dir, 'ovn'), {
        transportUrl: broker.url.replace('amqp:', 'rabbit:'),
        plugins: ['qos'],
        metadata: true,
      }),
      (one) => one.stop(),
    );
    say('API, worker and agents');
    const proxy = { port: await freePort(), secret: 'a-secret-of-the-metadata-agents' };
    mkdirSync(join(directory, 'volumes'));
    for (const name of hosts) mkdirSync(join(directory, `instances-${name}`));
    const identity = {
      ...{ auth_url: keystone.authUrl, username: NOVA, password: NOVA, region_name: 'RegionOne' },
      public_keys_dir: keystone.publicKeysDir,
    };
    const network = {
      metadata_proxy_listen: `127.0.0.1:${proxy.port}`,
      metadata_proxy_shared_secret: proxy.secret,
    };
    const { config = {} } = wish;
    const cluster = held(
      await startCluster({
        ...{ apis: 1, workers: 1, hosts, driver: 'libvirt', directory, broker },
        hostConfig: (name) => agentOf(ovn, directory, name),
        control: { image: {}, network, placement: { sync: 'yes' } },
        config: {
          ...config,
          image: { service: 'glance', ...config['image'] },
          network: { service: 'neutron', ovn_offloads: 'no', ...config['network'] },
          volume: { directory: join(directory, 'volumes') },
          compute: { report_seconds: 2, down_seconds: 60, ...config['compute'] },
        },
        keystone: {
          ...{ identity, cloudsYaml },
          token: () =>
            keystone.login({ identity: passwordIdentity(keystone.adminPassword), scope: projectScope('admin') }),
          async register(entry) {
            await register(keystone, { user: NOVA, type: 'compute', url: `${entry}/compute/v2.1` });
            await register(keystone, { user: 'cinderv3', type: 'block-storage', url: `${entry}/volume/v3` });
          },
        },
      }),
      (one) => one.close(),
    );
    say("Neutron's metadata agents");
    held(await startMetadataAgents(ovn, directory, proxy), (one) => one.close());
    let client: Promise<ClientProcess> | null = null;
    endings.push(async () => (await client)?.close());
    return {
      ...{ keystone, glance, neutron, ovn, cluster, directory, cloudsYaml, close },
      outside: ovn.outside,
      async openstack(cloud, ...words) {
        client ??= startClientProcess('debian', cloudsYaml, directory);
        const { status, out, err } = await (await client).ask(['--os-cloud', cloud, ...words]);
        if (status === 0) return out;
        throw new Error(`openstack ${words.join(' ')}: ${status}: ${err}`);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
