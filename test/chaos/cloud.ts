// Why: whatever is tried on it, the cloud that users work on is the same: what they may have, where it may be, and how it ends.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../support/cluster.ts';
import type { Hosts } from './hosts.ts';
import type { Scene } from './judge.ts';
import type { Load } from './users.ts';

const DELETED_MS = 120_000;
/** Of hosts that are in no other. */
const ONLY_ZONE = 'nova';

/** What users work with, beside how they do. */
export type Site = Pick<Load, 'image' | 'zones' | 'flavors' | 'serversEach'>;

/** The image, the flavors and the zones: a server stays in its zone, so it moves only where moving works. */
export async function prepare(cluster: Cluster, hosts: Hosts): Promise<Site> {
  const must = async (path: string, body: unknown) => {
    const reply = await cluster.request(0, 'POST', `/compute/v2.1${path}`, body);
    if (reply.status >= 300) throw new Error(`POST ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const { flavors, zones, burden } = hosts;
  const image = await hosts.upload(cluster);
  const extra_specs = { minimum_cpu: '1', minimum_memory: String(flavors.minimumMb) };
  for (const id of ['f', 'g'] as const) {
    const { vcpus, memoryMb: ram } = flavors[id];
    await must('/flavors', { flavor: { name: id, id, disk: 1, vcpus, ram } });
    await must(`/flavors/${id}/os-extra_specs`, { extra_specs });
  }
  for (const [zone, names] of zones ?? []) {
    const { aggregate } = await must('/os-aggregates', { aggregate: { name: zone, availability_zone: zone } });
    for (const host of names) await must(`/os-aggregates/${aggregate.id}/action`, { add_host: { host } });
  }
  const zoneNames = zones === null ? [ONLY_ZONE] : [...zones.keys()];
  return { image, flavors, zones: zoneNames, serversEach: burden.serversEach };
}

/** Deletes every server; resolves with those that would not go. */
export async function deleteAll({ client, cluster }: Scene): Promise<string[]> {
  const all = async (): Promise<{ id: string; status: string }[]> =>
    (await client.read('/servers/detail?all_tenants=1&limit=1000', DELETED_MS)).body.servers;
  for (const [index, { id }] of (await all()).entries())
    await client.ask(index % cluster.apis.length, 'DELETE', `/servers/${id}`);
  const giveUpAt = Date.now() + DELETED_MS;
  for (;;) {
    const left = await all();
    if (left.length === 0 || Date.now() > giveUpAt)
      return left.map(({ id, status }) => `could not be deleted: ${id} ${status}`);
    await sleep(500);
  }
}
