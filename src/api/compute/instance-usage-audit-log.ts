// Why: Nova's hosts can be told to announce each server at the end of a period, and this is the log of who did. Hosts here
// announce nothing of the kind (os-simple-tenant-usage knows what was used), so that of every period none has run: what Nova
// says where the audit is not switched on.

import { parsePlain } from '../../base/clock.ts';
import { badRequest } from '../../base/errors.ts';
import { listServices } from '../../db/services.ts';
import { auditPeriodBefore } from '../../domain/servers/audit-period.ts';
import { noQuery } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

interface AuditLog {
  readonly beginMs: number;
  readonly endMs: number;
  readonly hosts: readonly string[];
}

async function logBefore({ services }: Call, ms: number): Promise<AuditLog> {
  const computes = await listServices(services.db, { binary: 'nova-compute' });
  return { ...auditPeriodBefore(ms), hosts: computes.map(({ host }) => host) };
}

function momentOf(given: string): number {
  const found = parsePlain(given);
  if (found === null || found.separator !== ' ') throw badRequest(`Invalid timestamp for date ${given}`);
  return found.ms;
}

/** `2026-10-01 00:00:00` */
const words = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

const view = ({ beginMs, endMs, hosts }: AuditLog) => ({
  period_beginning: words(beginMs),
  period_ending: words(endMs),
  num_hosts: hosts.length,
  num_hosts_done: 0,
  num_hosts_running: 0,
  num_hosts_not_run: hosts.length,
  hosts_not_run: hosts,
  total_instances: 0,
  total_errors: 0,
  overall_status: `${hosts.length === 0 ? 'ALL' : `0 of ${hosts.length}`} hosts done. 0 errors.`,
  log: {},
});

export default resource({
  'GET /os-instance_usage_audit_log': route()({
    summary: 'Show which hosts announced the servers of the last month.',
    policy: 'os_compute_api:os-instance-usage-audit-log:list',
    query: noQuery,
    status: 200,
    run: (call) => logBefore(call, call.services.clock.now()),
    view: (log) => ({ instance_usage_audit_logs: view(log) }),
  }),
  'GET /os-instance_usage_audit_log/:before': route()({
    summary: 'Show which hosts announced the servers of the last month that was over before a moment.',
    policy: 'os_compute_api:os-instance-usage-audit-log:show',
    query: noQuery,
    status: 200,
    run: (call) => logBefore(call, momentOf(call.params['before'] as string)),
    view: (log) => ({ instance_usage_audit_log: view(log) }),
  }),
});
