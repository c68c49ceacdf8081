// Why: a zone is a part of the cloud that fails by itself; users name one for a server, administrators see what is in it.

import { isoMicros } from '../../base/clock.ts';
import { listServices, type Service } from '../../db/services.ts';
import { INTERNAL_ZONE } from '../../domain/placement/aggregates.ts';
import { isHostUp } from '../../domain/placement/hosts.ts';
import { noQuery } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { isApiService, seenAt } from './services.ts';

interface Zone {
  readonly name: string;
  /** Whether a service that is enabled is in it. */
  readonly available: boolean;
  /** The enabled services but those of the API. */
  readonly services: readonly Service[];
}

/** The zones by name, those with an enabled service first. */
async function zones({ services }: Call): Promise<Zone[]> {
  const byName = Map.groupBy(await listServices(services.db), (service) => service.zone);
  const all = [...byName].map(([name, list]) => ({
    name,
    available: list.some((service) => !service.disabled),
    services: list.filter((service) => !service.disabled && !isApiService(service)),
  }));
  const order = (a: Zone, b: Zone) => (a.name < b.name ? -1 : 1);
  return [
    ...all.filter(({ available }) => available).toSorted(order),
    ...all.filter(({ available }) => !available).toSorted(order),
  ];
}

const zoneView = ({ name, available }: Zone, hosts: unknown) => ({
  zoneName: name,
  zoneState: { available },
  hosts,
});

function hostsView(zone: Zone, { services: { clock, settings } }: Call) {
  const byHost = Map.groupBy(zone.services, (service) => service.host);
  return Object.fromEntries(
    [...byHost].map(([host, list]) => [
      host,
      Object.fromEntries(
        list.map((service) => [
          service.binary,
          {
            available: isHostUp(service, clock.now(), settings.hostDownMs),
            active: true,
            updated_at: seenAt(service) === null ? null : isoMicros(seenAt(service) as number),
          },
        ]),
      ),
    ]),
  );
}

export default resource({
  'GET /os-availability-zone': route()({
    summary: 'List the availability zones.',
    policy: 'os_compute_api:os-availability-zone:list',
    query: noQuery,
    status: 200,
    run: zones,
    view: (list) => ({
      availabilityZoneInfo: list.filter(({ name }) => name !== INTERNAL_ZONE).map((zone) => zoneView(zone, null)),
    }),
  }),
  'GET /os-availability-zone/detail': route()({
    summary: 'List the availability zones with their hosts and services.',
    policy: 'os_compute_api:os-availability-zone:detail',
    query: noQuery,
    status: 200,
    run: zones,
    view: (list, call) => ({
      availabilityZoneInfo: list.map((zone) => zoneView(zone, zone.available ? hostsView(zone, call) : null)),
    }),
  }),
});
