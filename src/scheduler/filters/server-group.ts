// Why: the servers of a group stand together on one host, or apart, where its policy is strict.

import type { Filter } from '../spec.ts';

export const serverGroupAffinityFilter: Filter = ({ group }) => {
  if (group?.policy !== 'affinity' || group.hosts.size === 0) return null;
  return (host) => (group.hosts.has(host.host) ? null : 'has no server of the affinity group');
};

export const serverGroupAntiAffinityFilter: Filter = ({ group }) => {
  if (group?.policy !== 'anti-affinity') return null;
  return (host) => {
    const servers = group.hosts.get(host.host) ?? 0;
    return servers < group.maxPerHost
      ? null
      : `has ${servers} of the anti-affinity group (${group.maxPerHost} at most)`;
  };
};
