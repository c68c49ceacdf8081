// Why: a guest of pure data has the devices of its spec, and nothing ever went through them.

import type { Diagnostics, Traffic } from '../../domain/servers/server-diagnostics.ts';
import { withRates } from '../../domain/servers/usage.ts';
import type { FakeGuest } from './store.ts';

const MIB_KIB = 1024;
const silence: Traffic = { octets: 0, packets: 0, errors: 0, drops: 0 };

/** As a guest that is looked at twice, and did nothing in a second. */
export const fakeDiagnostics = (guest: FakeGuest): Diagnostics => withRates(counted(guest), counted(guest), 1);

function counted({ spec, pluggedVcpus }: FakeGuest): Diagnostics {
  const disks = [spec.disks.rootGb, spec.disks.ephemeralGb, spec.disks.swapMb].filter(
    (size, index) => index === 0 || size > 0,
  );
  return {
    hypervisor: 'fake',
    maximumKib: spec.maximum.memoryMb * MIB_KIB,
    memory: {},
    cpus: Array.from({ length: pluggedVcpus }, (_, id) => ({ id, timeNs: 0 })),
    disks: disks.map((_, index) => ({
      device: `vd${'abc'.charAt(index)}`,
      ...{ readBytes: 0, readRequests: 0, writeBytes: 0, writeRequests: 0 },
    })),
    nics: spec.nics.map(({ mac }, index) => ({
      mac,
      device: { name: `vnet${index + 1}`, received: silence, sent: silence },
    })),
  };
}
