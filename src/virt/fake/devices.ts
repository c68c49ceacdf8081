// Why: a fake machine has devices too: what a host offers of them, and that it hands none to two guests, is as on a real one.

import { internal } from '../../base/errors.ts';
import type { GuestSpec } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import type { FoundDevice } from '../host-devices.ts';
import type { FakeStore } from './store.ts';

const GPU = { vendorId: '10de', productId: '1db6', type: 'type-PCI', parent: null } as const;
const NIC = { vendorId: '8086', productId: '1572', type: 'type-PF', parent: null, address: '0000:81:00.0' } as const;
const FUNCTION = { vendorId: '8086', productId: '154c', type: 'type-VF', parent: NIC.address } as const;

/** Two GPUs, and a network card that is divided into four functions. */
export const fakeDevices: readonly FoundDevice[] = [
  { ...GPU, address: '0000:3b:00.0', numaNode: 0, iommuGroup: 30 },
  { ...GPU, address: '0000:af:00.0', numaNode: 1, iommuGroup: 40 },
  { ...NIC, numaNode: 0, iommuGroup: 50 },
  ...[0, 1, 2, 3].map((number) => ({
    ...{ ...FUNCTION, address: `0000:81:02.${number}` },
    ...{ numaNode: 0, iommuGroup: 51 + number },
  })),
];

/** Throws as a hypervisor does that cannot hand a device over: there is none, or another guest runs with it. */
export function checkDevices(
  { uuid, hostDevices }: Pick<GuestSpec, 'uuid' | 'hostDevices'>,
  devices: readonly FoundDevice[],
  store: Pick<FakeStore, 'all'>,
): void {
  for (const address of hostDevices) {
    const device = devices.find((one) => one.address === address);
    if (device === undefined) throw internal(`There is no PCI device ${address} here.`, { code: 'fake.no_device' });
    const keeps = ({ spec, powerState }: ReturnType<FakeStore['all']>[number]): boolean =>
      spec.uuid !== uuid && powerState === power.running && spec.hostDevices.some((other) => clashes(device, other));
    const other = store.all().find(keeps);
    if (other === undefined) continue;
    throw internal(`PCI device ${address} is in use by ${other.spec.uuid}.`, { code: 'fake.device_in_use' });
  }

  function clashes({ address, parent }: FoundDevice, other: string): boolean {
    return other === address || other === parent || devices.find((one) => one.address === other)?.parent === address;
  }
}
