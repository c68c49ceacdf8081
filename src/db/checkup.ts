// Why: what a database says of an installation that is not well: for those who look for what is wrong, never for requests.

import type { Reader } from './engine.ts';
import { openStates } from './instance-actions.ts';

/** The engine's words for itself, and how far its clock is ahead of ours, in milliseconds; 0 where it has none of its own. */
export async function databaseFacts(
  reader: Reader,
  engine: 'sqlite' | 'mysql',
  now: () => number,
): Promise<{ readonly version: string; readonly aheadMs: number }> {
  if (engine === 'sqlite') {
    const [row] = (await reader.raw('select sqlite_version() as version')) as [{ version: string }];
    return { version: `SQLite ${row.version}`, aheadMs: 0 };
  }
  const before = now();
  const [[row]] = (await reader.raw('select version() as version, unix_timestamp(now(3)) * 1000 as now_ms')) as [
    [{ version: string; now_ms: string }],
  ];
  return { version: row.version, aheadMs: Number(row.now_ms) - (before + now()) / 2 };
}

/** A server, and what of it is told. */
export interface Suspect {
  readonly uuid: string;
  readonly what: string;
}

/** Open actions that nobody has touched since a moment. */
export async function stuckActions(reader: Reader, beforeMs: number): Promise<Suspect[]> {
  const rows: { server_uuid: string; action: string; state: string }[] = await reader('instance_actions')
    .select('server_uuid', 'action', 'state')
    .whereIn('state', [...openStates])
    .where('updated_at', '<', beforeMs)
    .where((any) => void any.whereNull('lease_until').orWhere('lease_until', '<', beforeMs));
  return rows.map((row) => ({ uuid: row.server_uuid, what: `${row.action} is ${row.state}` }));
}

/** A server whose action could not be taken back. */
export interface Untaken extends Suspect {
  readonly action: string;
}

/** Living servers whose last action left something that could not be taken back. */
export async function failedUndos(reader: Reader): Promise<Untaken[]> {
  const last = reader('instance_actions as later').max('later.id').whereRaw('later.server_uuid = servers.uuid');
  const rows: { uuid: string; action: string; event: string }[] = await reader('instance_action_events as event')
    .join('instance_actions as action', 'action.id', 'event.action_id')
    .join('servers', 'servers.uuid', 'action.server_uuid')
    .where({ 'event.undo': 'failed', 'servers.deleted': 0 })
    .where('action.id', last)
    .select('servers.uuid', 'action.action', 'event.event');
  return rows.map(({ uuid, action, event }) => ({ uuid, action, what: `${event} of ${action}` }));
}

export interface KnownImage {
  readonly id: string;
  readonly status: string;
  readonly updatedAt: number;
}

/** The images of these states. */
export async function imagesIn(reader: Reader, statuses: readonly string[]): Promise<KnownImage[]> {
  const rows: { id: string; status: string; updated_at: number | string }[] = await reader('images')
    .select('id', 'status', 'updated_at')
    .whereIn('status', [...statuses]);
  return rows.map((row) => ({ id: row.id, status: row.status, updatedAt: Number(row.updated_at) }));
}

/** How many notifications wait since before a moment. */
export async function lateNotifications(reader: Reader, beforeMs: number): Promise<number> {
  const [row] = (await reader('notifications').where('created_at', '<', beforeMs).count({ count: '*' })) as [
    { count: number | string },
  ];
  return Number(row.count);
}
