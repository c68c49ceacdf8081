// Why: where a law is broken one wants to see what the rows say: of each server where it is, what it claims and what was done to it.

import { readRows, type Reader, type Row } from '../../src/db/engine.ts';

const SERVERS = `
  select s.uuid, s.vm_state, s.task_state, s.power_state, s.host, s.deleted, h.host as claimed_on, c.vcpus, c.memory_mb
  from servers s left join claims c on c.server_id = s.id left join hosts h on h.id = c.host_id order by s.id`;

const HELD = `
  select m.server_uuid, m.id, m.migration_type, m.status, m.source_compute, m.dest_compute, h.host as held_on
  from migrations m left join held_claims c on c.migration_id = m.id left join hosts h on h.id = c.host_id order by m.id`;

const EVENTS = `
  select a.server_uuid, a.id, a.action, a.state, a.message, a.cancel, e.event, e.result, e.undo, e.details, e.output
  from instance_actions a left join instance_action_events e on e.action_id = a.id order by a.id, e.id`;

const line = (row: Row): string =>
  Object.entries(row)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');

/** What the rows say, as text. */
export async function ledgerOf(reader: Reader): Promise<string> {
  const parts: string[] = [];
  for (const [title, sql] of [
    ['servers', SERVERS],
    ['moves', HELD],
    ['actions', EVENTS],
  ] as const) {
    parts.push(`--- ${title}`, ...(await readRows(reader, sql)).map(line));
  }
  return parts.join('\n');
}
