// Why: flavors (`capabilities:…`) and the hint `query` speak of hosts in the words of Nova's scheduler; here stands what each
// word means of a host of ours.

import { freeOf } from '../domain/placement/claims.ts';
import type { Candidate } from '../domain/placement/hosts.ts';

type Attribute = (host: Candidate) => unknown;

const MIB_PER_GIB = 1024;

const attributes: Readonly<Record<string, Attribute>> = {
  host: ({ host }) => host,
  uuid: ({ uuid }) => uuid,
  host_ip: ({ inventory }) => inventory.hostIp,
  hypervisor_hostname: ({ inventory }) => inventory.hypervisorHostname,
  nodename: ({ inventory }) => inventory.hypervisorHostname,
  hypervisor_type: ({ inventory }) => inventory.hypervisorType,
  hypervisor_version: ({ inventory }) => inventory.hypervisorVersion,
  cpu_info: ({ inventory }) => inventory.facts.cpu,
  vcpus_total: ({ inventory }) => inventory.vcpus,
  vcpus_used: ({ claimed, reserved }) => claimed.vcpus + reserved.vcpus,
  total_usable_ram_mb: ({ inventory }) => inventory.memoryMb,
  free_ram_mb: (host) => freeOf(host).memoryMb,
  total_usable_disk_gb: ({ inventory }) => inventory.diskGb,
  disk_mb_used: ({ claimed, reserved }) => (claimed.diskGb + reserved.diskGb) * MIB_PER_GIB,
  free_disk_mb: (host) => freeOf(host).diskGb * MIB_PER_GIB,
  cpu_allocation_ratio: ({ ratios }) => ratios.cpu,
  ram_allocation_ratio: ({ ratios }) => ratios.ram,
  disk_allocation_ratio: ({ ratios }) => ratios.disk,
  num_instances: ({ runningVms }) => runningVms,
  num_io_ops: ({ ioOps }) => ioOps,
};

export const isAttribute = (name: string): boolean => Object.hasOwn(attributes, name);

/** What a path of names (`cpu_info`, `topology`, `cores`) leads to on a host; undefined: nothing. */
export function attributeOf(host: Candidate, path: readonly string[]): unknown {
  const [first = '', ...rest] = path;
  let value: unknown = isAttribute(first) ? attributes[first]?.(host) : undefined;
  for (const name of rest) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value ?? undefined;
}
