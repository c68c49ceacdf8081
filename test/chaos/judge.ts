// Why: in the quiet after the disasters every promise is checked from outside: by the books of those who were promised something, by what
// hypervisors really hold, by the rows, and by what an operator would ask, `xloud doctor`.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { findClaims } from '../../src/db/claims.ts';
import { countOpenActions } from '../../src/db/cloud-counts.ts';
import { type Database, type Reader, readRows } from '../../src/db/engine.ts';
import { listServers } from '../../src/db/server-list.ts';
import { type Cluster, XLOUD } from '../support/cluster.ts';
import { findLeftovers, type Places } from '../support/leftovers.ts';
import { keptServers, leftOf, onRecord, unexplained } from '../support/records.ts';
import { brokenServer } from '../support/row-and-guest.ts';
import { type Books, nameOf } from './books.ts';
import type { Client } from './client.ts';
import type { Hosts } from './hosts.ts';

const READ_MS = 30_000;
const DOCTOR_MS = 60_000;

export interface Scene {
  readonly cluster: Cluster;
  readonly database: Database;
  readonly books: Books;
  readonly client: Client;
  readonly hosts: Hosts;
}

async function placesOf({ database, hosts }: Scene): Promise<Places> {
  const ports = (await readRows(database.read, 'select device_id, binding from ports')).map((row) => {
    const { host_id } = JSON.parse(row['binding'] as string) as { readonly host_id?: string };
    return { serverUuid: row['device_id'] as string, host: host_id ?? '' };
  });
  const images = (await readRows(database.read, 'select id, name, status, properties from images')).map((row) => ({
    ...{ id: row['id'] as string, name: row['name'] as string | null, status: row['status'] as string },
    properties: JSON.parse(row['properties'] as string) as Record<string, string>,
  }));
  return {
    database,
    networks: { ports: () => ports },
    images: { all: async () => images },
    hosts: await hosts.held(),
  };
}

/** Promises that were not kept, by the books; a cloud that promised nothing kept none. */
export function brokenPromises({ entries }: Books): string[] {
  if (!entries.some(({ outcome }) => outcome === 'done'))
    return [`nothing was done: ${entries.slice(0, 1).map(nameOf).join()}`];
  return entries.flatMap((entry) => {
    if (entry.outcome === 'open') return [`stuck: ${nameOf(entry)}`];
    if (entry.outcome === 'wrong') return [`said to be well, and is not: ${nameOf(entry)}`];
    return entry.why.startsWith('answered 500') ? [`an error of the program: ${nameOf(entry)}`] : [];
  });
}

/** What was accepted is on record, and over. */
export async function lost(read: Reader, { entries }: Books): Promise<string[]> {
  const rows = await readRows(read, 'select request_id, state from instance_actions');
  const states = new Map(rows.map((row) => [row['request_id'] as string, row['state'] as string]));
  return entries.flatMap((entry) => {
    if (entry.requestId === null) return [];
    const state = states.get(entry.requestId);
    if (state === undefined) return [`lost: ${nameOf(entry)}`];
    return state === 'done' ? [] : [`not over (${state}): ${nameOf(entry)}`];
  });
}

/** One creation made one server, one server has one guest, and none is there that nobody asked for. */
export async function doubled(scene: Scene): Promise<string[]> {
  const rows = await readRows(scene.database.read, 'select display_name, uuid from servers');
  const asked = new Set(scene.books.entries.map(({ name }) => name));
  const byName = Map.groupBy(rows, (row) => row['display_name'] as string);
  const guests = [...(await scene.hosts.held())].flatMap(([host, held]) =>
    [...held.guests.keys()].map((uuid) => ({ host, uuid })),
  );
  return [
    ...[...byName].flatMap(([name, those]) => (those.length > 1 ? [`${those.length} servers ${name}`] : [])),
    ...[...byName.keys()].flatMap((name) => (asked.has(name) ? [] : [`nobody asked for ${name}`])),
    ...[...Map.groupBy(guests, ({ uuid }) => uuid)].flatMap(([uuid, those]) =>
      those.length > 1 ? [`two guests of ${uuid}: ${those.map(({ host }) => host).join(', ')}`] : [],
    ),
  ];
}

/** What the API shows of hosts is what is claimed there. */
async function shownOtherwise({ client, database }: Scene): Promise<string[]> {
  const rows = await readRows(database.read, 'select host, claimed_vcpus, claimed_memory_mb from hosts');
  const { body } = await client.read('/os-hypervisors/detail?limit=1000', READ_MS);
  const names = (body.hypervisors as { service: { host: string }; state: string }[]).map((one) => one.service.host);
  const down = (body.hypervisors as { service: { host: string }; state: string }[]).filter(
    ({ state }) => state !== 'up',
  );
  return [
    ...rows.flatMap(({ host }) => (names.includes(host as string) ? [] : [`hypervisor ${String(host)} is not shown`])),
    ...down.map(({ service }) => `hypervisor ${service.host} is down in the quiet`),
  ];
}

/** What `xloud doctor` calls a problem. */
export function askDoctor({ cluster }: Scene): Promise<string[]> {
  const args = ['--config', join(cluster.directory, 'api-1.yaml'), '--data-dir', join(cluster.directory, 'api-1')];
  return new Promise((resolve) => {
    execFile(XLOUD, ['doctor', '--json', ...args], { timeout: DOCTOR_MS }, (error, stdout, stderr) => {
      try {
        const findings = JSON.parse(stdout) as { level: string; check: string; text: string }[];
        const problems = findings.filter(({ level }) => level === 'problem');
        resolve(problems.map(({ check, text }) => `doctor: ${check}: ${text}`));
      } catch {
        resolve([`doctor: ${error?.message ?? ''} ${stderr} ${stdout}`]);
      }
    });
  });
}

/** Rows, claims and guests that do not say the same, and what belongs to nobody. */
export async function outOfOrder(scene: Scene): Promise<string[]> {
  const { read } = scene.database;
  const places = await placesOf(scene);
  const [kept, isToldOf, serverOf] = [await keptServers(read), await onRecord(read), await leftOf(read)];
  const found = [...(await findLeftovers(places)), ...(await scene.hosts.strays())].filter(
    (left) => !isToldOf(left) && (left.startsWith('claims: ') || !kept.has(serverOf(left))),
  );
  const servers = await listServers(read, {}, { limit: 10_000, marker: null, sort: [] });
  const claims = await findClaims(
    read,
    servers.map(({ id }) => id),
  );
  for (const server of servers) {
    const host = places.hosts.get(server.host ?? '');
    if (host === undefined || kept.has(server.uuid)) continue;
    found.push(...brokenServer(server, claims.get(server.id) ?? null, host.guests.get(server.uuid)));
  }
  return found;
}

/** Every law of a quiet cloud that is broken. */
export async function brokenInTheQuiet(scene: Scene): Promise<string[]> {
  const { read } = scene.database;
  return [
    ...brokenPromises(scene.books),
    ...(await lost(read, scene.books)),
    ...(await doubled(scene)),
    ...(await countOpenActions(read)).map((open) => `actions have no end: ${JSON.stringify(open)}`),
    ...(await unexplained(read)),
    ...(await outOfOrder(scene)),
    ...(await shownOtherwise(scene)),
    ...(await askDoctor(scene)),
  ];
}

/** Where anything is left though every server was deleted. */
export async function leftOfAll(scene: Scene): Promise<string[]> {
  const { read } = scene.database;
  const found: string[] = [...(await scene.hosts.strays())];
  for (const [host, { guests, aside }] of await scene.hosts.held()) {
    for (const uuid of guests.keys()) found.push(`the guest of a deleted server: ${uuid} on ${host}`);
    for (const uuid of aside) found.push(`the disks of a deleted server: ${uuid} on ${host}`);
  }
  for (const row of await readRows(read, "select id, device_id from ports where device_owner like 'compute:%'"))
    found.push(`the port of a deleted server: ${JSON.stringify(row)}`);
  for (const table of ['claims', 'held_claims', 'remnants'])
    found.push(
      ...(await readRows(read, `select * from ${table}`)).map((row) => `left in ${table}: ${JSON.stringify(row)}`),
    );
  const isToldOf = await onRecord(read);
  found.push(...(await findLeftovers(await placesOf(scene))).filter((left) => !isToldOf(left)));
  return found;
}
