// Why: Neutron's agent for Linux bridges leads a network's bridge to the other hosts and guards what is in it, but puts no server's
// interface there by itself; libvirt does, where the bridge is there. Whoever comes first makes it, as with Nova, and the agent removes it
// with its network. libvirt's own networks have bridges too, but such rules with them as let everything within a bridge pass before
// Neutron's are asked.

import { conflict, messageOf } from '../../base/errors.ts';
import type { Mutex } from '../../base/mutex.ts';
import type { Run } from '../../base/run.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';
import { bridgeOf, isBridged } from './nics.ts';

interface Place {
  readonly run: Run;
  /** What a command begins with to be where guests' interfaces are. */
  readonly enter: readonly string[];
  /** By network, and by bridge. */
  readonly networks: Mutex;
}

/** As `ip -json link` tells of it. */
interface Link {
  readonly ifname: string;
  readonly flags: readonly string[];
}

const exec = ({ run, enter }: Place, ...words: string[]): Promise<string> => {
  const [file = '', ...args] = [...enter, ...words];
  return run(file, args);
};

/** Whether the bridge is up; null: there is none of that name. */
async function isUp(place: Place, bridge: string): Promise<boolean | null> {
  // nothing at all where there is no bridge
  const links = JSON.parse((await exec(place, 'ip', '-json', 'link', 'show', 'type', 'bridge')) || '[]') as Link[];
  return links.find(({ ifname }) => ifname === bridge)?.flags.includes('UP') ?? null;
}

/** @param isThere as whoever began to make it left it */
async function finish(place: Place, bridge: string, isThere: boolean): Promise<void> {
  const words = ['stp_state', '0', 'forward_delay', '0', 'mcast_snooping', '0'];
  if (!isThere) await exec(place, 'ip', 'link', 'add', 'name', bridge, 'type', 'bridge', ...words);
  try {
    // before it is up: what a tenant advertises as a router would give this host an address in there. -e: a kernel without IPv6
    await exec(place, 'sysctl', '-q', '-e', '-w', `net/ipv6/conf/${bridge}/disable_ipv6=1`);
    await exec(place, 'ip', 'link', 'set', 'dev', bridge, 'up');
  } catch (error) {
    if (!isThere) await exec(place, 'ip', 'link', 'del', 'dev', bridge);
    throw error;
  }
}

/**
 * Makes the bridge that a port is plugged into, where it is one of Linux and not there yet; twice is once.
 * @throws conflict where this process may not
 */
export async function ensureBridge(place: Place, nic: NicSpec): Promise<void> {
  if (!isBridged(nic)) return;
  const bridge = bridgeOf(nic);
  await place.networks(bridge, async () => {
    const up = await isUp(place, bridge);
    if (up === true) return;
    try {
      await finish(place, bridge, up !== null);
    } catch (error) {
      // Neutron's agent made it at the same moment
      if ((await isUp(place, bridge)) === true) return;
      throw conflict(
        `Port ${nic.portId} is to be plugged into the bridge ${bridge}, which is not there and could not be made: ${messageOf(error)}. ` +
          'To make it takes the right to change networks (CAP_NET_ADMIN) and settings of interfaces (ProtectKernelTunables=no).',
        { code: 'port.bridge', cause: error },
      );
    }
  });
}
