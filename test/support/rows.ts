// Why: tests of lists need many rows that differ in a few things.

import { newUuid } from '../../src/base/ids.ts';
import type { Database } from '../../src/db/engine.ts';
import { upsertHost } from '../../src/db/hosts.ts';
import { upsertService } from '../../src/db/services.ts';
import { insertRows, tx } from '../../src/db/tx.ts';
import type { HostInventory } from '../../src/domain/placement/hosts.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import type { NewServer } from '../../src/db/servers.ts';
import { testImage } from './neighbours.ts';
import { aFlavor, aServer } from './samples.ts';

/** A row that is not stored yet: the sample server on a 1 GiB flavor, with an image, never launched. */
export function newServer(more: Partial<NewServer> = {}): NewServer {
  const { id: _id, updatedAt: _updatedAt, ...row } = aServer();
  return {
    ...row,
    uuid: newUuid(),
    projectId: 'p',
    userId: 'u',
    displayName: 'server',
    reservationId: 'r-1',
    imageRef: testImage().id,
    image: testImage(),
    flavor: aFlavor({ flavorid: 'small', name: 'small', memoryMb: 4096, rootGb: 1 }),
    host: 'host-1',
    node: 'host-1',
    createdAt: 1_700_000_000_000,
    launchedAt: null,
    build: {},
    ...more,
  };
}

/** Writes what an agent would report of an empty host: the host and its service. */
export function reportHost(
  database: Database,
  host: string,
  inventory: Partial<HostInventory> = {},
  nowMs = Date.now(),
): Promise<void> {
  return tx(database, async (t) => {
    const service = { uuid: newUuid(), binary: 'nova-compute', host, zone: 'nova', nowMs };
    await upsertHost(t, {
      uuid: newUuid(),
      serviceId: await upsertService(t, service),
      host,
      inventory: { ...fakeInventory(host, {}, { memoryMb: 0, diskGb: 0 }), ...inventory },
      ratios: { cpu: 4, ram: 1, disk: 1 },
      reserved: { vcpus: 0, memoryMb: 0, diskGb: 0 },
      nowMs,
    });
  });
}

/** An empty host `host-1`, and copies of its rows: `host-1000` with the number 1000, and so on. */
export async function addHosts(database: Database, count: number): Promise<void> {
  await reportHost(database, 'host-1');
  const [service] = (await database.read('services').where({ host: 'host-1' })) as Record<string, unknown>[];
  const [host] = (await database.read('hosts')) as Record<string, unknown>[];
  const numbers = Array.from({ length: count }, (_, index) => 1_000 + index);
  const named = (n: number) => ({ id: n, uuid: `host-${n}`, host: `host-${n}` });
  await tx(database, async (t) => {
    await insertRows(
      t,
      'services',
      numbers.map((n) => ({ ...service, ...named(n) })),
    );
    await insertRows(
      t,
      'hosts',
      numbers.map((n) => ({ ...host, ...named(n), service_id: n, hypervisor_hostname: `host-${n}` })),
    );
  });
}

/** The columns of a server as the first schema has them. */
export const oldServer = (uuid: string, vmState: string, more: object = {}): Readonly<Record<string, unknown>> => ({
  ...{ boot_vcpus: 1, current_vcpus: 1, target_vcpus: 1, launch_index: 1 },
  ...{ uuid, project_id: 'p', user_id: 'u', display_name: 'old', hostname: 'old', reservation_id: 'r' },
  ...{ vm_state: vmState, image: 'null', flavorid: 'f', flavor: JSON.stringify(aFlavor()), vcpus: 4, memory_mb: 1024 },
  ...{ root_gb: 1, ephemeral_gb: 0, current_memory_mb: 256, target_memory_mb: 256, boot_memory_mb: 256 },
  ...{ scheduler_hints: '{}', build: '{}', created_at: 1, updated_at: 1, ...more },
});
