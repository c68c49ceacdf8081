// The suite that every driver passes, on real guests. Needs root and a hypervisor's packages, as libvirt-driver.test.ts does.

import { connect } from 'node:net';
import { readInterfaces } from '../../src/virt/libvirt/plug.ts';
import { greetingOf } from '../support/consoles.ts';
import { driverContract } from '../support/driver-contract.ts';
import type { ConsoleLog, GuestStatus } from '../support/guest.ts';
import { configDriveOf, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';

const NS_PER_MS = 1_000_000;

/** What the guest itself says from now on; it may still tell the state of a moment ago in the line that comes first. */
async function nextStatus(console: ConsoleLog): Promise<GuestStatus> {
  const seq = (await console.last())?.seq ?? -1;
  return await console.until((status) => status.seq > seq + 1, 120_000);
}

driverContract(
  'libvirt',
  {
    ...({
      vcpuShrink: 'guest-offline',
      consoleMark: /xloud-guest status/,
      atOnce: 3,
      memoryToleranceMb: 8,
      agent: true,
    } as const),
    // ends of waits for what must happen: they say nothing of how fast it is
    ...{ verbMs: 120_000, confirmMs: 120_000, shutdownMs: 120_000, eventMs: 120_000 },
  },
  async () => {
    const host = await startHost({ driver: { screen: 'socket' } });
    const network = networkOf(5);
    const other = networkOf(6);
    let last = 10;
    const spec = () => host.spec({ nics: [nicOf(network, last++)], configDrive: configDriveOf() });
    return {
      ...{ driver: host.driver, spec, ready: host.ready, powerOffFromInside: host.powerOffFromInside },
      ...{ crash: host.killQemu, leftovers: host.leftovers, close: host.close },
      doomed: () => {
        const one = spec();
        const image = { ...host.guestImages.root.facts, properties: { hw_machine_type: 'no-such-machine' } };
        return { ...one, disks: { ...one.disks, image } };
      },
      mark: host.mark,
      stored: (imageId) => host.images.stored.get(imageId),
      passwordInside: async (uuid, user) => {
        const lines = await host.consoleOf(uuid).lines();
        return lines.findLast(({ kind, fields }) => kind === 'password' && fields.user === user)?.fields.sha256 ?? null;
      },
      spoilClock: async (uuid, byMs) => {
        const command = { execute: 'guest-set-time', arguments: { time: (Date.now() + byMs) * NS_PER_MS } };
        await host.virsh('qemu-agent-command', uuid, JSON.stringify(command));
      },
      clockOffMs: async (uuid) => {
        const answer = await host.virsh('qemu-agent-command', uuid, '{"execute":"guest-get-time"}');
        return Number((JSON.parse(answer) as { return: number }).return) / NS_PER_MS - Date.now();
      },
      nic: () => nicOf(other, last++),
      interfaces: async (uuid) => {
        const filters = readInterfaces(await host.virsh('dumpxml', uuid));
        const found = await Promise.all(
          [...filters].map(async ([mac, filter]) => {
            const rules = await host.virsh('nwfilter-dumpxml', filter ?? '');
            const addresses = [...rules.matchAll(/<arp .*arpsrcipaddr='([^']+)' arpsrcipmask/g)].map(
              (one) => one[1] ?? '',
            );
            return [mac, addresses] as const;
          }),
        );
        return new Map(found);
      },
      greetingOf: ({ host: place, port }) =>
        greetingOf(port === 0 ? connect({ path: place }) : host.libvirtd.dial(place, port)),
      onlineInside: async (uuid) => (await nextStatus(host.consoleOf(uuid))).cpus,
    };
  },
);
