// Why: once nothing goes wrong any more and nothing is under way, all must be in order: every promise was kept or its failure is on
// record, and row, claim and guest say the same.

import { findClaims } from '../../src/db/claims.ts';
import { countOpenActions } from '../../src/db/cloud-counts.ts';
import { readRows } from '../../src/db/engine.ts';
import { loadDetails, allDetails } from '../../src/db/server-details.ts';
import { heldByAll } from '../support/held.ts';
import { findLeftovers } from '../support/leftovers.ts';
import { keptServers, leftOf, onRecord, unexplained } from '../support/records.ts';
import { brokenServer } from '../support/row-and-guest.ts';
import type { Cloud } from './cloud.ts';
import type { Users } from './users.ts';

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
  found.push(...(await unexplained(read)));
  const hosts = heldByAll(
    cloud.hosts.map((host) => [host.name, host] as const),
    cloud.timeline.now(),
  );
  const byHand = new Set(recorded.filter((row) => row['action'] === 'resetState').map((row) => row['server_uuid']));
  const places = { database: cloud.database, networks: cloud.networks, images: cloud.images, hosts };
  const serverOf = await leftOf(read);
  const kept = await keptServers(read);
  const isToldOf = await onRecord(read);
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
    const host = hosts.get(server.host ?? '');
    const lies = cloud.hosts.flatMap(({ told }) => [...(told.get(server.uuid) ?? [])]);
    if (host !== undefined)
      found.push(...brokenServer(server, claims.get(server.id) ?? null, host.guests.get(server.uuid), lies));
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
  const hosts = heldByAll(
    cloud.hosts.map((host) => [host.name, host] as const),
    cloud.timeline.now(),
  );
  const isToldOf = await onRecord(read);
  const places = { database: cloud.database, networks: cloud.networks, images: cloud.images, hosts };
  found.push(...(await findLeftovers(places)).filter((left) => !isToldOf(left)));
  return found;
}
