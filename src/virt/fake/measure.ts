// Why: guests of pure data use nothing, and neither does their host; what is told of them has the form of real ones.

import type { HostMeasure } from '../../domain/servers/measures.ts';
import { countersOf } from '../../domain/servers/usage.ts';
import type { HostInventory } from '../../domain/placement/hosts.ts';
import { power } from '../../domain/servers/servers.ts';
import { fakeDiagnostics } from './diagnostics.ts';
import type { FakeStore } from './store.ts';

export function fakeMeasure(
  store: Pick<FakeStore, 'all'>,
  { vcpus, memoryMb, diskGb, facts }: HostInventory,
): HostMeasure {
  const running = [...store.all()].filter(({ powerState }) => powerState === power.running);
  return {
    host: {
      load: 0,
      cpus: vcpus,
      memoryMb,
      availableMb: facts.freeMemoryMb,
      pools: [{ name: 'instances', totalGb: diskGb, freeGb: facts.freeDiskGb }],
    },
    guests: running.map((guest) => ({ uuid: guest.spec.uuid, counters: countersOf(fakeDiagnostics(guest)) })),
  };
}
