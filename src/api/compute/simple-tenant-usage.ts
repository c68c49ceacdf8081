// Why: billing asks here what servers used between two moments. A server that grew and shrank is billed for what it held when
// it held it; totals are amounts multiplied by hours.

import { isoMicros, parsePlain, secondsBetween } from '../../base/clock.ts';
import { badRequest } from '../../base/errors.ts';
import { type History, history, versioned } from '../../base/history.ts';
import { findSpans } from '../../db/server-sizes.ts';
import { listUsed, type UsedServer } from '../../db/simple-tenant-usage.ts';
import { type Usage, usageIn } from '../../domain/servers/server-sizes.ts';
import { type Link, nextLinks, pageOf } from '../links.ts';
import { multi, paging, queryHistory, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const queryOf = (first: Readonly<Record<string, unknown>>) => {
  const fields: History<unknown> = history<unknown>(first, [{ at: '2.40', add: paging }]);
  return queryHistory(fields, '2.75');
};

const period = { start: multi(text), end: multi(text) };
const paged = versioned(false, ['2.40', true]);

interface Period {
  /** Milliseconds. */
  readonly startMs: number;
  readonly stopMs: number;
}

/** Nova's forms of a moment: with a T, or with a blank and then with a fraction. */
function momentOf(given: string): number {
  const found = parsePlain(given);
  if (found === null || (found.separator === ' ' && !found.fraction)) {
    throw badRequest('Invalid datetime string: Datetime is in invalid format');
  }
  return found.ms;
}

/** The period asked for, up to now at most; what is not said is now. */
function periodOf({ query, services }: Pick<Call, 'query' | 'services'>): Period {
  const nowMs = services.clock.now();
  const [start, end] = [query['start']?.[0] || null, query['end']?.[0] || null];
  const startMs = start === null ? nowMs : momentOf(start);
  // Nova looks at the clock twice, so that nothing said is a moment and not nothing
  const stopMs = end === null ? nowMs + 1 : momentOf(end);
  if (startMs >= stopMs) throw badRequest('Invalid start time. The start time cannot occur after the end time.');
  return { startMs, stopMs: Math.min(stopMs, nowMs) };
}

interface Used {
  readonly server: UsedServer;
  readonly usage: Usage;
}

interface Report extends Period {
  readonly used: readonly Used[];
  readonly next: readonly Link[];
  readonly nowMs: number;
}

async function reportOf(call: Call, projectId: string | null): Promise<Report> {
  const { op, query, services } = call;
  const asked = periodOf(call);
  const maximum = services.settings.pageSize;
  const page = paged.at(op.minor) ? pageOf(query, maximum) : { limit: maximum, marker: null };
  const servers = await listUsed(services.db, { projectId, ...asked }, page);
  const ids = servers.map((server) => server.id);
  const spans = await findSpans(services.db, ids, asked.startMs, asked.stopMs);
  const used = servers.map((server) => ({
    server,
    usage: usageIn(spans.get(server.id) ?? [], asked.startMs, asked.stopMs),
  }));
  const uuids = servers.map((server) => server.uuid);
  const next = paged.at(op.minor) ? nextLinks(call.url, query, page, maximum, uuids) : [];
  return { ...asked, used, next, nowMs: services.clock.now() };
}

function serverView({ server, usage }: Used, nowMs: number) {
  const { terminatedAt, launchedAt, current } = server;
  const { vcpus, memoryMb, diskGb } = usage.last ?? { ...current, diskGb: server.diskGb };
  return {
    instance_id: server.uuid,
    name: server.displayName,
    tenant_id: server.projectId,
    flavor: server.flavorName,
    hours: usage.hours,
    vcpus: vcpus || current.vcpus,
    memory_mb: memoryMb || current.memoryMb,
    local_gb: diskGb,
    started_at: isoMicros(launchedAt),
    ended_at: terminatedAt === null ? null : isoMicros(terminatedAt),
    state: terminatedAt === null ? server.vmState : 'terminated',
    uptime: Math.floor(secondsBetween(launchedAt, terminatedAt ?? nowMs)),
  };
}

/** One project's part of a report. */
function projectView(projectId: string, used: readonly Used[], report: Report, detailed: boolean) {
  const total = (amount: (usage: Usage) => number): number => used.reduce((sum, { usage }) => sum + amount(usage), 0);
  return {
    tenant_id: projectId,
    start: isoMicros(report.startMs),
    stop: isoMicros(report.stopMs),
    total_hours: total((usage) => usage.hours),
    total_vcpus_usage: total((usage) => usage.vcpuHours),
    total_memory_mb_usage: total((usage) => usage.memoryMbHours),
    total_local_gb_usage: total((usage) => usage.diskGbHours),
    ...(detailed ? { server_usages: used.map((one) => serverView(one, report.nowMs)) } : {}),
  };
}

const links = (name: string, next: readonly Link[]) => (next.length === 0 ? {} : { [name]: next });

const projectOf = ({ params }: Pick<Call, 'params'>): string => params['project_id'] as string;

export default resource({
  'GET /os-simple-tenant-usage': route()({
    summary: 'Show what each project used between two moments.',
    policy: 'os_compute_api:os-simple-tenant-usage:list',
    query: queryOf({ ...period, detailed: multi(text) }),
    status: 200,
    run: (call) => reportOf(call, null),
    view: (found, { query }) => {
      const detailed = query['detailed']?.[0] === '1';
      const projects = Map.groupBy(found.used, ({ server }) => server.projectId);
      return {
        tenant_usages: [...projects].map(([id, used]) => projectView(id, used, found, detailed)),
        ...links('tenant_usages_links', found.next),
      };
    },
  }),
  'GET /os-simple-tenant-usage/:project_id': route()({
    summary: 'Show what a project used between two moments, server by server.',
    policy: 'os_compute_api:os-simple-tenant-usage:show',
    about: (asked) => ({ project_id: projectOf(asked) }),
    query: queryOf(period),
    status: 200,
    run: (call) => reportOf(call, projectOf(call)),
    view: (found, call) => ({
      tenant_usage: found.used.length === 0 ? {} : projectView(projectOf(call), found.used, found, true),
      ...links('tenant_usage_links', found.next),
    }),
  }),
});
