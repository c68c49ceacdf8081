// Why: the one place where a server's row becomes a value and a value becomes a row.

import { type FlavorSnapshot, maximumOf, minimumOf } from '../domain/machines/flavor.ts';
import type { ImageFacts } from '../domain/machines/image.ts';
import type { AdjustStatus, PowerState, Server, TaskState, VmState } from '../domain/servers/instance.ts';
import { type Size, sameSize } from '../domain/adjustment/size.ts';
import { type Claim, joinedClaim } from './claims.ts';
import { columnOf, fromBool, fromJson, fromTime, type ParseShared, toBool, toJson } from './codec.ts';
import { readRows, type Reader, type Row, snapshotsOf } from './engine.ts';
import { buildShape, flavorShape, fromShape, imageShape, toShape } from './shapes.ts';
import { noteSize } from './server-sizes.ts';
import { insertRows, type Tx } from './tx.ts';

const listColumns = [
  'id',
  'uuid',
  'project_id',
  'user_id',
  'display_name',
  'display_description',
  'hostname',
  'reservation_id',
  'launch_index',
  'vm_state',
  'task_state',
  'power_state',
  'progress',
  'image_ref',
  'image',
  'flavor',
  'host',
  'node',
  'availability_zone',
  'requested_zone',
  'scheduler_hints',
  'key_name',
  'config_drive',
  'auto_disk_config',
  'access_ip_v4',
  'access_ip_v6',
  'root_device_name',
  'locked_by',
  'locked_reason',
  'current_vcpus',
  'current_memory_mb',
  'target_vcpus',
  'target_memory_mb',
  'boot_vcpus',
  'boot_memory_mb',
  'guest_online_vcpus',
  'guest_available_mb',
  'adjust_status',
  'adjust_persist',
  'adjust_request_id',
  'adjust_message',
  'adjust_updated_at',
  'created_at',
  'updated_at',
  'launched_at',
  'terminated_at',
  'deleted_at',
  'deleted',
] as const;

/** Columns that may be large; lists read them only where a view shows them. */
const bulkColumns = ['key_data', 'user_data'] as const;

/** The columns of a page of servers. Without `bulk`, `userData` and `keyData` read as null. */
export const serverColumns = (bulk: boolean): string[] =>
  (bulk ? [...listColumns, ...bulkColumns] : [...listColumns]).map((column) => `servers.${column}`);

const readImage = (value: unknown) => fromShape<ImageFacts | null>(imageShape, value);
export const readFlavor = (value: unknown): FlavorSnapshot => fromShape(flavorShape, value);

/** A row as a value; `parse` lets rows of one page share equal snapshots. */
const parseAlone: ParseShared = (value, read = fromJson) => read(value);

function decodeServer(row: Row, parse: ParseShared = parseAlone): Server {
  return {
    id: row['id'] as number,
    uuid: row['uuid'] as string,
    projectId: row['project_id'] as string,
    userId: row['user_id'] as string,
    displayName: row['display_name'] as string,
    description: row['display_description'] as string | null,
    hostname: row['hostname'] as string,
    reservationId: row['reservation_id'] as string,
    launchIndex: row['launch_index'] as number,
    vmState: row['vm_state'] as VmState,
    taskState: row['task_state'] as TaskState | null,
    powerState: row['power_state'] as PowerState,
    progress: row['progress'] as number,
    imageRef: row['image_ref'] as string,
    image: parse<ImageFacts | null>(row['image'], readImage),
    flavor: parse(row['flavor'], readFlavor),
    host: row['host'] as string | null,
    node: row['node'] as string | null,
    availabilityZone: row['availability_zone'] as string | null,
    requestedZone: row['requested_zone'] as string | null,
    schedulerHints: parse<Record<string, unknown>>(row['scheduler_hints']),
    keyName: row['key_name'] as string | null,
    keyData: (row['key_data'] ?? null) as string | null,
    userData: (row['user_data'] ?? null) as string | null,
    configDrive: fromBool(row['config_drive']),
    autoDiskConfig: fromBool(row['auto_disk_config']),
    accessIpV4: row['access_ip_v4'] as string | null,
    accessIpV6: row['access_ip_v6'] as string | null,
    rootDeviceName: row['root_device_name'] as string | null,
    lockedBy: row['locked_by'] as 'owner' | 'admin' | null,
    lockedReason: row['locked_reason'] as string | null,
    currentVcpus: row['current_vcpus'] as number,
    currentMemoryMb: row['current_memory_mb'] as number,
    targetVcpus: row['target_vcpus'] as number,
    targetMemoryMb: row['target_memory_mb'] as number,
    bootVcpus: row['boot_vcpus'] as number,
    bootMemoryMb: row['boot_memory_mb'] as number,
    guestOnlineVcpus: row['guest_online_vcpus'] as number | null,
    guestAvailableMb: row['guest_available_mb'] as number | null,
    adjustStatus: row['adjust_status'] as AdjustStatus,
    adjustPersist: fromBool(row['adjust_persist']),
    adjustRequestId: row['adjust_request_id'] as string | null,
    adjustMessage: row['adjust_message'] as string | null,
    adjustUpdatedAt: fromTime(row['adjust_updated_at']),
    createdAt: Number(row['created_at']),
    updatedAt: fromTime(row['updated_at']),
    launchedAt: fromTime(row['launched_at']),
    terminatedAt: fromTime(row['terminated_at']),
    deletedAt: fromTime(row['deleted_at']),
    deleted: fromBool(row['deleted']),
  };
}

/** A page of rows as values; equal flavor and image snapshots become one object. */
export function decodeServers(reader: Reader, rows: readonly Row[]): Server[] {
  const parse = snapshotsOf(reader);
  return rows.map((row) => decodeServer(row, parse));
}

const ONE_SERVER = `select ${serverColumns(true).join(', ')} from servers where servers.uuid = ?`;

/**
 * The server with this uuid, or null.
 * @param scope.projectId only a server of this project
 * @param scope.deleted also one that is deleted
 */
export async function findServer(
  reader: Reader,
  uuid: string,
  scope: { readonly projectId?: string; readonly deleted?: boolean } = {},
): Promise<Server | null> {
  const sql = `${ONE_SERVER}${scope.projectId === undefined ? '' : ' and project_id = ?'}${scope.deleted ? '' : ' and deleted = 0'}`;
  const [row] = await readRows(reader, sql, scope.projectId === undefined ? [uuid] : [uuid, scope.projectId]);
  return row === undefined ? null : decodeServer(row, snapshotsOf(reader));
}

const ONE_TO_BUILD =
  `select ${serverColumns(true).join(', ')}, servers.build, ${joinedClaim.columns.join(', ')} from servers ` +
  'left join claims on claims.server_id = servers.id where servers.uuid = ?';

/** A server with all that its host is told of it and its own row does not have. */
export interface ServerToBuild {
  readonly server: Server;
  readonly claim: Claim | null;
  /** What was asked for at its creation; parsed when it is asked for. */
  readonly build: () => unknown;
}

/** The server with this uuid, a deleted one too, or null. */
export async function findServerToBuild(reader: Reader, uuid: string): Promise<ServerToBuild | null> {
  const [row] = await readRows(reader, ONE_TO_BUILD, [uuid]);
  if (row === undefined) return null;
  return {
    server: decodeServer(row, snapshotsOf(reader)),
    claim: joinedClaim.decode(row),
    build: () => fromShape<unknown>(buildShape, row['build']),
  };
}

/** The row for a change: on MySQL locked until the transaction ends, on SQLite the writer is alone anyway. */
export async function lockServer(tx: Tx, uuid: string): Promise<Server | null> {
  const row: Row | undefined = await tx('servers').select(serverColumns(true)).where({ uuid }).forUpdate().first();
  return row === undefined ? null : decodeServer(row);
}

/** Which of these servers still wait for a place; their rows are locked until the transaction ends. */
export async function lockWaiting(tx: Tx, ids: readonly number[]): Promise<number[]> {
  const rows: { id: number }[] = await tx('servers')
    .select('id')
    .whereIn('id', [...ids])
    .where({ task_state: 'scheduling', deleted: 0 })
    .whereNull('host')
    .orderBy('id')
    .forUpdate();
  return rows.map(({ id }) => id);
}

/** The servers of one host that are not deleted. */
export async function serversOnHost(reader: Reader, host: string): Promise<Server[]> {
  return decodeServers(reader, await reader('servers').select(serverColumns(false)).where({ host, deleted: 0 }));
}

/** The servers with these uuids, deleted ones too, in no order. */
export async function findServers(reader: Reader, uuids: readonly string[]): Promise<Server[]> {
  if (uuids.length === 0) return [];
  return decodeServers(
    reader,
    await reader('servers')
      .select(serverColumns(false))
      .whereIn('uuid', [...uuids]),
  );
}

/** What was asked for at creation and only the operations read (JSON as they wrote it). */
export async function findBuild<T>(reader: Reader, serverId: number): Promise<T> {
  const row: Row = await reader('servers').select('build').where({ id: serverId }).first();
  return fromShape<unknown>(buildShape, row['build']) as T;
}

/** Changes parts of what was asked for at creation. */
export async function changeBuild<T>(tx: Tx, serverId: number, part: Partial<T>): Promise<void> {
  const build = { ...(await findBuild<T>(tx, serverId)), ...part };
  await tx('servers')
    .where({ id: serverId })
    .update({ build: toShape(buildShape, build) });
}

export type NewServer = Omit<Server, 'id' | 'updatedAt'> & { readonly build: unknown };
export type ServerPatch = Partial<Omit<Server, 'id' | 'uuid' | 'createdAt'>> & {
  /** What the quota let in for the task that begins, and the server does not yet claim. */
  readonly promised?: Size;
};

/** How a field of JSON is written. */
const jsonFields: Readonly<Record<string, (value: never) => string>> = {
  image: (image: ImageFacts | null) => (image === null ? 'null' : toShape(imageShape, image)),
  flavor: (flavor: FlavorSnapshot) => toShape(flavorShape, flavor),
  schedulerHints: toJson,
  build: (build: Readonly<Record<string, unknown>>) => toShape(buildShape, build),
};
const renamed: Readonly<Record<string, string>> = { description: 'display_description' };

function encode(patch: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    const column = renamed[field] ?? columnOf(field);
    const write = jsonFields[field];
    if (write !== undefined) row[column] = write(value as never);
    else row[column] = typeof value === 'boolean' ? toBool(value) : value;
  }
  const flavor = patch['flavor'] as FlavorSnapshot | undefined;
  if (flavor !== undefined) {
    Object.assign(row, {
      flavorid: flavor.flavorid,
      vcpus: flavor.vcpus,
      memory_mb: flavor.memoryMb,
      elastic: toBool(!sameSize(minimumOf(flavor), maximumOf(flavor))),
      root_gb: flavor.rootGb,
      ephemeral_gb: flavor.ephemeralGb,
    });
  }
  const image = patch['image'] as ImageFacts | null | undefined;
  if (image !== undefined) {
    row['kernel_id'] = image?.properties['kernel_id'] ?? null;
    row['ramdisk_id'] = image?.properties['ramdisk_id'] ?? null;
  }
  return row;
}

/** Adds servers and returns their numbers, in order. `updated_at` starts as `created_at`, so that `changes-since` finds them. */
export async function insertServers(tx: Tx, servers: readonly NewServer[]): Promise<number[]> {
  const rows = servers.map((server) => ({ ...encode({ ...server }), updated_at: server.createdAt }));
  if (rows.length === 1) {
    const [id] = (await tx('servers').insert(rows)) as [number];
    noteSize(tx, id);
    return [id];
  }
  await insertRows(tx, 'servers', rows);
  const made: { id: number; uuid: string }[] = await tx('servers')
    .select('id', 'uuid')
    .whereIn(
      'uuid',
      servers.map(({ uuid }) => uuid),
    );
  const ids = new Map(made.map(({ id, uuid }) => [uuid, id]));
  for (const id of ids.values()) noteSize(tx, id);
  return servers.map(({ uuid }) => ids.get(uuid) as number);
}

/** As `insertServers`, one. */
export async function insertServer(tx: Tx, server: NewServer): Promise<number> {
  const [id] = await insertServers(tx, [server]);
  return id as number;
}

/** What decides how much of the quota a server uses, besides its claim. */
const sizeFields = [
  'vmState',
  'deleted',
  'deletedAt',
  'launchedAt',
  'flavor',
  'bootVcpus',
  'bootMemoryMb',
  'promised',
] as const;

/** As `updateServer`, of several at once. */
export async function updateServers(tx: Tx, ids: readonly number[], patch: ServerPatch, nowMs: number): Promise<void> {
  if (patch.taskState === null || sizeFields.some((field) => patch[field] !== undefined)) {
    for (const id of ids) noteSize(tx, id);
  }
  const { promised, ...columns } = patch;
  const over = patch.taskState === null ? { promised_vcpus: null, promised_memory_mb: null } : {};
  const promise =
    promised === undefined ? over : { promised_vcpus: promised.vcpus, promised_memory_mb: promised.memoryMb };
  await tx('servers')
    .whereIn('id', [...ids])
    .update({ ...encode({ updatedAt: nowMs, ...columns }), ...promise });
}

/** Changes columns of one server. `nowMs` becomes `updated_at`. A promise ends with the task for which it was made. */
export const updateServer = (tx: Tx, id: number, patch: ServerPatch, nowMs: number): Promise<void> =>
  updateServers(tx, [id], patch, nowMs);

/** Servers that were deleted softly at `beforeMs` or earlier and that nothing is under way for. */
export async function findReclaimable(reader: Reader, beforeMs: number): Promise<string[]> {
  const rows: { uuid: string }[] = await reader('servers')
    .select('uuid')
    .where({ deleted: 0, vm_state: 'soft-delete' })
    .where('deleted_at', '<=', beforeMs)
    .whereNull('task_state')
    .orderBy('deleted_at');
  return rows.map((row) => row.uuid);
}

/** Servers whose task has no open action behind it; there must be none. */
export async function findStuckServers(reader: Reader): Promise<string[]> {
  const rows: { uuid: string }[] = await reader('servers')
    .select('uuid')
    // in words by which SQLite begins with those that have a task, not with all that are there
    .whereRaw('deleted + 0 = 0')
    .where('task_state', '>', '')
    .whereNotExists(
      reader('instance_actions')
        .select(reader.raw('1'))
        .whereRaw('instance_actions.server_uuid = servers.uuid')
        .whereNot('state', 'done'),
    );
  return rows.map((row) => row.uuid);
}
