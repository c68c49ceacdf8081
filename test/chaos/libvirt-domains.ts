// Why: what real guests have is asked of libvirt's own command and of themselves, not of the program that is judged.

import { power, type PowerState } from '../../src/domain/servers/servers.ts';
import type { HeldGuest } from '../support/held.ts';
import type { Libvirtd } from '../support/libvirtd.ts';

const MIB_KIB = 1024;

/** virDomainState; of one that is off the reason does not matter. */
const powers: Readonly<Record<string, PowerState>> = {
  ...{ 1: power.running, 2: power.running, 3: power.paused, 4: power.running },
  ...{ 5: power.shutdown, 6: power.crashed, 7: power.suspended },
};

export interface Domain {
  readonly uuid: string;
  readonly powerState: PowerState;
  readonly vcpus: number;
  readonly memoryMb: number;
  /** Names of its network devices on the host. */
  readonly devices: readonly string[];
}

export const virshOf = async (libvirtd: Libvirtd, ...words: string[]): Promise<string> =>
  (await libvirtd.exec('virsh', '-q', '-c', 'qemu:///system', ...words)).stdout.trim();

/** All domains of a host, from the words of `virsh domstats`. */
export function readDomains(stats: string): readonly Domain[] {
  return stats
    .split(/^Domain: /m)
    .slice(1)
    .map((text) => {
      const facts = new Map(
        [...text.matchAll(/^\s+([\w.]+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value] as const),
      );
      return {
        uuid: /^'xloud-(.*)'/.exec(text)?.[1] ?? text.split('\n', 1)[0] ?? '',
        powerState: powers[facts.get('state.state') ?? ''] ?? power.noState,
        vcpus: Number(facts.get('vcpu.current') ?? 0),
        memoryMb: Number(facts.get('balloon.current') ?? 0) / MIB_KIB,
        devices: [...facts].flatMap(([key, value]) => (/^net\.\d+\.name$/.test(key) ? [value] : [])),
      };
    });
}

export const domainsOf = async (libvirtd: Libvirtd): Promise<readonly Domain[]> =>
  readDomains(await virshOf(libvirtd, 'domstats', '--state', '--vcpu', '--balloon', '--interface'));

interface Vcpu {
  readonly online: boolean;
}

/** A guest with what it says itself of its vCPUs, where it says anything. */
export async function guestOf(libvirtd: Libvirtd, domain: Domain): Promise<HeldGuest> {
  const { uuid, powerState, vcpus, memoryMb } = domain;
  const ask = JSON.stringify({ execute: 'guest-get-vcpus' });
  const online =
    powerState === power.running
      ? await virshOf(libvirtd, 'qemu-agent-command', uuid, ask).then(
          (answer) => (JSON.parse(answer) as { return: readonly Vcpu[] }).return.filter((one) => one.online).length,
          () => vcpus,
        )
      : vcpus;
  return { uuid, powerState, size: { vcpus: online, memoryMb }, pluggedVcpus: vcpus };
}
