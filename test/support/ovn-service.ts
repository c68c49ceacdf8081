// Why: the whole product with OVN as `make run ENGINE=ovn` starts it, for tests: `xloud serve`, a libvirtd and an OVN of its own.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Libvirtd, startLibvirtd } from './libvirtd.ts';
import { CHASSIS, type Machine, OVN_SCRIPT, outsideOf } from './ovn.ts';
import { type CloudName, type Reply, type Service, startService } from './serve.ts';

const run = promisify(execFile);

export interface OvnService {
  readonly libvirtd: Libvirtd;
  readonly service: Service;
  /** The network namespace of hypervisor and switch, by its name. */
  readonly netns: string;
  /** The body of the answer to what must succeed. */
  done(who: CloudName, method: string, path: string, body?: object): Promise<Reply['body']>;
  /** A namespace on the wire of external networks. */
  outside(name: string, ...addresses: string[]): Promise<Machine>;
  /** The namespaces that the metadata service made for networks. */
  metadataNamespaces(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What is to be there between OVN, whose databases lie in `home`, and the service. */
export type Prepare = (home: string) => Promise<Readonly<Record<string, string>>>;

export async function startOvnService(
  env: Readonly<Record<string, string>> = {},
  prepare: Prepare = async () => ({}),
): Promise<OvnService> {
  const libvirtd = await startLibvirtd({ hostname: 'ovn-host' });
  const home = join(libvirtd.dir, 'ovn');
  const netns = `xloud-test-${libvirtd.pid}`;
  const ids = new Set<string>();
  const metadataNamespaces = async (): Promise<readonly string[]> => {
    const names = (await run('ip', ['netns', 'list'])).stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
    return names.filter((name) => [...ids].some((id) => name === `xloud-md-${id}`));
  };
  let service: Service | null = null;
  const close = async () => {
    await service?.close();
    for (const name of await metadataNamespaces()) await run('ip', ['netns', 'del', name]);
    await run('ip', ['netns', 'del', netns]).catch(() => {});
    await libvirtd.exec(OVN_SCRIPT, 'end', home).catch(() => {});
    await libvirtd.stop();
  };
  try {
    await libvirtd.exec(OVN_SCRIPT, 'central', home);
    await libvirtd.exec(OVN_SCRIPT, 'chassis', home, CHASSIS, `unix:${home}/sb.sock`);
    await run('ip', ['netns', 'attach', netns, String(libvirtd.pid)]);
    service = await startService({
      driver: 'libvirt',
      env: {
        XLOUD_COMPUTE__LIBVIRT_URI: libvirtd.uri,
        XLOUD_COMPUTE__VIRT_TYPE: 'qemu',
        XLOUD_COMPUTE__REPORT_SECONDS: '2',
        XLOUD_NETWORK__ENGINE: 'ovn',
        XLOUD_NETWORK__OVN_NB: `unix:${home}/nb.sock`,
        XLOUD_NETWORK__OVN_GATEWAYS: CHASSIS,
        XLOUD_NETWORK__OVS_DB: `unix:/proc/${libvirtd.pid}/root/run/openvswitch/db.sock`,
        XLOUD_NETWORK__OVS_NETNS: netns,
        ...env,
        ...(await prepare(home)),
      },
    });
  } catch (error) {
    await close();
    throw error;
  }
  const begun = service;
  return {
    ...{ libvirtd, service: begun, netns, metadataNamespaces, close },
    async done(who, method, path, body) {
      const answer = await begun.request(who, method, path, body);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      if (path === '/network/v2.0/networks' && method === 'POST') ids.add(answer.body.network.id);
      return answer.body;
    },
    outside: (name, ...addresses) => outsideOf(libvirtd, name, [], ...addresses),
  };
}
