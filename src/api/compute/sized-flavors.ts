// Why: whoever thinks in vCPUs and MiB names a size, and has a flavor of it.

import { minimumOf, snapshotOf } from '../../domain/machines/flavors.ts';
import { closed, wrapped } from '../parameters.ts';
import type { WantedSize } from '../../domain/machines/sized-flavors.ts';
import { resource, route } from '../resource.ts';

interface SizeBody {
  readonly flavor: {
    readonly vcpus: number;
    readonly memory_mb: number;
    readonly disk_gb: number;
    readonly floor?: { readonly vcpus: number; readonly memory_mb: number };
    readonly start?: 'floor' | 'maximum';
  };
}

const whole = { type: 'integer', minimum: 1, maximum: 100_000_000 };
const names = ['vcpus', 'memory_mb', 'disk_gb'] as const;
const body = wrapped(
  'flavor',
  closed(
    {
      ...{ vcpus: whole, memory_mb: whole, disk_gb: whole },
      floor: closed({ vcpus: whole, memory_mb: whole }, ['vcpus', 'memory_mb']),
      start: { type: 'string', enum: ['floor', 'maximum'] },
    },
    names,
  ),
);

function sizeOf({ vcpus, memory_mb: memoryMb, disk_gb: diskGb, floor, start }: SizeBody['flavor']): WantedSize {
  return {
    ...{ vcpus, memoryMb, diskGb },
    ...(floor === undefined ? {} : { floor: { vcpus: floor.vcpus, memoryMb: floor.memory_mb } }),
    ...(start === 'floor' ? { start } : {}),
  };
}

export default resource({
  'POST /os-xloud-sized-flavors': route<'none', SizeBody>()({
    summary:
      "Find or make the private flavor of a size, for the caller's project. Its servers begin with all of it, or with its floor, which is one vCPU and a quarter of its memory unless another is said.",
    policy: 'os_compute_api:xloud:sized-flavors:create',
    body,
    status: 200,
    run: ({ op, services, body: { flavor } }) => services.ops.sizedFlavorFor(op, sizeOf(flavor)),
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
