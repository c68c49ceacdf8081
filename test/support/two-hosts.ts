// Why: what moves between hosts is tried between two: each a libvirtd in namespaces of its own, with a wire between them and an
// address each, which nobody else reaches. The drivers of both are in the test's process and meet on its loopback.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LibvirtDriverOptions } from '../../src/virt/libvirt/driver.ts';
import type { LiveSettings } from '../../src/virt/libvirt/move/live-settings.ts';
import type { Libvirtd, LibvirtdOptions } from './libvirtd.ts';
import { type LibvirtHost, startHost } from './libvirt-host.ts';

const run = promisify(execFile);

const NETWORK = '10.177.0';
/** Of the two hosts on their wire. */
export const addresses = [`${NETWORK}.1`, `${NETWORK}.2`] as const;
const WIRE = 'move0';

export interface TwoHosts {
  readonly a: LibvirtHost;
  readonly b: LibvirtHost;
  /** The address of a host on the wire. */
  readonly addressOf: (host: LibvirtHost) => string;
  /** Both can or cannot reach each other. */
  readonly wire: (state: 'up' | 'down') => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How a host takes guests of the other: no certificates on a wire that is nobody else's. */
export const moving = (address: string, more: Partial<LiveSettings> = {}): Partial<LibvirtDriverOptions> => ({
  hostIp: address,
  diskAddress: '127.0.0.1',
  live: { address, scheme: 'tcp', ...more },
});

/** A pair of devices, an end in each namespace: nothing of it is ever on the machine itself. */
export async function joinHosts(a: Libvirtd, b: Libvirtd): Promise<void> {
  const inside = ({ pid }: Libvirtd, ...words: string[]) => run('nsenter', ['-t', String(pid), '-n', 'ip', ...words]);
  await inside(a, 'link', 'add', WIRE, 'type', 'veth', 'peer', 'name', WIRE, 'netns', String(b.pid));
  for (const [host, last] of [
    [a, 1],
    [b, 2],
  ] as const) {
    await inside(host, 'addr', 'add', `${NETWORK}.${last}/24`, 'dev', WIRE);
    await inside(host, 'link', 'set', WIRE, 'up');
  }
}

export async function startTwoHosts(
  options: LibvirtdOptions & {
    readonly driver?: (address: string) => Partial<LibvirtDriverOptions>;
    /** Both have this directory. */
    readonly sharedDir?: string;
  } = {},
): Promise<TwoHosts> {
  const { driver = () => ({}), sharedDir, ...daemon } = options;
  const start = (name: string, address: string, beside?: LibvirtHost) =>
    startHost({
      ...daemon,
      hostname: name,
      tcpPort: 16_509,
      driver: { ...moving(address), ...driver(address) },
      ...(beside === undefined ? {} : { beside }),
      ...(sharedDir === undefined ? {} : { instancesDir: sharedDir }),
    });
  const a = await start('host-a', addresses[0]);
  const b = await start('host-b', addresses[1], a).catch(async (error: unknown) => {
    await a.close();
    throw error;
  });
  const close = async () => {
    await Promise.all([a.close(), b.close()]);
  };
  try {
    await joinHosts(a.libvirtd, b.libvirtd);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...{ a, b, close },
    addressOf: (host) => addresses[host === a ? 0 : 1],
    wire: async (state) => {
      await run('nsenter', ['-t', String(a.libvirtd.pid), '-n', 'ip', 'link', 'set', WIRE, state]);
    },
  };
}
