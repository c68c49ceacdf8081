// Why: what must be true at every moment is looked at after every change, by queries of its own: a law that the program's own code
// judges would be broken and kept by the same mistake.

import { type Database, readRows, type Row } from '../../src/db/engine.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { FakeGuest } from '../../src/virt/fake/store.ts';
import { usedBy } from '../../src/virt/fake/memory.ts';
import type { Host } from './host.ts';

const CLAIMED = `
  select host_id, server_id, vcpus, memory_mb, disk_gb, 1 as own from claims
  union all select host_id, server_id, vcpus, memory_mb, disk_gb, 0 as own from held_claims`;

/** A host's sums are those of its claims. */
const SUMS = `
  select h.host, h.claimed_vcpus, h.claimed_memory_mb, h.claimed_disk_gb, h.running_vms,
    coalesce(c.vcpus, 0) as vcpus, coalesce(c.memory_mb, 0) as memory_mb, coalesce(c.disk_gb, 0) as disk_gb,
    coalesce(c.own, 0) as own
  from hosts h left join (
    select host_id, sum(vcpus) as vcpus, sum(memory_mb) as memory_mb, sum(disk_gb) as disk_gb, sum(own) as own
    from (${CLAIMED}) group by host_id) c on c.host_id = h.id
  where h.claimed_vcpus <> coalesce(c.vcpus, 0) or h.claimed_memory_mb <> coalesce(c.memory_mb, 0)
    or h.claimed_disk_gb <> coalesce(c.disk_gb, 0) or h.running_vms <> coalesce(c.own, 0)`;

/** What each server claims of a host, as far as it asked for it, and what all may claim there. */
const ROOM = `
  select h.host, s.uuid, h.vcpus * h.cpu_allocation_ratio as all_vcpus, h.memory_mb * h.ram_allocation_ratio as all_memory_mb,
    h.disk_gb * h.disk_allocation_ratio as all_disk_gb, min(c.vcpus, max(s.target_vcpus, s.boot_vcpus)) as vcpus,
    min(c.memory_mb, max(s.target_memory_mb, s.boot_memory_mb)) as memory_mb, c.disk_gb
  from hosts h join (${CLAIMED}) c on c.host_id = h.id join servers s on s.id = c.server_id`;

/** Only servers that exist claim something; each once, and once more for its move (a move that is given up gives back some time). */
const GHOSTS = `
  select s.uuid from (${CLAIMED}) c join servers s on s.id = c.server_id where s.deleted = 1
  union select s.uuid from held_claims c join servers s on s.id = c.server_id
  where not exists (select 1 from instance_actions a where a.server_uuid = s.uuid and a.cancel = 1 and a.state <> 'done')
  group by c.server_id having count(*) > 1`;

/** A server that is somewhere, and is not on its way, claims something there. */
const UNCLAIMED = `
  select s.uuid, s.host from servers s left join claims c on c.server_id = s.id left join hosts h on h.id = c.host_id
  where s.deleted = 0 and s.task_state is null and s.host is not null and (h.host is null or h.host <> s.host)`;

/** A task is the promise that an action is under way. */
const STUCK = `
  select s.uuid, s.task_state from servers s where s.deleted = 0 and s.task_state is not null and not exists (
    select 1 from instance_actions a where a.server_uuid = s.uuid and a.state <> 'done')`;

/** What is over has a moment of its end, and nobody works on it. */
const ENDLESS = `
  select id, action, state from instance_actions
  where (state = 'done') <> (finish_time is not null) or (state = 'done' and lease_owner is not null)`;

const ROWS = `
  select s.uuid, s.deleted, s.host, h.host as claimed_on, c.vcpus, c.memory_mb,
    exists (select 1 from remnants r where r.server_uuid = s.uuid and r.host = s.host) as left_there
  from servers s left join (${CLAIMED}) c on c.server_id = s.id left join hosts h on h.id = c.host_id`;

const listed = (name: string, rows: readonly Row[]): string[] => rows.map((row) => `${name}: ${JSON.stringify(row)}`);

/** The laws of the rows that are broken now. */
async function brokenRows({ read }: Database): Promise<string[]> {
  return [
    ...listed("a host's sums are not those of its claims", await readRows(read, SUMS)),
    ...listed('a claim of nobody, or two', await readRows(read, GHOSTS)),
    ...listed('a server without a claim where it is', await readRows(read, UNCLAIMED)),
    ...listed('a task without an action', await readRows(read, STUCK)),
    ...listed('an end without a moment', await readRows(read, ENDLESS)),
  ];
}

/**
 * Nobody got room that was not there. A claim that follows a guest which took more than it was given may go beyond what a host has,
 * so that those of guests that somebody meddled with do not count.
 */
async function brokenRoom({ read }: Database, isHonest: (uuid: string) => boolean): Promise<string[]> {
  const sums = new Map<unknown, { readonly all: Row; vcpus: number; memoryMb: number; diskGb: number }>();
  for (const row of await readRows(read, ROOM)) {
    if (!isHonest(row['uuid'] as string)) continue;
    const sum = sums.get(row['host']) ?? { all: row, vcpus: 0, memoryMb: 0, diskGb: 0 };
    sum.vcpus += Number(row['vcpus']);
    sum.memoryMb += Number(row['memory_mb']);
    sum.diskGb += Number(row['disk_gb']);
    sums.set(row['host'], sum);
  }
  return [...sums.values()].flatMap(({ all, ...sum }) => {
    const fits =
      sum.vcpus <= Number(all['all_vcpus']) &&
      sum.memoryMb <= Number(all['all_memory_mb']) &&
      sum.diskGb <= Number(all['all_disk_gb']);
    return fits ? [] : [`a host is claimed beyond what it has: ${JSON.stringify({ ...sum, all })}`];
  });
}

const isOn = ({ powerState }: FakeGuest): boolean => powerState === power.running || powerState === power.paused;

/** The laws of the guests: each runs once, for a server, and has no more than is claimed for it where it runs. */
async function brokenGuests(
  { read }: Database,
  hosts: readonly Host[],
  isHonest: (uuid: string) => boolean,
  nowMs: number,
): Promise<string[]> {
  const running = hosts.flatMap((host) => host.store.all().flatMap((guest) => (isOn(guest) ? [{ host, guest }] : [])));
  if (running.length === 0) return [];
  const found: string[] = [];
  const rows = await readRows(read, ROWS);
  const seen = new Map<string, string>();
  for (const { host, guest } of running) {
    const { uuid } = guest.spec;
    const other = seen.get(uuid);
    if (other !== undefined) found.push(`a guest runs twice: ${uuid} on ${other} and ${host.name}`);
    seen.set(uuid, host.name);
    const own = rows.filter((row) => row['uuid'] === uuid);
    if (own.length === 0) found.push(`a guest of nobody: ${uuid} on ${host.name}`);
    // what a host got late, or kept while it was down, goes with its next report
    const isHome = own.some((row) => row['deleted'] === 0 && row['left_there'] === 0 && row['host'] === host.name);
    if (!isHome || !isHonest(uuid)) continue;
    const held = { vcpus: guest.pluggedVcpus, memoryMb: usedBy(guest, nowMs).memoryMb };
    const here = own.filter((row) => row['claimed_on'] === host.name);
    const fits = here.some((row) => Number(row['vcpus']) >= held.vcpus && Number(row['memory_mb']) >= held.memoryMb);
    if (!fits) found.push(`a guest has more than its claim: ${uuid} on ${host.name} ${JSON.stringify({ held, here })}`);
  }
  return found;
}

export interface Subject {
  readonly database: Database;
  readonly hosts: readonly Host[];
  /** Whether nobody meddled with a guest. */
  readonly isHonest: (uuid: string) => boolean;
  readonly nowMs: number;
}

/** Every law that is broken now. */
export const brokenNow = async ({ database, hosts, isHonest, nowMs }: Subject): Promise<string[]> => [
  ...(await brokenRows(database)),
  ...(await brokenRoom(database, isHonest)),
  ...(await brokenGuests(database, hosts, isHonest, nowMs)),
];
