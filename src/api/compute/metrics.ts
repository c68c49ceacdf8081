// Why: what a server takes is asked for by whoever runs it and by dashboards, and Nova's diagnostics are for administrators and count from
// the start of a guest. Here are rates: now, and over a day.

import { isoSeconds } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { notFound } from '../../base/errors.ts';
import { findHost } from '../../db/hosts.ts';
import { listServers } from '../../db/server-list.ts';
import { hostSamples, lastHostSample, lastSamplesOf, type Sample, serverSamples } from '../../db/usage-samples.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import type { GuestUsage, HostUsage } from '../../domain/servers/measures.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { nextLinks } from '../links.ts';
import { multi, paging, query, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { parseList, type ServerList } from './servers/list.ts';

const ALL_TENANTS = 'os_compute_api:xloud:metrics:get_all_tenants';

const SLOT_SECONDS = limits.usageSlotMs / 1000;

const usageView = ({ seconds, vcpus, cpu, steal, disk, network, memory }: GuestUsage) => ({
  seconds,
  vcpus,
  cpu,
  steal,
  memory_mb: { balloon: memory.balloonMb, total: memory.totalMb, available: memory.availableMb },
  disk: {
    read_bytes: disk.readBytes,
    write_bytes: disk.writeBytes,
    read_requests: disk.reads,
    write_requests: disk.writes,
  },
  network: {
    received_bytes: network.receivedBytes,
    sent_bytes: network.sentBytes,
    received_packets: network.receivedPackets,
    sent_packets: network.sentPackets,
  },
});

const hostUsageView = ({ load, cpus, memoryMb, availableMb, pools }: HostUsage) => ({
  load,
  cpus,
  memory_mb: { total: memoryMb, available: availableMb },
  pools: pools.map(({ name, totalGb, freeGb }) => ({ name, total_gb: totalGb, free_gb: freeGb })),
});

const samplesView = <T>(samples: readonly Sample<T>[], view: (usage: T) => object) => ({
  slot_seconds: SLOT_SECONDS,
  samples: samples.map(({ atMs, usage }) => ({ at: isoSeconds(atMs), ...view(usage) })),
});

const share = (claimed: number, has: number): number | null =>
  has > 0 ? Math.round((claimed / has) * 1000) / 1000 : null;

/** What is claimed, and how often it is there: 1.5 is half as much again as the host has. `ceiling`: should all servers grow. */
function claimsView({ inventory, ratios, claimed, ceiling, runningVms }: Host) {
  return {
    running_servers: runningVms,
    vcpus: { has: inventory.vcpus, claimed: claimed.vcpus, ceiling: ceiling.vcpus, ratio: ratios.cpu },
    memory_mb: { has: inventory.memoryMb, claimed: claimed.memoryMb, ceiling: ceiling.memoryMb, ratio: ratios.ram },
    disk_gb: { has: inventory.diskGb, claimed: claimed.diskGb, ratio: ratios.disk },
    overcommit: {
      vcpus: share(claimed.vcpus, inventory.vcpus),
      memory_mb: share(claimed.memoryMb, inventory.memoryMb),
      disk_gb: share(claimed.diskGb, inventory.diskGb),
    },
  };
}

async function hostOf({ services, params }: Pick<Call, 'services' | 'params'>): Promise<Host> {
  const host = await findHost(services.db, { host: params['host'] ?? '' });
  if (host === null) throw notFound(`Compute host ${params['host']} could not be found.`);
  return host;
}

interface UsageList {
  readonly list: ServerList;
  readonly servers: readonly Server[];
  readonly samples: ReadonlyMap<number, Sample<GuestUsage>>;
}

/** What the servers of a page took when their hosts told last; of those of which nothing was told there is no line. */
async function listUsage(call: Call): Promise<UsageList> {
  const { services, op } = call;
  const list = parseList(call, ALL_TENANTS);
  const servers =
    list.filter === null
      ? []
      : await listServers(services.db, { ...list.filter, deleted: false }, { ...list.page, sort: list.sort });
  const ids = servers.map(({ id }) => id);
  return { list, servers, samples: await lastSamplesOf(services.db, ids, op.clock.now()) };
}

function usageListView({ list, servers, samples }: UsageList, call: Call) {
  const links = nextLinks(
    call.url,
    call.query,
    list.page,
    call.services.settings.pageSize,
    servers.map(({ uuid }) => uuid),
  );
  const metrics = servers.flatMap(({ id, uuid }) => {
    const sample = samples.get(id);
    return sample === undefined ? [] : [{ server_id: uuid, at: isoSeconds(sample.atMs), ...usageView(sample.usage) }];
  });
  return { metrics, ...(links.length === 0 ? {} : { metrics_links: links }) };
}

export default resource({
  'GET /os-xloud-metrics': route()({
    summary: 'List what servers took when their hosts told last, averages of five minutes.',
    policy: 'os_compute_api:xloud:metrics:show',
    alsoAsks: [ALL_TENANTS, 'os_compute_api:servers:allow_all_filters'],
    query: query({ ...paging, all_tenants: multi(text) }, 'strict'),
    status: 200,
    run: listUsage,
    view: usageListView,
  }),
  'GET /servers/:server_id/os-xloud-metrics': route<'server'>()({
    summary: 'Show what a running server takes, each second of one: processors, memory, disks, network.',
    policy: 'os_compute_api:xloud:metrics:show',
    target: 'server',
    status: 200,
    run: ({ op, services, target }) => services.ops.serverUsage(op, target),
    view: (usage, { target }) => ({ server_id: target.uuid, ...usageView(usage) }),
  }),
  'GET /servers/:server_id/os-xloud-metrics/history': route<'server'>()({
    summary: 'Show what a server took over the last day, in averages of five minutes.',
    policy: 'os_compute_api:xloud:metrics:show',
    target: 'server',
    status: 200,
    run: ({ op, services, target }) => serverSamples(services.db, target.id, op.clock.now()),
    view: (samples, { target }) => ({ server_id: target.uuid, ...samplesView(samples, usageView) }),
  }),
  'GET /os-xloud-host-metrics/:host': route()({
    summary: 'Show how busy a host is, what is claimed of it, and how far beyond what it has.',
    policy: 'os_compute_api:xloud:metrics:host',
    status: 200,
    run: async (call) => {
      const host = await hostOf(call);
      return { host, last: await lastHostSample(call.services.db, host.id, call.op.clock.now()) };
    },
    view: ({ host, last }) => ({
      host: host.host,
      claims: claimsView(host),
      told_at: last === null ? null : isoSeconds(last.atMs),
      usage: last === null ? null : hostUsageView(last.usage),
    }),
  }),
  'GET /os-xloud-host-metrics/:host/history': route()({
    summary: 'Show how busy a host was over the last day, every five minutes.',
    policy: 'os_compute_api:xloud:metrics:host',
    status: 200,
    run: async (call) => {
      const host = await hostOf(call);
      return { host, samples: await hostSamples(call.services.db, host.id, call.op.clock.now()) };
    },
    view: ({ host, samples }) => ({ host: host.host, ...samplesView(samples, hostUsageView) }),
  }),
});
