// Why: every five minutes each host tells of the servers that it sees run. What follows from that is shown here for one server, and for
// all in pages, so that nobody has to look at states, hosts and metrics one after the other.

import { isoSeconds } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { hostStates } from '../../db/hosts.ts';
import { listServers } from '../../db/server-list.ts';
import { lastSamplesOf } from '../../db/usage-samples.ts';
import { isHostUp } from '../../domain/placement/hosts.ts';
import { type Health, healthOf } from '../../domain/servers/health.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { nextLinks } from '../links.ts';
import { multi, paging, query, text } from '../parameters.ts';
import { type Call, resource, route, type TargetKind } from '../resource.ts';
import { parseList, type ServerList } from './servers/list.ts';

const ALL_TENANTS = 'os_compute_api:xloud:health:get_all_tenants';

interface Seen {
  readonly server: Server;
  readonly health: Health;
  /** Milliseconds; null: its host has not seen it run lately. */
  readonly seenAtMs: number | null;
}

type Reads = Pick<Call<TargetKind, unknown>, 'services' | 'op'>;

/** In two reads, however many servers. */
async function look({ services, op }: Reads, servers: readonly Server[]): Promise<Seen[]> {
  const nowMs = op.clock.now();
  const names = [...new Set(servers.flatMap(({ host }) => host ?? []))];
  const [hosts, samples] = await Promise.all([
    hostStates(services.db, names),
    lastSamplesOf(
      services.db,
      servers.map(({ id }) => id),
      nowMs,
    ),
  ]);
  const up = new Map(hosts.map((host) => [host.host, isHostUp(host, nowMs, services.settings.hostDownMs)]));
  return servers.map((server) => {
    const sample = samples.get(server.id);
    const seenAtMs = sample?.atMs ?? null;
    const hostUp = server.host === null ? null : (up.get(server.host) ?? false);
    const sighting = { hostUp, seenAtMs, memory: sample?.usage.memory ?? null };
    return { server, seenAtMs, health: healthOf(server, sighting, nowMs - 2 * limits.usageSlotMs) };
  });
}

const view = ({ server, health: { status, reason }, seenAtMs }: Seen) => ({
  server_id: server.uuid,
  name: server.displayName,
  status,
  reason,
  checked_at: seenAtMs === null ? null : isoSeconds(seenAtMs),
});

interface Listed {
  readonly list: ServerList;
  readonly seen: readonly Seen[];
}

async function index(call: Call): Promise<Listed> {
  const list = parseList(call, ALL_TENANTS);
  const servers =
    list.filter === null
      ? []
      : await listServers(call.services.db, { ...list.filter, deleted: false }, { ...list.page, sort: list.sort });
  return { list, seen: await look(call, servers) };
}

function indexView({ list, seen }: Listed, call: Call) {
  const ids = seen.map(({ server }) => server.uuid);
  const links = nextLinks(call.url, call.query, list.page, call.services.settings.pageSize, ids);
  return { health: seen.map(view), ...(links.length === 0 ? {} : { health_links: links }) };
}

export default resource({
  'GET /os-xloud-health': route()({
    summary: 'List servers with whether they run as they should, and why not.',
    policy: 'os_compute_api:xloud:health:show',
    alsoAsks: [ALL_TENANTS, 'os_compute_api:servers:allow_all_filters'],
    query: query({ ...paging, all_tenants: multi(text) }, 'strict'),
    status: 200,
    run: index,
    view: indexView,
  }),
  'GET /servers/:server_id/os-xloud-health': route<'server'>()({
    summary: 'Show whether a server runs as it should, and why not.',
    policy: 'os_compute_api:xloud:health:show',
    target: 'server',
    status: 200,
    run: async (call) => (await look(call, [call.target]))[0] as Seen,
    view,
  }),
});
