// Why: when nothing is under way, everything that exists belongs to a server that has it: claims, ports, guests, images, usage.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkClaims, findClaims } from '../../src/db/claims.ts';
import type { Database } from '../../src/db/engine.ts';
import { listMigrations } from '../../src/db/migrations.ts';
import { listServers } from '../../src/db/server-list.ts';
import { findStuckServers } from '../../src/db/servers.ts';
import type { ImageFacts } from '../../src/domain/machines/images.ts';
import type { Held } from './held.ts';
import type { MemoryVolumes } from './memory-volumes.ts';
import { usageDrift } from './usage.ts';

/** Where something may be left. */
export interface Places {
  readonly database: Database;
  readonly networks: {
    ports(): readonly { readonly serverUuid: string; readonly host: string; readonly towards?: string }[];
  };
  readonly images: { all(): Promise<readonly Pick<ImageFacts, 'id' | 'name' | 'status' | 'properties'>[]> };
  /** Absent: there are none. */
  readonly volumes?: Pick<MemoryVolumes, 'attachments'>;
  /** Where snapshots and backups lie. */
  readonly copiesDir?: string;
  /** By the host's name. */
  readonly hosts: ReadonlyMap<string, Held>;
}

/** Files that no snapshot or backup has, and those that are whole and have none. */
async function strayCopies({ read }: Database, copiesDir: string | undefined): Promise<string[]> {
  if (copiesDir === undefined) return [];
  const rows: { id: string; server_uuid: string; status: string }[] = await read('server_copies').select(
    ...['id', 'server_uuid', 'status'],
  );
  const busy = rows.filter(({ status }) => status === 'creating' || status === 'restoring');
  const found = busy.map(({ id, status }) => `copy ${id} is ${status}`);
  const files = new Set<string>();
  for (const server of await readdir(copiesDir)) {
    for (const name of await readdir(join(copiesDir, server))) {
      if (rows.some(({ id, status }) => name.startsWith(`${id}.`) && status !== 'error'))
        files.add(`${server}/${name}`);
      else found.push(`file ${name} of a copy of ${server}`);
    }
  }
  for (const { id, server_uuid: server } of rows.filter(({ status }) => status === 'available')) {
    for (const end of ['qcow2', 'qcow2.json']) if (!files.has(`${server}/${id}.${end}`)) found.push(`no ${id}.${end}`);
  }
  return found;
}

/** Everything that breaks a law: sums of claims, stuck servers, ports and guests and claims of no living server. */
export async function findLeftovers({
  database,
  networks,
  images,
  hosts,
  volumes,
  copiesDir,
}: Places): Promise<string[]> {
  const found: string[] = [];
  const living = await listServers(database.read, {}, { limit: 10_000, marker: null, sort: [] });
  const placed = new Set(living.filter((server) => server.host !== null).map((server) => server.uuid));
  for (const drift of await checkClaims(database.read)) found.push(`claims: ${JSON.stringify(drift)}`);
  const everyone = await listServers(database.read, { deleted: 'any' }, { limit: 10_000, marker: null, sort: [] });
  const claims = await findClaims(
    database.read,
    everyone.map((server) => server.id),
  );
  for (const server of everyone) {
    if (claims.has(server.id) && !placed.has(server.uuid)) found.push(`claim of ${server.uuid}`);
    if (!claims.has(server.id) && placed.has(server.uuid)) found.push(`no claim of ${server.uuid}`);
  }
  const homeOf = (uuid: string) => living.find((server) => server.uuid === uuid)?.host;
  // an offloaded server keeps its ports, bound to no host
  const away = new Set(living.filter((one) => one.vmState === 'shelved_offloaded').map(({ uuid }) => uuid));
  for (const { serverUuid, host, towards } of networks.ports()) {
    if (away.has(serverUuid) && host === '') continue;
    if (!placed.has(serverUuid)) found.push(`port of ${serverUuid}`);
    else if (homeOf(serverUuid) !== host) found.push(`port of ${serverUuid} bound to ${host}`);
    else if (towards !== undefined) found.push(`port of ${serverUuid} on its way to ${towards}`);
  }
  const rows: { attachment_id: string | null }[] = await database.read('server_volumes').select('attachment_id');
  for (const { id, serverUuid } of volumes?.attachments() ?? []) {
    if (!rows.some(({ attachment_id }) => attachment_id === id)) found.push(`volume attached to ${serverUuid}`);
  }
  // what waits for its confirmation has its disks set aside and a claim there, nothing else has
  const resized = new Map(
    (await listMigrations(database.read, { status: 'finished' }, null)).map((move) => [move.serverUuid, move]),
  );
  for (const [host, { guests, aside }] of hosts) {
    for (const uuid of guests.keys()) {
      if (homeOf(uuid) !== host) found.push(`guest ${uuid} on ${host}`);
    }
    for (const uuid of aside) {
      if (resized.get(uuid)?.sourceCompute !== host) found.push(`disks of ${uuid} set aside on ${host}`);
    }
  }
  const held: { migration_id: number }[] = await database.read('held_claims').select('migration_id');
  const waiting = new Set([...resized.values()].map((move) => move.id));
  for (const { migration_id } of held) if (!waiting.has(migration_id)) found.push(`claim held by ${migration_id}`);
  for (const move of waiting) {
    if (!held.some(({ migration_id }) => migration_id === move)) found.push(`no claim held by ${move}`);
  }
  const kept: { image_id: string }[] = await database.read('shelved_servers').select('image_id');
  for (const { id, name, status, properties } of await images.all()) {
    const of = properties['instance_uuid'];
    if (of === undefined) continue;
    if (status !== 'active') found.push(`${status} image of ${of}`);
    const isKept = kept.some(({ image_id }) => image_id === id);
    if (name?.endsWith('-shelved') && !isKept) found.push(`image of ${of}, which is not shelved`);
  }
  found.push(...(await strayCopies(database, copiesDir)));
  found.push(...(await usageDrift(database.read)));
  for (const uuid of await findStuckServers(database.read)) found.push(`stuck: ${uuid}`);
  return found;
}
