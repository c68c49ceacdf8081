// Why: a server that goes back to Nova is there as it was when it left, but for what became of it here: that is written into its cell, and
// nothing else is. The columns are those that Nova's own code writes for the same end.

import { Fault } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { type NovaRow, numberIn, textIn } from '../../domain/moving/nova-rows.ts';
import { type AttachedVolume, novaConnection } from '../../domain/moving/nova-volumes.ts';
import type { ServerVolume, VolumeBus } from '../../domain/servers/server-volumes.ts';
import { type Tx, tx } from '../tx.ts';
import type { NovaDatabase } from './open.ts';

/** What became of a server here. */
export interface HandedBack {
  readonly vmState: string;
  readonly powerState: number;
  readonly displayName: string;
  readonly description: string | null;
  /** Absent: it left before volumes were taken over. */
  readonly volumes?: readonly VolumeBack[];
}

/** A volume with which a server goes back. How its host reaches it is Cinder's to say, when it is written. */
export interface VolumeBack extends Omit<ServerVolume, 'attachmentId' | 'createdAt' | 'disk'> {
  readonly attachmentId: string;
  readonly bus: VolumeBus;
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

const DEVICES = 'block_device_mapping';

/** The row of a volume that Nova does not have, or has by another attachment. */
const deviceRow = (
  { volumeId, attachmentId, bootIndex, device, tag, deleteOnTermination, bus }: VolumeBack,
  { connectionInfo, volume }: AttachedVolume,
): Readonly<Record<string, unknown>> => ({
  ...{ source_type: 'volume', destination_type: 'volume', device_type: 'disk', disk_bus: bus, no_device: 0 },
  ...{ volume_id: volumeId, attachment_id: attachmentId, volume_size: volume?.sizeGb ?? null, encrypted: 0 },
  ...{ device_name: device, boot_index: bootIndex, tag, delete_on_termination: deleteOnTermination ? 1 : 0 },
  connection_info: JSON.stringify(novaConnection(connectionInfo, volumeId)),
});

/** Tells a cell which volumes a server has: those that it knows stay as they are, but for what became of them. */
async function writeVolumes(
  cell: NovaDatabase,
  t: Tx,
  uuid: string,
  volumes: readonly VolumeBack[],
  attached: ReadonlyMap<string, AttachedVolume>,
  at: string,
): Promise<void> {
  const rows: NovaRow[] = await t(DEVICES)
    .select('id', 'volume_id', 'attachment_id')
    .where({ instance_uuid: uuid, deleted: 0, destination_type: 'volume' });
  const gone = rows.filter((row) => !volumes.some(({ volumeId }) => volumeId === textIn(row, 'volume_id')));
  for (const { id } of gone)
    await t(DEVICES)
      .where({ id: Number(id) })
      .update({ deleted: t.ref('id'), deleted_at: at });
  for (const volume of volumes) {
    const row = rows.find((one) => textIn(one, 'volume_id') === volume.volumeId);
    const there = attached.get(volume.attachmentId);
    if (there === undefined) throw new Fault('conflict', `Cinder has no attachment ${volume.attachmentId} any more`);
    const { delete_on_termination, attachment_id, connection_info, ...rest } = deviceRow(volume, there);
    if (row === undefined) {
      const made = { instance_uuid: uuid, uuid: newUuid(), created_at: at, deleted: 0 };
      const whole = { ...made, ...rest, delete_on_termination, attachment_id, connection_info };
      await t(DEVICES).insert(await known(cell, DEVICES, whole));
      continue;
    }
    const moved = textIn(row, 'attachment_id') !== volume.attachmentId;
    const change = { delete_on_termination, updated_at: at, ...(moved && { attachment_id, connection_info }) };
    await t(DEVICES)
      .where({ id: Number(row['id']) })
      .update(await known(cell, DEVICES, change));
  }
}

/**
 * Tells a cell how a server is now. Returns whether it still has it.
 * @param attached what Cinder has of the volumes with which it goes back
 */
export async function writeHandedBack(
  cell: NovaDatabase,
  uuid: string,
  { vmState, powerState, displayName, description, volumes }: HandedBack,
  attached: ReadonlyMap<string, AttachedVolume>,
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
  return tx(cell.database, async (t) => {
    const touched = await t('instances').where({ uuid, deleted: 0 }).update(change);
    if (touched !== 1) return false;
    if (volumes !== undefined) await writeVolumes(cell, t, uuid, volumes, attached, moment(nowMs));
    return true;
  });
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
