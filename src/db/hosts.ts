// Why: hypervisors as the scheduler's snapshot and as operators see them: what they have, and what is claimed of it.

import type { Knex } from 'knex';
import type { HostTerms } from '../domain/placement/host-terms.ts';
import {
  believableChassis,
  type Chassis,
  type Host,
  type HostFacts,
  type HostInventory,
  steadyText,
} from '../domain/placement/hosts.ts';
import type { HostRoom } from '../domain/placement/claims.ts';
import { type Codec, fromJson, toJson, toNullableJson } from './codec.ts';
import { amongNumbers, readRows, type Reader, type Row } from './engine.ts';
import { changeMark, movedOn } from './host-changes.ts';
import { conflict } from '../base/errors.ts';
import { SERVICE_ZONE } from './zones.ts';
import { defineNoun } from './table.ts';
import type { Tx } from './tx.ts';
import { noteRoom } from './waiting-placements.ts';
import { factsShape } from './shapes.ts';

const columns = [
  'hosts.*',
  `${SERVICE_ZONE} as service_zone`,
  'services.disabled as service_disabled',
  'services.disabled_reason as service_disabled_reason',
  'services.forced_down as service_forced_down',
  'services.last_seen_at as service_last_seen_at',
];

type ParseFacts = (row: Row) => HostFacts;

const parseFacts: ParseFacts = (row) => factsShape.read(row['facts']);

type KnownFacts = Map<unknown, { readonly text: unknown; readonly facts: HostFacts }>;

/** The facts of each host as they were last read through a handle: reading them anew costs ten times the query. */
const lastFacts = new WeakMap<Reader, KnownFacts>();

/** Parses the facts of hosts, those whose text changed; what was read before is shared and must not be changed. */
const parseInto =
  (before: KnownFacts | undefined, now: KnownFacts): ParseFacts =>
  (row) => {
    const { id, facts: text } = row;
    const known = before?.get(id);
    const facts = known !== undefined && known.text === text ? known.facts : parseFacts(row);
    now.set(id, { text, facts });
    return facts;
  };

/** As `parseInto`, for all hosts: those that are gone are forgotten. */
function factsOfAll(reader: Reader): ParseFacts {
  const now: KnownFacts = new Map();
  const parse = parseInto(lastFacts.get(reader), now);
  lastFacts.set(reader, now);
  return parse;
}

function factsOfSome(reader: Reader): ParseFacts {
  const known: KnownFacts = lastFacts.get(reader) ?? new Map();
  lastFacts.set(reader, known);
  return parseInto(known, known);
}

type Bare = Omit<Host, 'inventory'> & { readonly inventory: Omit<HostInventory, 'facts'> };

/** Empty where none was told. */
const addressCodec: Codec<string> = {
  read: (cell) => (typeof cell === 'string' ? cell : ''),
  write: (address) => address,
};

/** A host with what stands in its service's row, but for its facts: those are parsed by `ParseFacts`. */
const hostNoun = defineNoun<Bare>({
  table: 'hosts',
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    serviceId: ['service_id', 'number'],
    host: ['host', 'text'],
    inventory: {
      hypervisorHostname: ['hypervisor_hostname', 'text'],
      hypervisorType: ['hypervisor_type', 'text'],
      hypervisorVersion: ['hypervisor_version', 'number'],
      hostIp: ['host_ip', addressCodec],
      vcpus: ['vcpus', 'number'],
      memoryMb: ['memory_mb', 'number'],
      diskGb: ['disk_gb', 'number'],
    },
    zone: ['service_zone', 'text'],
    disabled: ['service_disabled', 'bool'],
    disabledReason: ['service_disabled_reason', 'text'],
    forcedDown: ['service_forced_down', 'bool'],
    lastSeenAt: ['service_last_seen_at', 'time'],
    ratios: {
      cpu: ['cpu_allocation_ratio', 'number'],
      ram: ['ram_allocation_ratio', 'number'],
      disk: ['disk_allocation_ratio', 'number'],
    },
    reserved: {
      vcpus: ['reserved_vcpus', 'number'],
      memoryMb: ['reserved_memory_mb', 'number'],
      diskGb: ['reserved_disk_gb', 'number'],
    },
    claimed: {
      vcpus: ['claimed_vcpus', 'number'],
      memoryMb: ['claimed_memory_mb', 'number'],
      diskGb: ['claimed_disk_gb', 'number'],
    },
    numaUsed: ['numa_used', 'json'],
    resourcesUsed: ['resources_used', 'json'],
    pciTaken: ['pci_taken', 'json'],
    ceiling: { vcpus: ['ceiling_vcpus', 'number'], memoryMb: ['ceiling_memory_mb', 'number'] },
    runningVms: ['running_vms', 'number'],
    generation: ['generation', 'number'],
  },
});

function decode(row: Row, parse = parseFacts): Host {
  const host = hostNoun.fromRow(row);
  return { ...host, inventory: { ...host.inventory, facts: parse(row) } };
}

const ALL_HOSTS = `select ${columns.join(', ')} from hosts join services on services.id = hosts.service_id`;

/** Every hypervisor, in the order of their arrival. */
export async function listHosts(reader: Reader): Promise<Host[]> {
  const rows = await readRows(reader, ALL_HOSTS);
  const parse = factsOfAll(reader);
  return rows.map((row) => decode(row, parse)).sort((a, b) => a.id - b.id);
}

/** A page of hypervisors: those behind a number, in the order of their arrival. */
export async function hostsAfter(reader: Reader, id: number, limit: number): Promise<Host[]> {
  const rows = await readRows(reader, `${ALL_HOSTS} where hosts.id > ? order by hosts.id limit ?`, [id, limit]);
  const parse = factsOfSome(reader);
  return rows.map((row) => decode(row, parse));
}

/** The numbers of hosts behind one, in the order of their arrival. */
export async function hostIdsAfter(reader: Reader, id: number, limit: number): Promise<number[]> {
  const rows = await readRows(reader, 'select id from hosts where id > ? order by id limit ?', [id, limit]);
  return rows.map((row) => row['id'] as number);
}

/** These hosts, with the marks of their last changes (`src/db/host-changes.ts`). */
export async function hostsByNumber(
  reader: Reader,
  ids: readonly number[],
): Promise<{ readonly host: Host; readonly changedAt: number }[]> {
  const among = amongNumbers(reader, 'hosts.id', ids);
  const rows = await readRows(reader, `${ALL_HOSTS} where ${among.sql}`, among.bindings);
  const parse = factsOfSome(reader);
  return rows
    .map((row) => ({ host: decode(row, parse), changedAt: Number(row['changed_at']) }))
    .sort((a, b) => a.host.id - b.host.id);
}

/** What decides whether a host is well; see `isHostUp`. */
export type HostState = Pick<Host, 'host' | 'disabled' | 'forcedDown' | 'lastSeenAt'>;

const stateNoun = defineNoun<HostState>({
  table: 'services',
  columns: {
    host: ['host', 'text'],
    disabled: ['disabled', 'bool'],
    forcedDown: ['forced_down', 'bool'],
    lastSeenAt: ['last_seen_at', 'time'],
  },
});

const HOST_STATES = `select ${stateNoun.columns.join(', ')} from services where `;

const DOWN = ['last_seen_at < ?', 'last_seen_at is null', 'forced_down = 1'].map(
  (why) => `${HOST_STATES}${why} and services.binary = 'nova-compute' and id in (select service_id from hosts)`,
);

/** The states of the hosts that `isHostUp` does not hold for, without their inventories. `sinceMs` as for `isUpSince`. */
export async function downHosts(reader: Reader, sinceMs: number): Promise<HostState[]> {
  return stateNoun.fromRows(await readRows(reader, DOWN.join(' union '), [sinceMs]));
}

/** How many hosts there are, whatever their states. */
export async function countHosts(reader: Reader): Promise<number> {
  const [row] = (await reader('hosts').count({ hosts: '*' })) as unknown as [{ hosts: number | string }];
  return Number(row.hosts);
}

/**
 * In SQL what `isHostUp` says, of the table `services`.
 * @param sinceMs `hostDownMs` before now, milliseconds since the epoch
 */
export const isUpSince = (services: Knex.QueryBuilder, sinceMs: number): Knex.QueryBuilder =>
  services.where('services.forced_down', 0).where('services.last_seen_at', '>=', sinceMs);

/** The names of hosts that are up, to be asked for within another query: there may be thousands. */
export const upHosts = (reader: Reader, sinceMs: number): Knex.QueryBuilder =>
  isUpSince(reader('services').join('hosts', 'hosts.service_id', 'services.id').select('hosts.host'), sinceMs);

/** Whether some host is up. */
export const isAnyHostUp = async (reader: Reader, sinceMs: number): Promise<boolean> =>
  (await upHosts(reader, sinceMs).first()) !== undefined;

/** The states of some hosts by name, without their inventories: for views of servers. */
export async function hostStates(reader: Reader, names: readonly string[]): Promise<HostState[]> {
  if (names.length === 0) return [];
  const rows = await readRows(
    reader,
    `${HOST_STATES}host in (${names.map(() => '?').join(',')}) and services.binary = 'nova-compute'`,
    names,
  );
  return stateNoun.fromRows(rows);
}

export async function findHost(
  reader: Reader,
  by:
    | { readonly id: number }
    | { readonly uuid: string }
    | { readonly host: string }
    | { readonly hypervisor_hostname: string },
): Promise<Host | null> {
  const [[field, value]] = Object.entries(by) as [[string, string | number]];
  const [row] = await readRows(reader, `${ALL_HOSTS} where hosts.${field} = ?`, [value]);
  return row === undefined ? null : decode(row);
}

/** Whoever else locks this host's row waits until the transaction ends. */
export async function holdHost(tx: Tx, host: string): Promise<void> {
  await tx('hosts').select('id').where({ host }).forUpdate();
}

/** The host for a claim: locked until the transaction ends. */
export async function lockHost(tx: Tx, host: string): Promise<Host | null> {
  // the lock comes first and alone: a join would lock the service's row too
  await holdHost(tx, host);
  return findHost(tx, { host });
}

/** What is left on a host, by its number: locked until the transaction ends. For a claim of numbers that grows where it is. */
export async function lockRoom(tx: Tx, id: number): Promise<HostRoom | null> {
  const row: Row | undefined = await tx('hosts').where({ id }).forUpdate().first();
  return row === undefined ? null : decode(row);
}

/** Locks hosts and moves their generations on: claims that were thought out before are thought over. */
export async function moveHostsOn(tx: Tx, hosts: readonly string[]): Promise<void> {
  noteRoom(tx);
  await tx('hosts')
    .whereIn('host', [...hosts])
    .update(movedOn(tx));
}

/** Writes how much of these hosts may be claimed, the same of all. The caller moves their generations on. */
export async function setTerms(tx: Tx, ids: readonly number[], { ratios, reserved }: HostTerms): Promise<void> {
  await tx('hosts')
    .whereIn('id', [...ids])
    .update(hostNoun.toRow({ ratios, reserved }));
}

/** What the agents of these hosts said of them last, by name, with their numbers. */
export async function toldByHosts(
  reader: Reader,
  names: readonly string[],
): Promise<{ readonly id: number; readonly host: string; readonly terms: HostTerms | undefined }[]> {
  const rows: Row[] = await reader('hosts')
    .select('id', 'host', 'facts')
    .whereIn('host', [...names]);
  return rows.map((row) => ({ id: Number(row['id']), host: String(row['host']), terms: parseFacts(row).terms }));
}

/** What hosts are in OVN, by their names; those that are nothing there are left out. */
export async function hostChassis(reader: Reader): Promise<ReadonlyMap<string, Chassis>> {
  const rows: Row[] = await reader('hosts').whereNotNull('chassis').orderBy('id').select('host', 'chassis');
  return new Map(rows.map(({ host, chassis }) => [String(host), fromJson<Chassis>(chassis)]));
}

export interface HostReport {
  readonly uuid: string;
  readonly serviceId: number;
  readonly host: string;
  readonly inventory: HostInventory;
  readonly ratios: Host['ratios'];
  readonly reserved: Host['reserved'];
  readonly nowMs: number;
}

/** The facts that a claim is thought out on, as one text. */
const claimedFacts = ({ numaCells, dedicatedCpus, pciDevices = [], resources, traits }: HostFacts): string =>
  toJson({ numaCells, dedicatedCpus, pciDevices, resources, traits });

/**
 * Writes what an agent reports of its host. Where something changed that decides who has room there the generation moves on, so that
 * no claim is made on a snapshot of what it was; what is another number each time (free disk, uptime) does not disturb claims, and
 * is no change for those who keep hosts in memory.
 */
export async function upsertHost(tx: Tx, report: HostReport): Promise<void> {
  const { uuid, serviceId, inventory, ratios, reserved, nowMs } = report;
  const { hypervisor_hostname, hypervisor_type, hypervisor_version, host_ip, service_id, host, ...amounts } =
    hostNoun.toRow({ serviceId, host: report.host, inventory, ratios, reserved });
  const identity = { service_id, host, hypervisor_type, hypervisor_version, host_ip };
  const { chassis } = inventory.facts;
  // an agent whose switch does not answer just now says nothing of it: its host is what it was
  const inOvn = chassis === undefined ? {} : { chassis: toNullableJson(believableChassis(chassis)) };
  const facts = { facts: factsShape.write(inventory.facts), ...inOvn, updated_at: nowMs };
  const mark = { changed_at: changeMark(tx) };
  const key = { hypervisor_hostname };
  const known: Row | undefined = await tx('hosts')
    .select('facts', ...Object.keys(identity), ...Object.keys(amounts))
    .where(key)
    .forUpdate()
    .first();
  if (known === undefined) {
    noteRoom(tx);
    await tx('hosts')
      .insert({ uuid, ...key, ...identity, ...facts, ...mark, ...amounts, created_at: nowMs })
      .onConflict('hypervisor_hostname')
      .ignore();
    return;
  }
  if (known['host'] !== host) {
    throw conflict(
      `${inventory.hypervisorHostname} is the hypervisor of host ${String(known['host'])}: ${report.host} may not report it. ` +
        'Where that host was renamed, its compute service must be deleted first.',
      { code: 'host.taken' },
    );
  }
  const before = parseFacts(known);
  const as = (columns: object): boolean => Object.entries(columns).every(([column, value]) => known[column] === value);
  const moved = !as(amounts) || claimedFacts(before) !== claimedFacts(inventory.facts);
  if (moved) noteRoom(tx);
  const changes = moved
    ? { ...identity, ...amounts, ...movedOn(tx) }
    : as(identity) && steadyText({ ...inventory, facts: before }) === steadyText(inventory)
      ? {}
      : { ...identity, ...mark };
  await tx('hosts')
    .where(key)
    .update({ ...facts, ...changes });
}
