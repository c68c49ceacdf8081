// Why: whoever runs the cloud asks first how full it is. The sums are the database's, in two statements however many hosts there are.

import { isoSeconds } from '../../base/clock.ts';
import { countServers, type HostSums, type Resource, type RoomSums, sumHosts } from '../../db/cloud-counts.ts';
import { type Call, resource, route } from '../resource.ts';

const NONE: RoomSums = { has: 0, capacity: 0, claimed: 0, ceiling: 0 };

/** Of the hosts that new servers may go to: those that are up and not disabled. */
function usable(hosts: readonly HostSums[], of: Resource): RoomSums {
  return hosts.find(({ up, disabled }) => up && !disabled)?.sums[of] ?? NONE;
}

const tenths = (value: number): number => Math.round(value * 10) / 10;

const roomView = ({ has, capacity, claimed, ceiling }: RoomSums) => ({
  has,
  capacity: tenths(capacity),
  claimed,
  ceiling,
  free: tenths(Math.max(0, capacity - claimed)),
  utilization_pct: capacity > 0 ? tenths((100 * claimed) / capacity) : 0,
});

const countOf = (hosts: readonly HostSums[], which: (one: HostSums) => boolean): number =>
  hosts.filter(which).reduce((sum, { count }) => sum + count, 0);

async function statsOf({ services: { db, settings }, op }: Call) {
  const nowMs = op.clock.now();
  const [hosts, servers] = await Promise.all([sumHosts(db, nowMs - settings.hostDownMs), countServers(db)]);
  return { hosts, servers, nowMs };
}

export default resource({
  'GET /os-xloud-cluster-stats': route()({
    summary: 'Show how many hosts and servers there are, what the hosts have, and how much of it is claimed.',
    policy: 'os_compute_api:xloud:cluster_stats',
    status: 200,
    run: statsOf,
    view({ hosts, servers, nowMs }) {
      const byState = Map.groupBy(servers, ({ vmState }) => vmState);
      return {
        as_of: isoSeconds(nowMs),
        hosts: {
          total: countOf(hosts, () => true),
          up: countOf(hosts, ({ up, disabled }) => up && !disabled),
          disabled: countOf(hosts, ({ up, disabled }) => up && disabled),
          down: countOf(hosts, ({ up }) => !up),
        },
        servers: {
          total: servers.reduce((sum, { count }) => sum + count, 0),
          by_state: Object.fromEntries(
            [...byState].map(([state, some]) => [state, some.reduce((sum, { count }) => sum + count, 0)]),
          ),
        },
        vcpus: roomView(usable(hosts, 'vcpus')),
        memory_mb: roomView(usable(hosts, 'memoryMb')),
        disk_gb: roomView(usable(hosts, 'diskGb')),
      };
    },
  }),
});
