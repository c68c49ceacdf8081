// Why: what could not be kept may be left, or failed, where the records say so, and nowhere else. Whoever judges a quiet cloud reads them here.

import { type Reader, readRows } from '../../src/db/engine.ts';

/** Actions that failed and do not say why, by an event that says it. */
const SILENT = `
  select a.action, a.request_id from instance_actions a where a.message = 'Error' and not exists (
    select 1 from instance_action_events e where e.action_id = a.id and e.result = 'Error' and e.details is not null)`;

/** Servers in ERROR without a reason. */
const FAULTLESS = `
  select uuid from servers s where deleted = 0 and vm_state = 'error'
    and not exists (select 1 from server_faults f where f.server_id = s.id)
    and not exists (select 1 from instance_actions a where a.server_uuid = s.uuid and a.action = 'resetState')`;

/**
 * Servers that keep something, as is on record: in ERROR what could not be taken back, or what a deletion did not get to; and both
 * places of a move of which nobody knows where it left the guest: a live migration, or any that a deletion overtook and did not end.
 */
const KEPT = `
  select m.server_uuid as uuid from migrations m where m.status = 'error' and (m.migration_type = 'live-migration' or exists (
    select 1 from instance_actions d where d.server_uuid = m.server_uuid and d.action = 'delete' and d.message = 'Error'))
  union
  select s.uuid from servers s where s.vm_state = 'error' and exists (
    select 1 from instance_actions a left join instance_action_events e on e.action_id = a.id
    where a.server_uuid = s.uuid and a.message = 'Error' and (a.action = 'delete' or e.undo = 'failed'))`;

/** Servers of which an action left something behind that it could do without, as its event says (`tolerate`). */
const LEFT = `
  select a.server_uuid as uuid from instance_action_events e join instance_actions a on a.id = e.action_id
  where e.output like '%"left":"%'`;

/** Servers without a guest whose disks may stand aside on their own host: they may be all that those have. */
const ASIDE = `
  select s.uuid, s.host from servers s join remnants r on r.server_uuid = s.uuid and r.host = s.host
  where s.deleted = 0 and s.power_state = 0`;

/**
 * What is left of an image that was not to be had, once the image service had been asked often enough, is on record, and so is what
 * a move that was given up left aside.
 */
export async function onRecord(read: Reader): Promise<(left: string) => boolean> {
  const told = new Set((await readRows(read, LEFT)).map((row) => row['uuid']));
  const rows = await readRows(read, ASIDE);
  const aside = new Set(rows.map((row) => `disks of ${String(row['uuid'])} set aside on ${String(row['host'])}`));
  return (left) => aside.has(left) || (left.startsWith('image of ') && told.has(UUID.exec(left)?.[0]));
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** Failures of actions and servers that do not say why. */
export async function unexplained(read: Reader): Promise<string[]> {
  return [
    ...(await readRows(read, SILENT)).map((row) => `a failure without a reason: ${JSON.stringify(row)}`),
    ...(await readRows(read, FAULTLESS)).map((row) => `an ERROR without a fault: ${JSON.stringify(row)}`),
  ];
}

/** Servers that may have something where they are not, as is on record. */
export const keptServers = async (read: Reader): Promise<ReadonlySet<unknown>> =>
  new Set((await readRows(read, KEPT)).map((row) => row['uuid']));

/** Whose it is that something was left of (`findLeftovers`): the server's uuid. */
export async function leftOf(read: Reader): Promise<(left: string) => unknown> {
  const moves = await readRows(read, 'select id, server_uuid from migrations');
  return (left) => {
    const move = /^(no )?claim held by (\d+)$/.exec(left)?.[2];
    if (move !== undefined) return moves.find(({ id }) => id === Number(move))?.['server_uuid'];
    return UUID.exec(left)?.[0];
  };
}
