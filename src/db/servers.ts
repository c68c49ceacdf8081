// Why: the one place where a server's row becomes a value and a value becomes a row.

import { areAmounts, invariant } from '../base/invariant.ts';
import { maximumOf, minimumOf } from '../domain/machines/flavors.ts';
import type { Server } from '../domain/servers/servers.ts';
import { type Size, sameSize } from '../domain/adjustment/size.ts';
import { type Claim, joinedClaim } from './claims.ts';
import { toBool } from './codec.ts';
import { readRows, type Reader, type Row, snapshotsOf } from './engine.ts';
import { buildShape, flavorShape, imageShape } from './shapes.ts';
import { noteSize } from './server-sizes.ts';
import { columnsOf, defineNoun } from './table.ts';
import { insertRows, type Tx } from './tx.ts';

/** What is written with a server and is not of its value. */
interface Beside {
  /** What was asked for at its creation. */
  readonly build: object;
  /** What the quota let in for the task that begins, and the server does not yet claim. */
  readonly promised: Size;
}

/** Columns that follow from a change: what is sought, sorted and summed by. A promise ends with the task for which it was made. */
function derived({ flavor, image, build, promised, taskState }: Partial<Server & Beside>): Record<string, unknown> {
  return {
    ...(flavor && {
      flavorid: flavor.flavorid,
      vcpus: flavor.vcpus,
      memory_mb: flavor.memoryMb,
      elastic: toBool(!sameSize(minimumOf(flavor), maximumOf(flavor))),
      root_gb: flavor.rootGb,
      ephemeral_gb: flavor.ephemeralGb,
    }),
    ...(image !== undefined && {
      kernel_id: image?.properties['kernel_id'] ?? null,
      ramdisk_id: image?.properties['ramdisk_id'] ?? null,
    }),
    ...(build && { build: buildShape.write(build) }),
    ...(taskState === null && { promised_vcpus: null, promised_memory_mb: null }),
    ...(promised && { promised_vcpus: promised.vcpus, promised_memory_mb: promised.memoryMb }),
  };
}

const serverNoun = defineNoun<Server, Beside>({
  table: 'servers',
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    displayName: ['display_name', 'text'],
    description: ['display_description', 'text'],
    hostname: ['hostname', 'text'],
    reservationId: ['reservation_id', 'text'],
    launchIndex: ['launch_index', 'number'],
    vmState: ['vm_state', 'text'],
    taskState: ['task_state', 'text'],
    powerState: ['power_state', 'number'],
    progress: ['progress', 'number'],
    imageRef: ['image_ref', 'text'],
    image: ['image', imageShape],
    flavor: ['flavor', flavorShape],
    host: ['host', 'text'],
    node: ['node', 'text'],
    availabilityZone: ['availability_zone', 'text'],
    requestedZone: ['requested_zone', 'text'],
    schedulerHints: ['scheduler_hints', 'json'],
    keyName: ['key_name', 'text'],
    keyData: ['key_data', 'text'],
    userData: ['user_data', 'text'],
    configDrive: ['config_drive', 'bool'],
    autoDiskConfig: ['auto_disk_config', 'bool'],
    accessIpV4: ['access_ip_v4', 'text'],
    accessIpV6: ['access_ip_v6', 'text'],
    rootDeviceName: ['root_device_name', 'text'],
    lockedBy: ['locked_by', 'text'],
    lockedReason: ['locked_reason', 'text'],
    currentVcpus: ['current_vcpus', 'number'],
    currentMemoryMb: ['current_memory_mb', 'number'],
    targetVcpus: ['target_vcpus', 'number'],
    targetMemoryMb: ['target_memory_mb', 'number'],
    bootVcpus: ['boot_vcpus', 'number'],
    bootMemoryMb: ['boot_memory_mb', 'number'],
    guestOnlineVcpus: ['guest_online_vcpus', 'number'],
    guestAvailableMb: ['guest_available_mb', 'number'],
    adjustStatus: ['adjust_status', 'text'],
    adjustPersist: ['adjust_persist', 'bool'],
    adjustRequestId: ['adjust_request_id', 'text'],
    adjustMessage: ['adjust_message', 'text'],
    adjustUpdatedAt: ['adjust_updated_at', 'time'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
    launchedAt: ['launched_at', 'time'],
    terminatedAt: ['terminated_at', 'time'],
    deletedAt: ['deleted_at', 'time'],
    deleted: ['deleted', 'bool'],
  },
  also: derived,
});

const wholeServer = columnsOf(serverNoun);
const listedServer = columnsOf(serverNoun, { without: ['keyData', 'userData'] });

/** The columns of a page of servers. Without `bulk`, which may be large, `userData` and `keyData` read as null. */
export const serverColumns = (bulk: boolean): readonly string[] => (bulk ? wholeServer : listedServer);

/** A page of rows as values; equal flavor and image snapshots become one object. */
export function decodeServers(reader: Reader, rows: readonly Row[]): Server[] {
  return serverNoun.fromRows(rows, snapshotsOf(reader));
}

const ONE_SERVER = `select ${wholeServer.join(', ')} from servers where servers.uuid = ?`;

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
  return row === undefined ? null : serverNoun.fromRow(row, snapshotsOf(reader));
}

const ONE_TO_BUILD =
  `select ${wholeServer.join(', ')}, servers.build, ${joinedClaim.columns.join(', ')}, claimed.host as claim_host from servers ` +
  'left join claims on claims.server_id = servers.id left join hosts claimed on claimed.id = claims.host_id where servers.uuid = ?';

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
  const server = serverNoun.fromRow(row, snapshotsOf(reader));
  const claimedOn = row['claim_host'] ?? server.host;
  invariant(
    server.host === null || claimedOn === server.host,
    () => `server ${uuid} claims something where it is, on ${server.host}`,
  );
  return {
    server,
    claim: joinedClaim.fromRow(row),
    build: () => buildShape.read(row['build']),
  };
}

/** The row for a change: on MySQL locked until the transaction ends, on SQLite the writer is alone anyway. */
export async function lockServer(tx: Tx, uuid: string): Promise<Server | null> {
  const row: Row | undefined = await tx('servers').select(wholeServer).where({ uuid }).forUpdate().first();
  return row === undefined ? null : serverNoun.fromRow(row);
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
  return decodeServers(reader, await reader('servers').select(listedServer).where({ host, deleted: 0 }));
}

/** The servers with these uuids, deleted ones too, in no order. */
export async function findServers(reader: Reader, uuids: readonly string[]): Promise<Server[]> {
  if (uuids.length === 0) return [];
  return decodeServers(
    reader,
    await reader('servers')
      .select(listedServer)
      .whereIn('uuid', [...uuids]),
  );
}

/** What was asked for at creation and only the operations read (JSON as they wrote it). */
export async function findBuild<T>(reader: Reader, serverId: number): Promise<T> {
  const row: Row = await reader('servers').select('build').where({ id: serverId }).first();
  return buildShape.read(row['build']) as T;
}

/** Changes parts of what was asked for at creation. */
export async function changeBuild<T>(tx: Tx, serverId: number, part: Partial<T>): Promise<void> {
  const build = { ...(await findBuild<T>(tx, serverId)), ...part };
  await tx('servers')
    .where({ id: serverId })
    .update({ build: buildShape.write(build) });
}

export type NewServer = Omit<Server, 'id' | 'updatedAt'> & Pick<Beside, 'build'>;
export type ServerPatch = Partial<Omit<Server, 'id' | 'uuid' | 'createdAt'> & Pick<Beside, 'promised'>>;

/** Adds servers and returns their numbers, in order. `updated_at` starts as `created_at`, so that `changes-since` finds them. */
export async function insertServers(tx: Tx, servers: readonly NewServer[]): Promise<number[]> {
  const rows = servers.map((server) => serverNoun.toRow({ ...server, updatedAt: server.createdAt }));
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
  return servers.map(({ uuid }) => {
    const id = ids.get(uuid);
    invariant(id !== undefined, `server ${uuid}, which was added, has a row`);
    return id;
  });
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

/** What holds of every change of a server. */
function checkPatch({ promised, deleted, taskState, ...patch }: ServerPatch): void {
  const { currentVcpus, currentMemoryMb, targetVcpus, targetMemoryMb, bootVcpus, bootMemoryMb } = patch;
  const sizes = [currentVcpus, currentMemoryMb, targetVcpus, targetMemoryMb, bootVcpus, bootMemoryMb];
  invariant(areAmounts(...sizes), () => `sizes of a server are whole numbers from 0 (${sizes.join(', ')})`);
  invariant(areAmounts(promised?.vcpus, promised?.memoryMb), 'what is promised to a server is whole numbers from 0');
  invariant(deleted !== true || taskState === null, 'a server that is gone has no task');
}

/** As `updateServer`, of several at once. */
export async function updateServers(tx: Tx, ids: readonly number[], patch: ServerPatch, nowMs: number): Promise<void> {
  if (patch.taskState === null || sizeFields.some((field) => patch[field] !== undefined)) {
    for (const id of ids) noteSize(tx, id);
  }
  checkPatch(patch);
  const touched: number = await tx('servers')
    .whereIn('id', [...ids])
    .update(serverNoun.toRow({ updatedAt: nowMs, ...patch }));
  invariant(touched === ids.length, () => `servers that change have rows (${ids.join(', ')}: ${touched})`);
}

/** Changes columns of one server. `nowMs` becomes `updated_at`. */
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
