// Why: whoever thinks in vCPUs and MiB names a size, and has a flavor of it.

import { minimumOf, snapshotOf } from '../../domain/machines/flavors.ts';
import { closed, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';

interface SizeBody {
  readonly flavor: { readonly vcpus: number; readonly memory_mb: number; readonly disk_gb: number };
}

const whole = { type: 'integer', minimum: 1, maximum: 100_000_000 };
const names = ['vcpus', 'memory_mb', 'disk_gb'] as const;
const body = wrapped('flavor', closed({ vcpus: whole, memory_mb: whole, disk_gb: whole }, names));

export default resource({
  'POST /os-xloud-sized-flavors': route<'none', SizeBody>()({
    summary:
      "Find or make the private flavor of a size, whose servers begin with all of it and may shrink to a quarter of its memory and one vCPU, for the caller's project.",
    policy: 'os_compute_api:xloud:sized-flavors:create',
    body,
    status: 200,
    run: ({ op, services, body: { flavor } }) =>
      services.ops.sizedFlavorFor(op, { vcpus: flavor.vcpus, memoryMb: flavor.memory_mb, diskGb: flavor.disk_gb }),
    view: (flavor) => {
      const floor = minimumOf(snapshotOf(flavor));
      return {
        flavor: {
          id: flavor.flavorid,
          name: flavor.name,
          vcpus: flavor.vcpus,
          memory_mb: flavor.memoryMb,
          disk_gb: flavor.rootGb,
          floor: { vcpus: floor.vcpus, memory_mb: floor.memoryMb },
        },
      };
    },
  }),
});
