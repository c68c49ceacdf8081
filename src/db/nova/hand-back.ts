// Why: a server that goes back to Nova is there as it was when it left, but for what became of it here: that is written into its cell, and
// nothing else is. The columns are those that Nova's own code writes for the same end.

import { type NovaRow, numberIn } from '../../domain/moving/nova-rows.ts';
import { type Tx, tx } from '../tx.ts';
import type { NovaDatabase } from './open.ts';

/** What became of a server here. */
export interface HandedBack {
  readonly vmState: string;
  readonly powerState: number;
  readonly displayName: string;
  readonly description: string | null;
}

/** Nova's databases keep moments in UTC, to the second. */
const moment = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** Only the columns that this Nova has. */
async function known(
  nova: NovaDatabase,
  table: string,
  change: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const columns = await nova.columns(table, Object.keys(change));
  return Object.fromEntries(columns.map((column) => [column, change[column]]));
}

/** Tells a cell how a server is now. Returns whether it still has it. */
export async function writeHandedBack(
  cell: NovaDatabase,
  uuid: string,
  { vmState, powerState, displayName, description }: HandedBack,
  nowMs: number,
): Promise<boolean> {
  const change = await known(cell, 'instances', {
    vm_state: vmState,
    power_state: powerState,
    task_state: null,
    display_name: displayName,
    display_description: description,
    updated_at: moment(nowMs),
  });
  const touched: number = await tx(cell.database, (t) => t('instances').where({ uuid, deleted: 0 }).update(change));
  return touched === 1;
}

/** What of a cell's is deleted with a server, as Nova does it: marked, with the row's own number. */
const MARKED = [
  'instance_info_caches',
  'instance_extra',
  'instance_metadata',
  'instance_system_metadata',
  'block_device_mapping',
] as const;

async function markDeleted(t: Tx, tables: readonly string[], uuid: string, at: string): Promise<void> {
  for (const table of tables)
    await t(table)
      .where({ instance_uuid: uuid, deleted: 0 })
      .update({ deleted: t.ref('id'), deleted_at: at });
}

/** Tells Nova that a server was deleted. Returns whether it had it yet. */
export async function writeDeleted(
  api: NovaDatabase,
  cell: NovaDatabase,
  uuid: string,
  deletedMs: number,
): Promise<boolean> {
  const at = moment(deletedMs);
  // nothing of it is left on its host that Nova's own cleaning would look for
  const gone = { vm_state: 'deleted', power_state: 0, task_state: null, terminated_at: at, deleted_at: at, cleaned: 1 };
  const change = await known(cell, 'instances', { ...gone, updated_at: at });
  const tables: string[] = [];
  for (const table of MARKED) if ((await cell.columns(table, ['deleted'])).length > 0) tables.push(table);
  const hasTags = (await cell.columns('tags', ['resource_id'])).length > 0;
  const had = await tx(cell.database, async (t) => {
    const row: NovaRow | undefined = await t('instances').select('id').where({ uuid, deleted: 0 }).first();
    if (row === undefined) return false;
    await t('instances')
      .where({ uuid })
      .update({ ...change, deleted: numberIn(row, 'id') });
    await markDeleted(t, tables, uuid, at);
    if (hasTags) await t('tags').where({ resource_id: uuid }).delete();
    return true;
  });
  const mapping = await known(api, 'instance_mappings', { queued_for_delete: 1 });
  await tx(api.database, async (t) => {
    if (Object.keys(mapping).length > 0) await t('instance_mappings').where({ instance_uuid: uuid }).update(mapping);
    await t('instance_group_member').where({ instance_uuid: uuid }).delete();
  });
  return had;
}
