// Why: how a guest is reached from here depends on what carries its network: libvirt's own networks are routed, and one of OVN is entered.

import { connect, type Socket } from 'node:net';
import { limits } from '../base/limits.ts';
import { dialFrom } from '../cloud/ovn/metadata/socket.ts';
import type { SshPortRange } from '../db/ssh-ports.ts';
import type { Config } from './config.ts';
import { metadataHostOf } from './metadata.ts';
import { enterNetns } from './netns.ts';
import { hasMetadata } from './metadata-wish.ts';
import type { DialGuest } from './ssh-ports.ts';

const SSH = 22;

function dialHere(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: SSH, timeout: limits.sshDialMs });
    // what it says first waits for who asked
    socket.pause();
    socket.once('error', reject);
    socket.once('timeout', () => socket.destroy(new Error(`${address} does not answer`)));
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

/** The ports that are given to servers; null: none are. */
export function sshRangeOf({ compute }: Pick<Config, 'compute'>): (SshPortRange & { readonly address: string }) | null {
  const [first, last = first] = compute.ssh_ports.split('-').map(Number);
  if (compute.ssh_ports === '' || first === undefined || last === undefined) return null;
  return { first, last, perProject: compute.ssh_ports_per_project, address: compute.ssh_address };
}

/** How guests are reached from this process; null: they are not. */
export function dialGuests(config: Pick<Config, 'compute' | 'network' | 'bus'>): DialGuest | null {
  if (config.bus.url !== '' || config.network.service !== 'built-in') return null;
  if (config.network.engine === 'ovn') {
    if (!hasMetadata(config)) return null;
    const host = metadataHostOf(config.network);
    return ({ networkId, address }) => host.dial(networkId, address, SSH);
  }
  const netns = config.compute.ssh_netns;
  if (netns === '') return ({ address }) => dialHere(address);
  return ({ address }) => dialFrom(enterNetns(netns), address, SSH);
}
