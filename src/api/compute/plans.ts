// Why: who buys a machine by the hour looks at a price list, not at flavors. A plan is a flavor that has a price.

import { listFlavors } from '../../db/flavors.ts';
import { type Flavor, minimumOf, snapshotOf } from '../../domain/machines/flavors.ts';
import { moneyText, pricesOf } from '../../domain/metering/prices.ts';
import { resource, route } from '../resource.ts';

/** More than anybody sells. */
const MOST = 1_000;

function planView(flavor: Flavor) {
  const prices = pricesOf(flavor);
  if (prices === null) return [];
  const floor = minimumOf(snapshotOf(flavor));
  const { flavorid, name, vcpus, memoryMb, rootGb, description } = flavor;
  return [
    {
      id: flavorid,
      name,
      description,
      vcpus,
      memory_mb: memoryMb,
      disk_gb: rootGb,
      floor: { vcpus: floor.vcpus, memory_mb: floor.memoryMb },
      price_per_hour: moneyText(prices.hour),
      above_floor: {
        vcpu_per_hour: moneyText(prices.vcpuHour),
        memory_gb_per_hour: moneyText(prices.memoryGbHour),
      },
    },
  ];
}

export default resource({
  'GET /os-xloud-plans': route()({
    summary: 'List the flavors that have a price, with what an hour costs of each.',
    policy: 'os_compute_api:xloud:plans:index',
    status: 200,
    run: ({ op, services }) =>
      listFlavors(
        services.db,
        { projectId: op.caller.projectId ?? '', disabled: false },
        { limit: MOST, marker: null, sort: { key: 'memory_mb', dir: 'asc' } },
      ),
    view: (flavors, { services }) => ({ currency: services.settings.currency, plans: flavors.flatMap(planView) }),
  }),
});
