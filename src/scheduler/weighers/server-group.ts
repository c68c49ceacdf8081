// Why: the servers of a group stand together, or apart, as far as possible where its policy is soft.

import type { Weigher } from '../spec.ts';

export const softAffinityWeigher: Weigher = ({ group }) =>
  group?.policy === 'soft-affinity' ? (host) => group.hosts.get(host.host) ?? 0 : null;

export const softAntiAffinityWeigher: Weigher = ({ group }) =>
  group?.policy === 'soft-anti-affinity' ? (host) => -(group.hosts.get(host.host) ?? 0) : null;
