// Why: the extra specs that Nova knows, as one table: what each may hold. From microversion 2.86 on a flavor takes no other
// value for them, and no unknown key in their namespaces.

import { standardResourceClasses, standardTraits } from './standard-traits.ts';

/** What is wrong with a value, in Nova's words after `Validation failed; `; null when nothing is. */
type Check = (value: string) => string | null;

const text: Check = () => null;

const WHOLE = /^\s*[+-]?\d+(?:_\d+)*\s*$/;

const integer =
  (minimum?: number, maximum?: number): Check =>
  (value) => {
    if (!WHOLE.test(value)) return `'${value}' is not a valid integer value.`;
    const number = Number(value.replaceAll('_', ''));
    if (minimum !== undefined && number < minimum) {
      return `'${value}' is less than the min value of '${minimum}'.`;
    }
    if (maximum !== undefined && number > maximum) {
      return `'${value}' is greater than the max value of '${maximum}'.`;
    }
    return null;
  };

const BOOLEAN = /^\s*(?:1|t|true|on|y|yes|0|f|false|off|n|no)\s*$/i;

const flag: Check = (value) => (BOOLEAN.test(value) ? null : `'${value}' is not a valid boolean-like value.`);

const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value) ? null : `'${value}' is not one of: ${words.join(', ')}.`;

/** `same` matches what Nova's pattern does and takes no exponential time to refuse; messages show Nova's. */
const format = (pattern: string, same = pattern): Check => {
  const whole = new RegExp(`^(?:${same})$`, 'u');
  return (value) => (whole.test(value) ? null : `'${value}' is not of the format '${pattern}'.`);
};

const CPU_SET = '\\^?\\d+(-\\d+|,\\^?\\d+)*';
const cpuSet = format('\\^?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*', CPU_SET);

const all = (check: Check, ...keys: readonly string[]): Readonly<Record<string, Check>> =>
  Object.fromEntries(keys.map((key) => [key, check]));

/** What VMware's shares, limits and reservations are written as, for each kind of resource. */
const shares = (resource: string): Readonly<Record<string, Check>> => ({
  [`${resource}_limit`]: integer(0),
  [`${resource}_reservation`]: integer(),
  [`${resource}_shares_level`]: oneOf('custom', 'high', 'normal', 'low'),
  [`${resource}_shares_share`]: integer(0),
});

/** By namespace, then by key; the namespace '' is for keys without one. */
const known: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  '': { hide_hypervisor_id: flag, group_policy: oneOf('isolate', 'none') },
  accel: { device_profile: text },
  aggregate_instance_extra_specs: {},
  capabilities: all(
    text,
    'id',
    'uuid',
    'service_id',
    'host',
    'vcpus',
    'memory_mb',
    'local_gb',
    'vcpus_used',
    'memory_mb_used',
    'local_gb_used',
    'hypervisor_type',
    'hypervisor_version',
    'hypervisor_hostname',
    'free_ram_mb',
    'free_disk_gb',
    'current_workload',
    'running_vms',
    'disk_available_least',
    'host_ip',
    'mapped',
    'cpu_allocation_ratio',
    'ram_allocation_ratio',
    'disk_allocation_ratio',
    'total_usable_ram_mb',
    'total_usable_disk_gb',
    'disk_mb_used',
    'free_disk_mb',
    'vcpus_total',
    'num_instances',
    'num_io_ops',
    'failed_builds',
    'aggregates',
    'cell_uuid',
    'updated',
  ),
  hw: {
    ...all(
      flag,
      'cpu_realtime',
      'hide_hypervisor_id',
      'locked_memory',
      'boot_menu',
      'vif_multiqueue_enabled',
      'mem_encryption',
      'pmu',
      'virtio_packed_ring',
      'ephemeral_encryption',
    ),
    ...all(
      integer(1),
      'numa_nodes',
      'cpu_sockets',
      'cpu_cores',
      'cpu_threads',
      'cpu_max_sockets',
      'cpu_max_cores',
      'cpu_max_threads',
    ),
    serial_port_count: integer(0),
    redirected_usb_ports: integer(0, 15),
    cpu_policy: oneOf('dedicated', 'shared', 'mixed'),
    cpu_thread_policy: oneOf('prefer', 'isolate', 'require'),
    emulator_threads_policy: oneOf('isolate', 'share'),
    pci_numa_affinity_policy: oneOf('required', 'preferred', 'legacy', 'socket'),
    mem_encryption_model: oneOf('amd-sev', 'amd-sev-es', 'amd-sev-snp'),
    tpm_model: oneOf('tpm-tis', 'tpm-crb'),
    tpm_version: oneOf('1.2', '2.0'),
    tpm_secret_security: oneOf('user', 'host', 'deployment'),
    watchdog_action: oneOf('none', 'pause', 'poweroff', 'reset', 'disabled'),
    viommu_model: oneOf('intel', 'smmuv3', 'virtio', 'auto'),
    sound_model: oneOf('sb16', 'es1370', 'pcspk', 'ac97', 'ich6', 'ich9', 'usb', 'virtio'),
    usb_model: oneOf('none', 'nec-xhci', 'qemu-xhci'),
    ephemeral_encryption_format: oneOf('plain', 'luks', 'luksv2'),
    cpu_dedicated_mask: cpuSet,
    cpu_realtime_mask: format('(\\^)?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*', CPU_SET),
    mem_page_size: format('(large|small|any|\\d+([kKMGT]i?)?(b|bit|B)?)'),
    pmem: format('([a-zA-Z0-9_]+(,)?)+', '[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?'),
  },
  hw_rng: { allowed: flag, rate_bytes: integer(0), rate_period: integer(0) },
  hw_video: { ram_max_mb: integer(0) },
  os: { secure_boot: oneOf('disabled', 'required') },
  pci_passthrough: { alias: format('[^:]+:\\d+(?:\\s*,\\s*[^:]+:\\d+)*') },
  quota: {
    ...shares('cpu'),
    ...shares('memory'),
    ...shares('disk_io'),
    ...shares('vif'),
    cpu_quota: integer(),
    ...all(
      integer(0),
      'cpu_shares',
      'cpu_period',
      'disk_read_bytes_sec',
      'disk_read_iops_sec',
      'disk_write_bytes_sec',
      'disk_write_iops_sec',
      'disk_total_bytes_sec',
      'disk_total_iops_sec',
      'vif_inbound_average',
      'vif_inbound_peak',
      'vif_inbound_burst',
      'vif_outbound_average',
      'vif_outbound_peak',
      'vif_outbound_burst',
    ),
  },
  vmware: { hw_version: text, storage_policy: text },
};

/** A namespace with the name of a group in it: `resources`, `resources1`, `trait_nic`. */
const grouped = (word: string) => new RegExp(`^${word}(?:[a-zA-Z0-9_-]{1,64})?$`);

/** A key in a namespace of which a part is free: the namespace, the keys, what they may hold. */
interface Family {
  readonly namespace: RegExp;
  readonly has: (key: string) => boolean;
  readonly check: Check;
}

const custom = /^CUSTOM_[A-Z0-9_]+$/;
const matches = (pattern: RegExp) => (key: string) => pattern.test(key);

const families: readonly Family[] = [
  { namespace: /^aggregate_instance_extra_specs$/, has: (key) => key !== '', check: text },
  {
    namespace: /^capabilities$/,
    has: matches(
      /^(?:cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|supported_instances|limits|instances)(?::\w+)*$/,
    ),
    check: text,
  },
  { namespace: /^hw$/, has: matches(/^numa_cpus.\d+$/), check: cpuSet },
  { namespace: /^hw$/, has: matches(/^numa_mem.\d+$/), check: integer(1) },
  {
    namespace: grouped('resources'),
    has: (key) => standardResourceClasses.has(key) || custom.test(key),
    check: integer(),
  },
  {
    namespace: grouped('trait'),
    has: (key) => standardTraits.has(key) || custom.test(key),
    check: oneOf('required', 'forbidden'),
  },
];

/**
 * Why an extra spec is not one that Nova takes; null when it is. Keys without a namespace that Nova does not know, and keys in
 * namespaces that it does not know, may hold anything.
 * Source: Nova's extra spec validators (microversion 2.86).
 */
export function extraSpecProblem(name: string, value: string): string | null {
  const colon = name.indexOf(':');
  const namespace = colon === -1 ? '' : name.slice(0, colon);
  const key = name.slice(colon + 1);
  const keys = Object.hasOwn(known, namespace) ? (known[namespace] as Readonly<Record<string, Check>>) : undefined;
  if (keys !== undefined && Object.hasOwn(keys, key)) return (keys[key] as Check)(value);
  const near = families.filter((family) => family.namespace.test(namespace));
  const family = near.find(({ has }) => has(key));
  if (family !== undefined) return family.check(value);
  if (namespace === '' || (keys === undefined && near.length === 0)) return null;
  return `extra spec '${name}' does not appear to be a valid extra spec.`;
}
