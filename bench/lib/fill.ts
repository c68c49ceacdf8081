// Why: a bench with 10,000 servers cannot wait until they were built one by one. One server is created through the API, and
// its rows (server, interface, metadata, tags, claim) are copied by the same functions that wrote them.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setClaim } from '../../src/db/claims.ts';
import { type Database, openDatabase } from '../../src/db/engine.ts';
import { findHost, upsertHost } from '../../src/db/hosts.ts';
import { loadDetail, replaceMetadata, replaceTags } from '../../src/db/server-details.ts';
import { replaceNics } from '../../src/db/server-nics.ts';
import { findServer, insertServer } from '../../src/db/servers.ts';
import { upsertService } from '../../src/db/services.ts';
import { tx } from '../../src/db/tx.ts';
import { ask, requestBytes } from './load.ts';
import type { Service } from './service.ts';

/** No agent reports it, so no reconciler compares the copies with guests. */
const COPIES_HOST = 'bench-copies';
const READY_MS = 30_000;
const SPACING_MS = 1_000;
const LOOK_MS = 10;

export interface Catalogue {
  readonly imageId: string;
  readonly flavorId: string;
}

/** One image and one elastic flavor, as a newcomer makes them; the body of a request for a server of them. */
export async function makeCatalogue(service: Service): Promise<Catalogue> {
  const { target, token } = service;
  const headers = { 'X-Auth-Token': token };
  const wish = {
    name: 'cirros',
    disk_format: 'raw',
    container_format: 'bare',
    hw_disk_bus: 'virtio',
    os_distro: 'cirros',
  };
  const made = await ask(target, requestBytes(target, 'POST', '/image/v2/images', headers, wish));
  const { id } = JSON.parse(made.body.toString()) as { id: string };
  const size = 64 * 1024;
  const head = requestBytes(target, 'PUT', `/image/v2/images/${id}/file`, {
    ...headers,
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(size),
  });
  const put = await ask(target, Buffer.concat([head, Buffer.alloc(size)]));
  if (put.status !== 204) throw new Error(`the image: ${put.status} ${put.body.toString()}`);
  const { flavor } = await service.call<{ flavor: { id: string } }>('POST', '/flavors', {
    flavor: { name: 'elastic', vcpus: 4, ram: 1024, disk: 1 },
  });
  await service.call('POST', `/flavors/${flavor.id}/os-extra_specs`, {
    extra_specs: { minimum_cpu: '1', minimum_memory: '256' },
  });
  return { imageId: id, flavorId: flavor.id };
}

/** What the benches ask for: an interface on the default network, metadata and tags. */
export const serverBody = ({ imageId, flavorId }: Catalogue, name: string) => ({
  server: {
    name,
    imageRef: imageId,
    flavorRef: flavorId,
    networks: 'auto',
    metadata: { role: 'web', owner: 'bench', stage: 'test' },
    tags: ['bench', 'web'],
  },
});

/** No quota of the built-in network service, as there is none of servers. */
export async function allowPorts({ target, token, projectId }: Service): Promise<void> {
  const path = `/network/v2.0/quotas/${projectId}`;
  const answer = await ask(
    target,
    requestBytes(target, 'PUT', path, { 'X-Auth-Token': token }, { quota: { port: -1 } }),
  );
  if (answer.status !== 200) throw new Error(`the quota of ports: ${answer.status} ${answer.body.toString()}`);
}

/** Creates one server and waits until it is ACTIVE. */
export async function createServer(service: Service, catalogue: Catalogue, name: string): Promise<string> {
  const { server } = await service.call<{ server: { id: string } }>('POST', '/servers', serverBody(catalogue, name));
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const shown = await service.call<{ server: { status: string; fault?: { message: string } } }>(
      'GET',
      `/servers/${server.id}`,
    );
    if (shown.server.status === 'ACTIVE') return server.id;
    if (shown.server.status === 'ERROR') throw new Error(`${name}: ${shown.server.fault?.message}`);
    if (performance.now() > deadline) throw new Error(`${name} is still ${shown.server.status}`);
  }
}

/** How many servers have these columns. */
export async function serversWith(database: Database, where: Readonly<Record<string, unknown>>): Promise<number> {
  const [row] = (await database.read('servers').where(where).count({ count: '*' })) as [{ count: number }];
  return Number(row.count);
}

/** Makes servers by one request, on a service whose quotas let them, and waits until all are ACTIVE. Returns their uuids. */
export async function makeServers(service: Service, database: Database, count: number): Promise<string[]> {
  await allowPorts(service);
  const { server } = serverBody(await makeCatalogue(service), 'bench');
  await service.call('POST', '/servers', { server: { ...server, min_count: count, max_count: count } });
  while ((await serversWith(database, { vm_state: 'active' })) < count) await sleep(LOOK_MS);
  const rows: { uuid: string }[] = await database.read('servers').select('uuid');
  return rows.map(({ uuid }) => uuid);
}

/** `10.n.n.n`, another one for each number. */
export const addressOf = (n: number): string => `10.${200 + ((n >> 16) & 63)}.${(n >> 8) & 255}.${n & 255}`;
/** Of a vendor's prefix that no server of the program's own has: one that was drawn by chance may be any. */
export const macOf = (n: number): string =>
  `fa:16:3f:${[n >> 16, n >> 8, n].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}`;

/** Adds copies of a server, in one transaction; `first` is the number of the first copy. */
export async function addCopies(service: Service, uuid: string, first: number, count: number): Promise<void> {
  const database = openDatabase(`sqlite://${join(service.dataDir, 'xloud.db')}`);
  try {
    const server = await findServer(database.read, uuid);
    if (server === null || server.host === null) throw new Error(`no server ${uuid} on a host`);
    const model = await loadDetail(database.read, server);
    const { id: _id, updatedAt: _updated, ...fields } = server;
    const home = await findHost(database.read, { host: server.host });
    if (home === null) throw new Error(`no host ${server.host}`);
    const nowMs = Date.now();
    await tx(database, async (t) => {
      const serviceId = await upsertService(t, {
        uuid: randomUUID(),
        binary: 'nova-compute',
        host: COPIES_HOST,
        zone: 'nova',
        nowMs,
      });
      const inventory = { ...home.inventory, hypervisorHostname: COPIES_HOST };
      await upsertHost(t, { ...home, uuid: randomUUID(), serviceId, host: COPIES_HOST, inventory, nowMs });
      const host = await findHost(t, { host: COPIES_HOST });
      for (let n = first; n < first + count; n += 1) {
        const id = await insertServer(t, {
          ...fields,
          uuid: randomUUID(),
          displayName: `bench-${n}`,
          hostname: `bench-${n}`,
          host: COPIES_HOST,
          node: COPIES_HOST,
          // spread as if they had come one after the other
          createdAt: nowMs - (first + count - n) * SPACING_MS,
          build: {},
        });
        await replaceMetadata(t, id, model.metadata);
        await replaceTags(t, id, model.tags);
        await replaceNics(
          t,
          id,
          model.nics.map((nic) => ({
            ...nic,
            portId: randomUUID(),
            mac: macOf(n),
            fixedIps: nic.fixedIps.map((ip) => ({ ...ip, address: addressOf(n) })),
          })),
        );
        await setClaim(t, {
          serverId: id,
          hostId: (host as { id: number }).id,
          vcpus: server.currentVcpus,
          memoryMb: server.currentMemoryMb,
          diskGb: server.flavor.rootGb,
          maximum: { vcpus: server.flavor.vcpus, memoryMb: server.flavor.memoryMb },
          numa: null,
          resources: null,
          pci: null,
        });
      }
    });
  } finally {
    await database.close();
  }
}
