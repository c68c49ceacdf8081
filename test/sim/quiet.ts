// Why: once nothing goes wrong any more and nothing is under way, all must be in order: every promise was kept or its failure is on
// record, and row, claim and guest say the same.

import { findClaims } from '../../src/db/claims.ts';
import { countOpenActions } from '../../src/db/cloud-counts.ts';
import { readRows } from '../../src/db/engine.ts';
import { loadDetails, allDetails } from '../../src/db/server-details.ts';
import { minimumOf } from '../../src/domain/machines/flavor.ts';
import { claimOf } from '../../src/domain/placement/claim.ts';
import { power, type Server, type VmState } from '../../src/domain/servers/instance.ts';
import { usedBy } from '../../src/virt/fake/memory.ts';
import { findLeftovers } from '../support/leftovers.ts';
import type { Cloud } from './cloud.ts';
import type { Users } from './users.ts';

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
 * places of a live migration of which nobody knows where it left the guest.
 */
const KEPT = `
  select server_uuid as uuid from migrations where migration_type = 'live-migration' and status = 'error'
  union
  select s.uuid from servers s where s.vm_state = 'error' and exists (
    select 1 from instance_actions a left join instance_action_events e on e.action_id = a.id
    where a.server_uuid = s.uuid and a.message = 'Error' and (a.action = 'delete' or e.undo = 'failed'))`;

/** Servers of which an action left something behind that it could do without, as its event says (`tolerate`). */
const LEFT = `
  select a.server_uuid as uuid from instance_action_events e join instance_actions a on a.id = e.action_id
  where e.output like '%"left":"%'`;

/** What is left of an image that was not to be had, once the image service had been asked often enough, is on record. */
async function onRecord({ database: { read } }: Cloud): Promise<(left: string) => boolean> {
  const told = new Set((await readRows(read, LEFT)).map((row) => row['uuid']));
  return (left) => left.startsWith('image of ') && told.has(UUID.exec(left)?.[0]);
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** What becomes of a guest that runs, or not. */
const stateOf: Readonly<Record<number, readonly VmState[]>> = {
  [power.running]: ['active', 'resized', 'rescued', 'error'],
  [power.paused]: ['paused', 'resized', 'rescued', 'error'],
  [power.shutdown]: ['stopped', 'resized', 'rescued', 'error'],
  [power.crashed]: ['stopped', 'resized', 'rescued', 'error'],
  [power.suspended]: ['suspended', 'resized', 'rescued', 'error'],
};

async function brokenServer(cloud: Cloud, server: Server, claim: { vcpus: number; memoryMb: number } | null) {
  const found: string[] = [];
  const host = cloud.hosts.find(({ name }) => name === server.host);
  // of one that was deleted softly nobody follows the guest, as in Nova
  if (host === undefined || server.vmState === 'soft-delete') return found;
  const guest = host.store.get(server.uuid);
  const told = (what: string, detail: unknown): void =>
    void found.push(`${what}: ${server.uuid} ${JSON.stringify(detail)}`);
  if (guest === undefined) {
    if (server.vmState !== 'error' && server.vmState !== 'shelved') told('a server without its guest', server.vmState);
    return found;
  }
  const states = stateOf[guest.powerState];
  if (states !== undefined && !states.includes(server.vmState) && server.vmState !== 'shelved')
    told('row and guest are in different states', { row: server.vmState, guest: guest.powerState });
  const minimum = minimumOf(server.flavor);
  const boot = { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb };
  const row = { vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb };
  const runs = guest.powerState === power.running || guest.powerState === power.paused;
  if (!runs) return found;
  const size = usedBy(guest, cloud.timeline.now());
  if (JSON.stringify(row) !== JSON.stringify(size)) told('row and guest have different sizes', { row, size });
  const held = { vcpus: guest.pluggedVcpus, memoryMb: size.memoryMb };
  const due = claimOf(minimum, held, boot);
  if (claim === null || claim.vcpus !== due.vcpus || claim.memoryMb !== due.memoryMb)
    told('a claim is not what its guest has', { claim, due });
  return found;
}

/** Every law of a quiet cloud that is broken. */
export async function brokenInTheEnd(cloud: Cloud, users: Users): Promise<string[]> {
  const { read } = cloud.database;
  const found: string[] = [];
  for (const open of await countOpenActions(read)) found.push(`an action has no end: ${JSON.stringify(open)}`);
  const recorded = await readRows(read, 'select request_id, server_uuid, action from instance_actions');
  const asked = new Set(recorded.map((row) => row['request_id']));
  // of a server that is being deleted no more is asked
  const deleted = new Set(recorded.filter((row) => row['action'] === 'delete').map((row) => row['server_uuid']));
  for (const { requestId, what, deletes, promised } of users.requests) {
    if (promised && !asked.has(requestId) && !deleted.has(deletes)) found.push(`nothing is on record of '${what}'`);
  }
  for (const row of await readRows(read, SILENT)) found.push(`a failure without a reason: ${JSON.stringify(row)}`);
  for (const row of await readRows(read, FAULTLESS)) found.push(`an ERROR without a fault: ${JSON.stringify(row)}`);
  const drivers = new Map(cloud.hosts.map((host) => [host.name, host]));
  const byHand = new Set(recorded.filter((row) => row['action'] === 'resetState').map((row) => row['server_uuid']));
  const places = { database: cloud.database, networks: cloud.networks, images: cloud.images, drivers };
  const moves = await readRows(read, 'select id, server_uuid from migrations');
  const serverOf = (left: string): unknown => {
    const move = /^(no )?claim held by (\d+)$/.exec(left)?.[2];
    if (move !== undefined) return moves.find(({ id }) => id === Number(move))?.['server_uuid'];
    return UUID.exec(left)?.[0];
  };
  const kept = new Set((await readRows(read, KEPT)).map((row) => row['uuid']));
  const isToldOf = await onRecord(cloud);
  const isExcused = (left: string): boolean =>
    isToldOf(left) ||
    // what was called active by hand has its ports, and perhaps no host that they are bound to
    (left.startsWith('port of ') && byHand.has(serverOf(left))) ||
    // that it goes with the server is seen when all are deleted
    (!left.startsWith('claims: ') && kept.has(serverOf(left)));
  found.push(...(await findLeftovers(places)).filter((left) => !isExcused(left)));
  const servers = await users.living();
  const claims = await findClaims(
    read,
    servers.map(({ id }) => id),
  );
  const details = await loadDetails(read, servers, allDetails);
  for (const [index, server] of servers.entries()) {
    // an administrator's word may be untrue: what is half deleted and called active has no guest and no ports
    if (byHand.has(server.uuid) || kept.has(server.uuid)) continue;
    found.push(...(await brokenServer(cloud, server, claims.get(server.id) ?? null)));
    const nics = (details[index]?.nics ?? []).map(({ portId }) => portId).toSorted();
    const ports = cloud.networks
      .ports()
      .flatMap(({ serverUuid, nic }) => (serverUuid === server.uuid ? [nic.portId] : []));
    if (nics.join() !== ports.toSorted().join())
      found.push(`row and ports differ: ${server.uuid} ${JSON.stringify({ nics, ports })}`);
  }
  return found;
}

/** Where anything is left though every server was deleted. */
export async function leftOfAll(cloud: Cloud, users: Users): Promise<string[]> {
  const { read } = cloud.database;
  const found = (await users.living()).map(({ uuid, vmState }) => `could not be deleted: ${uuid} ${vmState}`);
  for (const { name, store } of cloud.hosts) {
    for (const { spec } of store.all()) found.push(`the guest of a deleted server: ${spec.uuid} on ${name}`);
    for (const { spec } of store.aside.all()) found.push(`the disks of a deleted server: ${spec.uuid} on ${name}`);
  }
  for (const { serverUuid } of cloud.networks.ports()) found.push(`the port of a deleted server: ${serverUuid}`);
  for (const table of ['claims', 'held_claims', 'remnants']) {
    const rows = await readRows(read, `select * from ${table}`);
    found.push(...rows.map((row) => `left in ${table}: ${JSON.stringify(row)}`));
  }
  const drivers = new Map(cloud.hosts.map((host) => [host.name, host]));
  const isToldOf = await onRecord(cloud);
  const places = { database: cloud.database, networks: cloud.networks, images: cloud.images, drivers };
  found.push(...(await findLeftovers(places)).filter((left) => !isToldOf(left)));
  return found;
}
