// Why: fake hosts cost next to nothing, so an hour of disasters has many thousands of operations. Those of different agents do not reach
// each other: each agent has two, in a zone of their own, and servers move between them.

import { join } from 'node:path';
import { directoryStore } from '../../src/virt/fake/store.ts';
import { heldByAll } from '../support/held.ts';
import type { Hosts } from './hosts.ts';

const HOSTS_EACH = 2;

/** @param directory in which each agent's data directory is */
export function fakeHosts(directory: string, agents: readonly string[]): Hosts {
  const suffixes = Array.from({ length: HOSTS_EACH }, (_, index) => (index === 0 ? '' : `-${index + 1}`));
  const of = (agent: string): readonly string[] => suffixes.map((suffix) => `${agent}${suffix}`);
  return {
    driver: 'fake',
    burden: { users: 8, serversEach: 3, everyS: 10, quietS: 60 },
    flavors: { f: { vcpus: 2, memoryMb: 128 }, g: { vcpus: 3, memoryMb: 256 }, minimumMb: 64 },
    diskMib: 32,
    of,
    config: {},
    agentConfig: () => ({ compute: { fake_hosts: HOSTS_EACH } }),
    async upload(cluster) {
      const meta = { name: 'i', disk_format: 'raw', container_format: 'bare' };
      const { id } = (await cluster.request(0, 'POST', '/image/v2/images', meta)).body;
      await cluster.request(0, 'PUT', `/image/v2/images/${id}/file`, new Uint8Array(1024));
      return id as string;
    },
    zones: new Map(agents.map((agent) => [`zone-of-${agent}`, of(agent)])),
    async held() {
      const stores = agents.flatMap((agent) =>
        suffixes.map((suffix) => {
          const store = directoryStore(join(directory, agent, `fake-guests${suffix}`));
          return [`${agent}${suffix}`, { store }] as const;
        }),
      );
      return heldByAll(stores, Date.now());
    },
    strays: () => Promise.resolve([]),
    victims: () => new Map(),
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
