// Why: the whole product over several hosts that OVN joins, as an operator has it: an API, a worker, and an agent on each host, which asks
// its own switch and has neither the database nor the Northbound one.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { type Cluster, startCluster, XLOUD } from './cluster.ts';
import { runInside } from './inside.ts';
import { type OvnHosts, startOvnHosts, WIRE_NAME } from './ovn-hosts.ts';
import { type CloudName, eventually, type Reply } from './serve.ts';
import { uploadGuest } from './serve-guest.ts';

const run = promisify(execFile);

const PATIENCE_MS = 300_000;
const INSIDE_MS = 120_000;

export interface OvnHostService {
  readonly ovn: OvnHosts;
  readonly cluster: Cluster;
  readonly imageRef: string;
  ask(who: CloudName, method: string, path: string, body?: object): Promise<Reply>;
  /** The body of the answer to what must succeed. */
  done(who: CloudName, method: string, path: string, body?: object): Promise<Reply['body']>;
  /** Resolves when all that was changed so far is in force on all hosts. */
  settled(): Promise<void>;
  hostOf(id: string): Promise<string>;
  /** Waits until nothing is under way for a server and it is so. */
  reaches(id: string, status: string): Promise<void>;
  /** What a shell in a guest prints. */
  inside(id: string, script: string, host?: string): Promise<string>;
  virsh(host: string, ...words: string[]): Promise<string>;
  close(): Promise<void>;
}

/** A token of the cloud `xloud-demo`, which no administrator has. */
async function memberToken({ apis, cloudsYaml }: Cluster): Promise<string> {
  const { clouds } = parse(readFileSync(cloudsYaml, 'utf8')) as { clouds: Record<CloudName, { auth: Auth }> };
  const { username, password, project_name } = clouds['xloud-demo'].auth;
  const domain = { name: 'Default' };
  const user = { name: username, password, domain };
  const identity = { methods: ['password'], password: { user } };
  const response = await fetch(`${apis[0]?.url}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: project_name, domain } } } }),
  });
  return response.headers.get('X-Subject-Token') ?? assert.fail(await response.text());
}

interface Auth {
  readonly username: string;
  readonly password: string;
  readonly project_name: string;
}

async function askAs({ apis }: Cluster, token: string, method: string, path: string, body?: object): Promise<Reply> {
  const response = await fetch(`${apis[0]?.url}${path}`, {
    method,
    headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json', 'OpenStack-API-Version': 'compute 2.96' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text };
}

export async function startOvnHostService(names: readonly string[]): Promise<OvnHostService> {
  const ovn = await startOvnHosts(names);
  const dir = await mkdtemp(join(tmpdir(), 'xloud-ovn-guests-'));
  const agent = (name: string, entry: string) => {
    const { libvirtd, address, netns } = ovn.host(name);
    return {
      compute: {
        ...{ libvirt_uri: libvirtd.uri, instances_dir: join(dir, name), virt_type: 'qemu', vnc_listen: 'socket' },
        ...{ live_migration_inbound_addr: address, live_migration_scheme: 'tcp', disk_transfer_addr: '127.0.0.1' },
        // away from the last one it takes long enough that something can happen on the way
        live_migration_bandwidth: name === names.at(-1) ? 8 : 0,
      },
      network: {
        ...{ engine: 'ovn', ovn_offloads: 'no', ...ovn.identityOf(name) },
        ovs_db: `unix:/proc/${libvirtd.pid}/root/run/openvswitch/db.sock`,
        ovs_netns: netns,
        ...{ ovn_sb: [ovn.southbound], metadata_key_file: join(dir, `metadata-${name}.key`) },
        metadata_url: `${entry}/metadata`,
      },
    };
  };
  const network = {
    ...{ engine: 'ovn', ovn_nb: [ovn.northbound], ...ovn.control, ovn_wire: WIRE_NAME },
    ...{ ovn_tunnel_mtu: 1442, ovn_offloads: 'no', metadata_key_file: join(dir, 'metadata-secret') },
  };
  /** Hosts' namespaces have names on this machine too: each agent sees its own alone, as on a machine of its own. */
  const spotOf = (name: string) => {
    const found = ovn.hosts.find((host) => host.name === name);
    const place = { address: '127.0.0.1', env: {} };
    if (found === undefined) return { ...place, within: [] };
    const { netns, libvirtd } = found;
    const script = `mount -t tmpfs tmpfs /run/netns && touch /run/netns/${netns} &&
      mount --bind /proc/${libvirtd.pid}/ns/net /run/netns/${netns} && exec "$@"`;
    return { ...place, within: ['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script, 'agent'] };
  };
  let cluster: Cluster | null = null;
  const close = async (): Promise<void> => {
    await cluster?.close();
    await ovn.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await run(XLOUD, ['metadata', 'keys', ...names, '--dir', dir]);
    cluster = await startCluster({
      spotOf,
      ...{ apis: 1, workers: 1, hosts: names, driver: 'libvirt', hostConfig: agent, control: { network } },
      config: { compute: { report_seconds: 2, down_seconds: 60 } },
    });
    const begun = cluster;
    const member = await memberToken(begun);
    const ask: OvnHostService['ask'] = (who, method, path, body) =>
      who === 'xloud' ? begun.request(0, method, path, body) : askAs(begun, member, method, path, body);
    const done: OvnHostService['done'] = async (who, method, path, body) => {
      const answer = await ask(who, method, path, body);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    };
    const server = async (id: string) => (await done('xloud', 'GET', `/compute/v2.1/servers/${id}`)).server;
    const hostOf = async (id: string): Promise<string> => (await server(id))['OS-EXT-SRV-ATTR:host'];
    const virsh: OvnHostService['virsh'] = (host, ...words) =>
      ovn.host(host).inside('virsh', '-q', '-c', 'qemu:///system', ...words);
    return {
      ...{ ovn, cluster: begun, ask, done, hostOf, virsh, close },
      imageRef: await uploadGuest({ request: (_, method, path, body) => begun.request(0, method, path, body) }),
      settled: async () => void (await ovn.nbctl('--wait=hv', 'sync')),
      async reaches(id, status) {
        await eventually(`${id} ${status}`, PATIENCE_MS, async () => {
          const { status: now, fault, 'OS-EXT-STS:task_state': task } = await server(id);
          assert.ok(now !== 'ERROR' || status === 'ERROR', `${id} is in ERROR: ${JSON.stringify(fault)}`);
          return now === status && task === null ? true : null;
        });
      },
      async inside(id, script, host) {
        const at = host ?? (await hostOf(id));
        const tell = async (command: object): Promise<unknown> =>
          (JSON.parse(await virsh(at, 'qemu-agent-command', id, JSON.stringify(command))) as { return: unknown })
            .return;
        await eventually(`the agent of ${id}`, PATIENCE_MS, () =>
          tell({ execute: 'guest-ping' }).then(
            () => true,
            () => null,
          ),
        );
        return runInside(tell, script, INSIDE_MS);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
