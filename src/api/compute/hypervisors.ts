// Why: administrators see what the hosts have and hold. Numbers are what is claimed, so that they agree with scheduling, quota
// and limits; a guest that was grown counts with what it has.

import { badRequest, notFound, notImplemented } from '../../base/errors.ts';
import { history, versioned } from '../../base/history.ts';
import { isUuidLike } from '../../base/ids.ts';
import type { Reader } from '../../db/engine.ts';
import { type ServerOnHost, serversOnHosts, workloads } from '../../db/host-servers.ts';
import { findHost, hostsAfter, listHosts } from '../../db/hosts.ts';
import { serviceUuids } from '../../db/services.ts';
import type { Amounts } from '../../domain/placement/resources.ts';
import { type Host, isHostUp } from '../../domain/placement/hosts.ts';
import { nextLinks, pageOf } from '../links.ts';
import { boolean, hostName, isTrue, MAX_INT, multi, paging, queryHistory } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';
import { instanceNameOf } from './servers/view.ts';

const once = (item: object) => ({ ...multi(item as never), maxItems: 1 });

const listQuery = queryHistory(
  history<unknown>({}, [
    { at: '2.33', add: paging },
    {
      at: '2.53',
      add: {
        limit: once(paging.limit['items'] as object),
        marker: once(paging.marker['items'] as object),
        hypervisor_hostname_pattern: once(hostName),
        with_servers: once(boolean),
      },
    },
  ]),
  '2.53',
);
const showQuery = queryHistory(history<unknown>({}, [{ at: '2.53', add: { with_servers: once(boolean) } }]), '2.53');

/** A hypervisor with what was asked for of its servers. */
interface Seen {
  readonly host: Host;
  /** Null where nobody asked. */
  readonly servers: readonly ServerOnHost[] | null;
  /** On how many servers something is being done. */
  readonly busy: number;
  /** The service's id in the form of the version. */
  readonly serviceId: number | string;
  readonly up: boolean;
}

/** Until 2.52 hypervisors and services are numbers, from 2.53 on uuids. */
const byUuid = versioned(false, ['2.53', true]);

/** What is not free of a host: claimed, or set aside by the operator. */
export const usedOf = ({ claimed, reserved }: Pick<Host, 'claimed' | 'reserved'>): Amounts => ({
  vcpus: claimed.vcpus + reserved.vcpus,
  memoryMb: claimed.memoryMb + reserved.memoryMb,
  diskGb: claimed.diskGb + reserved.diskGb,
});

/** Nova's form: no cells, features as a list. */
const cpuInfo = ({ inventory: { facts } }: Host) => facts.cpu;

type HostField = Field<Seen>;

const identity = {
  id: ({ host }: Seen) => host.id,
  hypervisor_hostname: ({ host }: Seen) => host.inventory.hypervisorHostname,
  state: ({ up }: Seen) => (up ? 'up' : 'down'),
  status: ({ host }: Seen) => (host.disabled ? 'disabled' : 'enabled'),
};
/** Before 2.75 a host without servers says nothing of them, even where they are asked for. */
const serversWhereAny: HostField = (seen) => (seen.servers?.length ? serversView(seen.servers) : undefined);
const serversWhereAsked: HostField = ({ servers }) => (servers === null ? undefined : serversView(servers));

const serversView = (servers: readonly ServerOnHost[]) =>
  servers.map((server) => ({ name: instanceNameOf(server), uuid: server.uuid }));

const changes = {
  uuids: { at: '2.53', add: { id: ({ host }: Seen) => host.uuid } },
  servers: { at: '2.75', add: { servers: serversWhereAsked } },
};

const summaryFields = history<HostField>({ ...identity, servers: serversWhereAny }, [changes.uuids, changes.servers]);

const uptime = ({ host, up }: Seen) => (up && !host.disabled ? host.inventory.facts.uptime : null);

const fields = history<HostField>(
  {
    ...identity,
    servers: serversWhereAny,
    service: ({ host, serviceId }) => ({ id: serviceId, host: host.host, disabled_reason: host.disabledReason }),
    host_ip: ({ host }) => host.inventory.hostIp || null,
    hypervisor_type: ({ host }) => host.inventory.hypervisorType,
    hypervisor_version: ({ host }) => host.inventory.hypervisorVersion,
    vcpus: ({ host }) => host.inventory.vcpus,
    vcpus_used: ({ host }) => usedOf(host).vcpus,
    memory_mb: ({ host }) => host.inventory.memoryMb,
    memory_mb_used: ({ host }) => usedOf(host).memoryMb,
    free_ram_mb: ({ host }) => host.inventory.memoryMb - usedOf(host).memoryMb,
    local_gb: ({ host }) => host.inventory.diskGb,
    local_gb_used: ({ host }) => usedOf(host).diskGb,
    free_disk_gb: ({ host }) => host.inventory.diskGb - usedOf(host).diskGb,
    disk_available_least: ({ host }) => host.inventory.facts.freeDiskGb,
    running_vms: ({ host }) => host.runningVms,
    current_workload: ({ busy }) => busy,
    cpu_info: ({ host }) => JSON.stringify(cpuInfo(host)),
  },
  [
    { at: '2.28', add: { cpu_info: ({ host }) => cpuInfo(host) } },
    changes.uuids,
    changes.servers,
    {
      at: '2.88',
      add: { uptime },
      drop: [
        'vcpus',
        'vcpus_used',
        'memory_mb',
        'memory_mb_used',
        'free_ram_mb',
        'local_gb',
        'local_gb_used',
        'free_disk_gb',
        'disk_available_least',
        'running_vms',
        'current_workload',
        'cpu_info',
      ],
    },
  ],
);

/** Hosts with what the version and the query want to see of their servers. */
async function see({ op, services, query }: Call, hosts: readonly Host[], withServers: boolean): Promise<Seen[]> {
  const names = hosts.map(({ host }) => host);
  const asked = withServers || isTrue(query['with_servers']?.at(-1));
  const [servers, busy, uuids] = await Promise.all([
    asked ? serversOnHosts(services.db, names) : null,
    workloads(services.db, names),
    serviceUuids(
      services.db,
      hosts.map(({ serviceId }) => serviceId),
    ),
  ]);
  return hosts.map((host) => ({
    host,
    servers: servers === null ? null : (servers.get(host.host) ?? []),
    busy: busy.get(host.host) ?? 0,
    serviceId: byUuid.at(op.minor) ? (uuids.get(host.serviceId) as string) : host.serviceId,
    up: isHostUp(host, services.clock.now(), services.settings.hostDownMs),
  }));
}

const idOf = (host: Host, minor: number): string => String(byUuid.at(minor) ? host.uuid : host.id);

const noMatch = (pattern: string) => notFound(`No hypervisor matching '${pattern}' could be found.`);

const matching = (hosts: readonly Host[], pattern: string): Host[] =>
  hosts.filter(({ inventory }) => inventory.hypervisorHostname.toLowerCase().includes(pattern.toLowerCase()));

async function list(call: Call) {
  const { op, query, services } = call;
  const pattern = query['hypervisor_hostname_pattern']?.at(-1);
  if (pattern !== undefined) {
    if (query['limit'] !== undefined || query['marker'] !== undefined) {
      throw badRequest(
        'Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.',
      );
    }
    return { seen: await search(call, pattern, false), next: [] };
  }
  if (!paged.at(op.minor)) return { seen: await see(call, await listHosts(services.db), false), next: [] };
  const maximum = services.settings.pageSize;
  const page = pageOf(query, maximum);
  const hosts = await hostsAfter(services.db, page.marker === null ? 0 : await markedBy(call, page.marker), page.limit);
  const ids = hosts.map((host) => idOf(host, op.minor));
  return { seen: await see(call, hosts, false), next: nextLinks(call.url, query, page, maximum, ids) };
}

/** The number of the host that a marker names. */
async function markedBy({ op, services }: Call, marker: string): Promise<number> {
  const known = await named(services.db, marker, op.minor);
  // as it is shown, and in no other spelling
  if (known === null || idOf(known, op.minor) !== marker) throw badRequest(`marker [${marker}] not found`);
  return known.id;
}

const paged = versioned(false, ['2.33', true]);

type Listed = Awaited<ReturnType<typeof list>>;

/** The host with an id in the form of the version; null: there is none. */
async function named(reader: Reader, id: string, minor: number): Promise<Host | null> {
  if (byUuid.at(minor)) return findHost(reader, { uuid: id });
  return /^\d{1,10}$/.test(id) && Number(id) <= MAX_INT ? findHost(reader, { id: Number(id) }) : null;
}

async function find({ op, params, services }: Call): Promise<Host> {
  const id = params['hypervisor_id'] as string;
  if (byUuid.at(op.minor) && !isUuidLike(id)) throw badRequest(`Invalid uuid ${id}`);
  return (await named(services.db, id, op.minor)) ?? fail(notFound(`Hypervisor with ID '${id}' could not be found.`));
}

const fail = (fault: Error): never => {
  throw fault;
};

const one = async (call: Call): Promise<Seen> => (await see(call, [await find(call)], false))[0] as Seen;

/** The uptime that the host last reported, in the words of uptime(1). */
async function withUptime(call: Call): Promise<Seen> {
  const seen = await one(call);
  if (!seen.up) throw badRequest(`Compute service of ${seen.host.host} is unavailable at this time.`);
  if (seen.host.inventory.facts.uptime === null) {
    throw notImplemented('The requested functionality is not supported.');
  }
  return seen;
}

async function search(call: Call, pattern: string, withServers: boolean): Promise<Seen[]> {
  const found = matching(await listHosts(call.services.db), pattern);
  if (found.length === 0) throw noMatch(pattern);
  return see(call, found, withServers);
}

const sum = (hosts: readonly Host[], of: (host: Host) => number): number =>
  hosts.reduce((total, host) => total + of(host), 0);

/** Sums over the hosts whose service is enabled. */
async function statistics({ services }: Call) {
  const hosts = (await listHosts(services.db)).filter(({ disabled }) => !disabled);
  const busy = await workloads(
    services.db,
    hosts.map(({ host }) => host),
  );
  const total = {
    vcpus: sum(hosts, ({ inventory }) => inventory.vcpus),
    vcpus_used: sum(hosts, (host) => usedOf(host).vcpus),
    memory_mb: sum(hosts, ({ inventory }) => inventory.memoryMb),
    memory_mb_used: sum(hosts, (host) => usedOf(host).memoryMb),
    local_gb: sum(hosts, ({ inventory }) => inventory.diskGb),
    local_gb_used: sum(hosts, (host) => usedOf(host).diskGb),
  };
  return {
    ...total,
    count: hosts.length,
    free_ram_mb: total.memory_mb - total.memory_mb_used,
    free_disk_gb: total.local_gb - total.local_gb_used,
    disk_available_least: sum(hosts, ({ inventory }) => inventory.facts.freeDiskGb),
    running_vms: sum(hosts, ({ runningVms }) => runningVms),
    current_workload: sum(hosts, ({ host }) => busy.get(host) ?? 0),
  };
}

const linksOf = ({ next }: Listed) => (next.length === 0 ? {} : { hypervisors_links: next });
const summaries = (seen: readonly Seen[], call: Call) => seen.map(viewOf(summaryFields, call.op.minor, undefined));

export default resource({
  'GET /os-hypervisors': route()({
    summary: 'List the hypervisors.',
    policy: 'os_compute_api:os-hypervisors:list',
    query: listQuery,
    status: 200,
    run: list,
    shows: summaryFields,
    view: (listed, call) => ({ hypervisors: summaries(listed.seen, call), ...linksOf(listed) }),
  }),
  'GET /os-hypervisors/detail': route()({
    summary: 'List the hypervisors with all their fields.',
    policy: 'os_compute_api:os-hypervisors:list-detail',
    query: listQuery,
    status: 200,
    run: list,
    shows: fields,
    view: (listed, { op }) => ({
      hypervisors: listed.seen.map(viewOf(fields, op.minor, undefined)),
      ...linksOf(listed),
    }),
  }),
  'GET /os-hypervisors/statistics': route()({
    summary: 'Show sums over all hypervisors.',
    policy: 'os_compute_api:os-hypervisors:statistics',
    until: '2.87',
    query: {},
    status: 200,
    run: statistics,
    view: (sums) => ({ hypervisor_statistics: sums }),
  }),
  'GET /os-hypervisors/:hypervisor_id': route()({
    summary: 'Show a hypervisor.',
    policy: 'os_compute_api:os-hypervisors:show',
    query: showQuery,
    status: 200,
    run: one,
    shows: fields,
    view: (seen, { op }) => ({ hypervisor: viewOf(fields, op.minor, undefined)(seen) }),
  }),
  'GET /os-hypervisors/:hypervisor_id/uptime': route()({
    summary: 'Show how long a host has been up.',
    policy: 'os_compute_api:os-hypervisors:uptime',
    until: '2.87',
    query: {},
    status: 200,
    run: withUptime,
    shows: summaryFields,
    view: (seen, call) => ({
      hypervisor: { ...summaries([seen], call)[0], uptime: seen.host.inventory.facts.uptime },
    }),
  }),
  'GET /os-hypervisors/:hypervisor_id/search': route()({
    summary: 'Find hypervisors by a part of the name.',
    policy: 'os_compute_api:os-hypervisors:search',
    until: '2.52',
    query: {},
    status: 200,
    run: (call) => search(call, call.params['hypervisor_id'] as string, false),
    shows: summaryFields,
    view: (found, call) => ({ hypervisors: summaries(found, call) }),
  }),
  'GET /os-hypervisors/:hypervisor_id/servers': route()({
    summary: 'List the servers on hypervisors.',
    policy: 'os_compute_api:os-hypervisors:servers',
    until: '2.52',
    query: {},
    status: 200,
    run: (call) => search(call, call.params['hypervisor_id'] as string, true),
    shows: summaryFields,
    view: (found, call) => ({ hypervisors: summaries(found, call) }),
  }),
});
