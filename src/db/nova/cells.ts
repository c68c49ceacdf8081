// Why: what a cell of Nova's has of its servers stands in ten tables; a page of servers is read with all of it in ten queries.

import { type NovaRow, type NovaServer, numberIn, textIn } from '../../domain/moving/nova-rows.ts';
import { type NovaDatabase, novaPages, novaRows } from './open.ts';

const INSTANCE = [
  'uuid',
  'user_id',
  'project_id',
  'image_ref',
  'kernel_id',
  'ramdisk_id',
  'hostname',
  'launch_index',
  'key_name',
  'key_data',
  'power_state',
  'vm_state',
  'task_state',
  'ephemeral_key_uuid',
  'host',
  'node',
  'user_data',
  'reservation_id',
  'created_at',
  'updated_at',
  'launched_at',
  'availability_zone',
  'display_name',
  'display_description',
  'locked',
  'locked_by',
  'root_device_name',
  'config_drive',
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'hidden',
];
const EXTRA = ['instance_uuid', 'flavor', 'keypairs', 'numa_topology', 'pci_requests', 'vpmems'];
const BLOCK_DEVICE = [
  'source_type',
  'destination_type',
  'device_type',
  'disk_bus',
  'device_name',
  'boot_index',
  'delete_on_termination',
  'volume_id',
  'attachment_id',
  'connection_info',
  'tag',
  'encrypted',
  'created_at',
];

/** States of a migration that is over. */
const OVER: ReadonlySet<string> = new Set([
  'completed',
  'confirmed',
  'reverted',
  'failed',
  'error',
  'cancelled',
  'done',
]);

const by = (rows: readonly NovaRow[], column: string): ReadonlyMap<string, NovaRow[]> =>
  Map.groupBy(rows, (row) => textIn(row, column) ?? '');

const pairs = (rows: readonly NovaRow[] = []): Readonly<Record<string, string>> =>
  Object.fromEntries(rows.map((row) => [textIn(row, 'key') ?? '', textIn(row, 'value') ?? '']));

/** What the API's database has of these servers. */
async function fromApi(api: NovaDatabase, uuids: readonly string[]) {
  const among = ['instance_uuid', uuids] as const;
  const specs = await novaRows(api, 'request_specs', ['instance_uuid', 'spec'], { among });
  const members = await novaRows(api, 'instance_group_member', ['instance_uuid', 'group_id'], { among });
  const ids = [...new Set(members.map((row) => numberIn(row, 'group_id') ?? 0))];
  const groups = await novaRows(api, 'instance_groups', ['uuid'], { among: ['id', ids] });
  const uuidOf = new Map(groups.map((row) => [numberIn(row, 'id'), textIn(row, 'uuid')]));
  return {
    specs: by(specs, 'instance_uuid'),
    groupOf: new Map(
      members.map((row) => [textIn(row, 'instance_uuid'), uuidOf.get(numberIn(row, 'group_id')) ?? null]),
    ),
  };
}

/** Servers of a cell with all that Nova has of them. */
async function whole(api: NovaDatabase, cell: NovaDatabase, instances: readonly NovaRow[]): Promise<NovaServer[]> {
  const uuids = instances.map((row) => textIn(row, 'uuid') ?? '');
  const of = async (table: string, columns: readonly string[], key = 'instance_uuid') =>
    by(await novaRows(cell, table, [key, ...columns], { among: [key, uuids] }), key);
  const extra = await of('instance_extra', EXTRA);
  const caches = await of('instance_info_caches', ['network_info']);
  const metadata = await of('instance_metadata', ['key', 'value']);
  const system = await of('instance_system_metadata', ['key', 'value']);
  const tags = await of('tags', ['tag'], 'resource_id');
  const blockDevices = await of('block_device_mapping', BLOCK_DEVICE);
  const pci = await of('pci_devices', ['status']);
  const moves = await of('migrations', ['status']);
  const { specs, groupOf } = await fromApi(api, uuids);
  return instances.map((instance) => {
    const uuid = textIn(instance, 'uuid') ?? '';
    return {
      instance,
      extra: extra.get(uuid)?.[0] ?? {},
      networkInfo: caches.get(uuid)?.[0]?.['network_info'] ?? null,
      metadata: pairs(metadata.get(uuid)),
      systemMetadata: pairs(system.get(uuid)),
      tags: (tags.get(uuid) ?? []).map((row) => textIn(row, 'tag') ?? ''),
      blockDevices: blockDevices.get(uuid) ?? [],
      pciDevices: (pci.get(uuid) ?? []).length,
      moves: (moves.get(uuid) ?? []).map((row) => textIn(row, 'status') ?? '').filter((status) => !OVER.has(status)),
      requestSpec: specs.get(uuid)?.[0]?.['spec'] ?? null,
      group: groupOf.get(uuid) ?? null,
    };
  });
}

const PAGE = 200;

/** The servers of a cell that are not deleted, a page at a time. */
export async function* novaServers(api: NovaDatabase, cell: NovaDatabase): AsyncGenerator<NovaServer> {
  for await (const page of novaPages(cell, 'instances', INSTANCE, PAGE)) {
    // of a server on its way between cells one row is hidden
    const shown = page.filter((row) => (numberIn(row, 'hidden') ?? 0) === 0);
    yield* await whole(api, cell, shown);
  }
}

/** The row of one server, deleted or not; null: the cell has none. */
export async function novaInstance(cell: NovaDatabase, uuid: string): Promise<NovaRow | null> {
  const columns = await cell.columns('instances', ['id', 'deleted', ...INSTANCE]);
  return (
    ((await cell.database
      .read('instances')
      .select([...columns])
      .where({ uuid })
      .first()) as NovaRow | undefined) ?? null
  );
}

/** An action on a server with its events. */
export interface NovaAction {
  readonly action: NovaRow;
  readonly events: readonly NovaRow[];
}

const ACTION = ['action', 'request_id', 'user_id', 'project_id', 'start_time', 'finish_time', 'message', 'updated_at'];
const EVENT = ['action_id', 'event', 'start_time', 'finish_time', 'result', 'traceback', 'host', 'details'];

/** What was done with a server, the oldest first. */
export async function novaActions(cell: NovaDatabase, uuid: string): Promise<readonly NovaAction[]> {
  const where = { instance_uuid: uuid };
  const actions = await novaRows(cell, 'instance_actions', ACTION, { where });
  const ids = actions.map((row) => numberIn(row, 'id') ?? 0);
  const events = await novaRows(cell, 'instance_actions_events', EVENT, { among: ['action_id', ids] });
  const of = by(events, 'action_id');
  return actions.map((action) => ({ action, events: of.get(textIn(action, 'id') ?? '') ?? [] }));
}

/** When the nova-compute of each host was last heard, in Nova's own words. */
export const novaServices = (cell: NovaDatabase): Promise<readonly NovaRow[]> =>
  novaRows(cell, 'services', ['host', 'last_seen_up', 'updated_at', 'forced_down'], {
    where: { binary: 'nova-compute' },
  });

/** How many servers were deleted there. */
export async function countDeleted(cell: NovaDatabase): Promise<number> {
  const [row] = (await cell.database.read('instances').whereNot({ deleted: 0 }).count({ count: '*' })) as [
    { count: number | string },
  ];
  return Number(row.count);
}
