// Why: whatever is tried on it, the cloud that users work on is the same: what they may have, where it may be, and how it ends.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../support/cluster.ts';
import { FLAVORS } from './deeds.ts';
import { type Scene, suffixes } from './judge.ts';

/** Servers move between the fake hosts of one agent; those of different agents do not reach each other. */
export const HOSTS_EACH = 2;
const DELETED_MS = 120_000;

export const zoneOf = (host: string): string => `zone-of-${host}`;

/** The flavors, and a zone for the hosts of each agent: a server stays in its zone, so it moves only where moving works. */
export async function prepare(cluster: Cluster): Promise<string> {
  const { image } = await cluster.prepare();
  const must = async (path: string, body: unknown) => {
    const reply = await cluster.request(0, 'POST', `/compute/v2.1${path}`, body);
    if (reply.status >= 300) throw new Error(`POST ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  await must('/flavors', { flavor: { name: 'g', id: 'g', disk: 1, ...FLAVORS.g } });
  await must('/flavors/g/os-extra_specs', { extra_specs: { minimum_cpu: '1', minimum_memory: '64' } });
  for (const agent of cluster.agents.keys()) {
    const { aggregate } = await must('/os-aggregates', {
      aggregate: { name: agent, availability_zone: zoneOf(agent) },
    });
    for (const suffix of suffixes(HOSTS_EACH))
      await must(`/os-aggregates/${aggregate.id}/action`, { add_host: { host: `${agent}${suffix}` } });
  }
  return image;
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
