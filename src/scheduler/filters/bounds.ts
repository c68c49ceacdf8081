// Why: a host with many servers, or with many that are being built or copied, takes no more. Aggregates may set other bounds
// for their hosts.

import { leastLabel, perLabels } from '../labels.ts';
import type { Filter } from '../spec.ts';

export const ioOpsFilter: Filter =
  (_spec, { settings: { maxIoOpsPerHost } }) =>
  (host) =>
    refusal(host.ioOps, maxIoOpsPerHost, 'servers under way');

export const numInstancesFilter: Filter =
  (_spec, { settings: { maxInstancesPerHost } }) =>
  (host) =>
    refusal(host.runningVms, maxInstancesPerHost, 'servers');

export const aggregateIoOpsFilter: Filter = (_spec, { settings }) => {
  const bound = perLabels((labels) => leastLabel(labels, 'max_io_ops_per_host', settings.maxIoOpsPerHost));
  return (host) => refusal(host.ioOps, bound(host.labels), 'servers under way');
};

export const aggregateNumInstancesFilter: Filter = (_spec, { settings }) => {
  const bound = perLabels((labels) => leastLabel(labels, 'max_instances_per_host', settings.maxInstancesPerHost));
  return (host) => refusal(host.runningVms, bound(host.labels), 'servers');
};

const refusal = (has: number, most: number, what: string): string | null =>
  has < most ? null : `has ${has} ${what} (${most} at most)`;
