// Why: the extra specs that Nova knows, and our own, as one table: what each may hold and what becomes of it here. From microversion 2.86 on a flavor
// takes no other value for them, and no unknown key in their namespaces.
// Facts: Nova's validators (nova/api/validation/extra_specs), Apache License 2.0.

import { booleanWord } from '../../base/boolean-word.ts';
import { done, type Fate, ignored, refused } from './fate.ts';
import { priceProblem } from '../metering/prices.ts';
import { startSizes } from './flavors.ts';
import { diskLimits } from './limits-request.ts';
import { profileNames } from './profiles.ts';
import { standardResourceClasses, standardTraits } from '../placement/standard-traits.ts';

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

const flag: Check = (value) => (booleanWord(value) !== null ? null : `'${value}' is not a valid boolean-like value.`);

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

interface Row {
  readonly check: Check;
  readonly fate: Fate;
}

type Rows = Readonly<Record<string, Row>>;

const row = (check: Check, fate: Fate): Row => ({ check, fate });

const all = (check: Check, fate: Fate, ...keys: readonly string[]): Rows =>
  Object.fromEntries(keys.map((key) => [key, row(check, fate)]));

const vmware = ignored('it is for VMware, and hosts here run QEMU and KVM');
const numa = done('docs/numa.md');
const capability = done('ComputeCapabilitiesFilter compares it with what a host says of itself');
const traits = done('docs/traits-and-resources.md');
const topology = done('`<cpu><topology>`');
const missing = (trait: string): Fate => refused(`no valid host: none has the trait ${trait}`);
const onTrait = (element: string, trait: string): Fate =>
  done(`\`${element}\` on a host with the trait ${trait}, else no valid host`);
const tuned = done('`<iotune>` of each disk');
const bounded = (way: string): Fate =>
  onTrait('<bandwidth>', `CUSTOM_XLOUD_${way}_LIMITS; of each interface, KiB per second, a burst in KiB`);

/** What VMware's shares, limits and reservations are written as, for each kind of resource. */
const shares = (resource: string): Rows => ({
  [`${resource}_limit`]: row(integer(0), vmware),
  [`${resource}_reservation`]: row(integer(), vmware),
  [`${resource}_shares_level`]: row(oneOf('custom', 'high', 'normal', 'low'), vmware),
  [`${resource}_shares_share`]: row(integer(0), vmware),
});

const CAPABILITIES = [
  ...['id', 'uuid', 'service_id', 'host', 'vcpus', 'memory_mb', 'local_gb', 'vcpus_used', 'memory_mb_used'],
  ...['local_gb_used', 'hypervisor_type', 'hypervisor_version', 'hypervisor_hostname', 'free_ram_mb', 'free_disk_gb'],
  ...['current_workload', 'running_vms', 'disk_available_least', 'host_ip', 'mapped', 'cpu_allocation_ratio'],
  ...['ram_allocation_ratio', 'disk_allocation_ratio', 'total_usable_ram_mb', 'total_usable_disk_gb', 'disk_mb_used'],
  ...['free_disk_mb', 'vcpus_total', 'num_instances', 'num_io_ops', 'failed_builds', 'aggregates', 'cell_uuid'],
  'updated',
];

/** libvirt's, beyond those that Nova's validators name; Nova writes them for flavors made before 2.86. */
const bursts = diskLimits.filter((name) => !name.endsWith('_sec')).map((name) => `disk_${name}`);

const hw: Rows = {
  cpu_realtime: row(flag, numa),
  hide_hypervisor_id: row(flag, done('`<features><kvm><hidden>`')),
  locked_memory: row(flag, done('`<memoryBacking><locked>`')),
  boot_menu: row(flag, done('`<os><bootmenu>`')),
  vif_multiqueue_enabled: row(flag, done('`<interface><driver queues>`, one for each vCPU')),
  mem_encryption: row(flag, missing('HW_CPU_X86_AMD_SEV')),
  pmu: row(flag, done('`<features><pmu>`')),
  virtio_packed_ring: row(flag, onTrait('<driver packed>', 'COMPUTE_NET_VIRTIO_PACKED')),
  ephemeral_encryption: row(flag, missing('COMPUTE_EPHEMERAL_ENCRYPTION')),
  numa_nodes: row(integer(1), numa),
  ...all(integer(1), topology, 'cpu_sockets', 'cpu_cores', 'cpu_threads'),
  ...all(integer(1), topology, 'cpu_max_sockets', 'cpu_max_cores', 'cpu_max_threads'),
  serial_port_count: row(integer(0), done('so many `<serial>`, four at most')),
  redirected_usb_ports: row(
    integer(0, 15),
    refused('400 unless it is 0: they are for SPICE, and the screens of guests here speak VNC'),
  ),
  cpu_policy: row(oneOf('dedicated', 'shared', 'mixed'), numa),
  cpu_thread_policy: row(oneOf('prefer', 'isolate', 'require'), numa),
  emulator_threads_policy: row(oneOf('isolate', 'share'), numa),
  pci_numa_affinity_policy: row(oneOf('required', 'preferred', 'legacy', 'socket'), done('docs/pci.md')),
  mem_encryption_model: row(
    oneOf('amd-sev', 'amd-sev-es', 'amd-sev-snp'),
    refused('with hw:mem_encryption no valid host: none has the trait'),
  ),
  tpm_model: row(oneOf('tpm-tis', 'tpm-crb'), onTrait('<tpm model>', 'COMPUTE_SECURITY_TPM_TIS or _CRB')),
  tpm_version: row(oneOf('1.2', '2.0'), onTrait('<tpm>', 'COMPUTE_SECURITY_TPM_1_2 or _2_0')),
  tpm_secret_security: row(
    oneOf('user', 'host', 'deployment'),
    refused(
      'with hw:tpm_version no valid host: nothing keeps the secret of a TPM here (there is no key manager); unnamed, the ' +
        "TPM's state lies on the host as it is",
    ),
  ),
  watchdog_action: row(oneOf('none', 'pause', 'poweroff', 'reset', 'disabled'), done('`<watchdog action>`')),
  viommu_model: row(oneOf('intel', 'smmuv3', 'virtio', 'auto'), onTrait('<iommu model>', 'COMPUTE_VIOMMU_MODEL_…')),
  sound_model: row(
    oneOf('sb16', 'es1370', 'pcspk', 'ac97', 'ich6', 'ich9', 'usb', 'virtio'),
    done('`<sound model>`; virtio on a host with the trait COMPUTE_SOUND_MODEL_VIRTIO'),
  ),
  usb_model: row(oneOf('none', 'nec-xhci', 'qemu-xhci'), done('`<controller type="usb" model>`')),
  ephemeral_encryption_format: row(
    oneOf('plain', 'luks', 'luksv2'),
    refused('with hw:ephemeral_encryption no valid host: none has the trait'),
  ),
  cpu_dedicated_mask: row(cpuSet, numa),
  cpu_realtime_mask: row(format('(\\^)?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*', CPU_SET), numa),
  mem_page_size: row(format('(large|small|any|\\d+([kKMGT]i?)?(b|bit|B)?)'), numa),
  pmem: row(
    format('([a-zA-Z0-9_]+(,)?)+', '[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?'),
    refused('no valid host: none has persistent memory for guests (resource CUSTOM_PMEM_NAMESPACE_…)'),
  ),
};

/** By namespace, then by key; the namespace '' is for keys without one. */
const known: Readonly<Record<string, Rows>> = {
  '': {
    // the verb checks these two against the flavor's size, at every microversion
    minimum_cpu: row(text, done('the vCPUs that a server starts with and is always left (docs/elastic.md)')),
    minimum_memory: row(text, done('the same of memory, in MiB (docs/elastic.md)')),
    hide_hypervisor_id: row(flag, done('`<features><kvm><hidden>`')),
    group_policy: row(
      oneOf('isolate', 'none'),
      done(
        '`none`: no effect, since a host is one provider of all that it has; `isolate` with several groups of resources: no valid host, ' +
          'since they would have to be apart',
      ),
    ),
  },
  accel: { device_profile: row(text, missing('COMPUTE_ACCELERATORS')) },
  aggregate_instance_extra_specs: {},
  capabilities: all(text, capability, ...CAPABILITIES),
  hw,
  hw_rng: {
    allowed: row(flag, done('whether there is an `<rng>`; yes unless it is said')),
    ...all(integer(0), done('`<rng><rate>`'), 'rate_bytes', 'rate_period'),
  },
  hw_video: { ram_max_mb: row(integer(0), done('the most that hw_video_ram of an image may be, else 400')) },
  os: {
    secure_boot: row(oneOf('disabled', 'required'), onTrait('<loader secure>', 'COMPUTE_SECURITY_UEFI_SECURE_BOOT')),
  },
  pci_passthrough: { alias: row(format('[^:]+:\\d+(?:\\s*,\\s*[^:]+:\\d+)*'), done('docs/pci.md')) },
  price: {
    hour: row(priceProblem, done('what an hour of a server costs with its floor (docs/costs.md)')),
    ...all(
      priceProblem,
      done('an hour of what it holds above its floor (docs/costs.md)'),
      'vcpu_hour',
      'memory_gb_hour',
    ),
  },
  quota: {
    ...shares('cpu'),
    ...shares('memory'),
    ...shares('disk_io'),
    ...shares('vif'),
    cpu_quota: row(integer(), onTrait('<cputune><quota>', 'CUSTOM_XLOUD_CPU_LIMITS')),
    cpu_shares: row(integer(0), onTrait('<cputune><shares>', 'CUSTOM_XLOUD_CPU_LIMITS')),
    cpu_period: row(integer(0), onTrait('<cputune><period>', 'CUSTOM_XLOUD_CPU_LIMITS')),
    ...all(integer(0), tuned, 'disk_read_bytes_sec', 'disk_read_iops_sec', 'disk_write_bytes_sec'),
    ...all(integer(0), tuned, 'disk_write_iops_sec', 'disk_total_bytes_sec', 'disk_total_iops_sec', ...bursts),
    ...all(integer(0), bounded('INBOUND'), 'vif_inbound_average', 'vif_inbound_peak', 'vif_inbound_burst'),
    ...all(integer(0), bounded('OUTBOUND'), 'vif_outbound_average', 'vif_outbound_peak', 'vif_outbound_burst'),
  },
  vmware: all(text, vmware, 'hw_version', 'storage_policy'),
  xloud: {
    memory_method: row(text, done('by what its memory moves, balloon or virtio-mem (docs/elastic.md)')),
    start_size: row(
      oneOf(...startSizes),
      done('whether a new server begins with its minimum, as long as nothing is said, or its maximum'),
    ),
    profile: row(
      oneOf(...profileNames),
      done('the extra specs of that name, below those of the flavor (docs/guests.md)'),
    ),
    nested_virtualization: row(flag, done('the guest sees the virtualisation of its host; no unless it is said')),
  },
};

/** A namespace with the name of a group in it: `resources`, `resources1`, `trait_nic`. */
const grouped = (word: string) => new RegExp(`^${word}(?:[a-zA-Z0-9_-]{1,64})?$`);

/** A key in a namespace of which a part is free: the namespace, the keys, what they may hold. */
interface Family {
  readonly namespace: RegExp;
  readonly has: (key: string) => boolean;
  readonly check: Check;
  /** For people. */
  readonly name: string;
  readonly fate: Fate;
}

const custom = /^CUSTOM_[A-Z0-9_]+$/;
const matches = (pattern: RegExp) => (key: string) => pattern.test(key);

const families: readonly Family[] = [
  {
    ...{ name: 'aggregate_instance_extra_specs:*', namespace: /^aggregate_instance_extra_specs$/ },
    ...{ has: (key) => key !== '', check: text },
    fate: done('AggregateInstanceExtraSpecsFilter compares it with the metadata of aggregates, where that is enabled'),
  },
  {
    ...{ name: 'capabilities:cpu_info:* and its like', fate: capability },
    namespace: /^capabilities$/,
    has: matches(
      /^(?:cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|supported_instances|limits|instances)(?::\w+)*$/,
    ),
    check: text,
  },
  { ...{ name: 'hw:numa_cpus.*', fate: numa }, namespace: /^hw$/, has: matches(/^numa_cpus.\d+$/), check: cpuSet },
  { ...{ name: 'hw:numa_mem.*', fate: numa }, namespace: /^hw$/, has: matches(/^numa_mem.\d+$/), check: integer(1) },
  {
    ...{ name: 'resources*:*', fate: traits },
    namespace: grouped('resources'),
    has: (key) => standardResourceClasses.has(key) || custom.test(key),
    check: integer(),
  },
  {
    ...{ name: 'trait*:*', fate: traits },
    namespace: grouped('trait'),
    has: (key) => standardTraits.has(key) || custom.test(key),
    check: oneOf('required', 'forbidden'),
  },
];

/** Its row; null where Nova knows none, and whether its namespace is one of Nova's. */
function find(name: string): { readonly row: Row | null; readonly ours: boolean } {
  const colon = name.indexOf(':');
  const namespace = colon === -1 ? '' : name.slice(0, colon);
  const key = name.slice(colon + 1);
  const keys = Object.hasOwn(known, namespace) ? known[namespace] : undefined;
  if (keys !== undefined && Object.hasOwn(keys, key)) return { row: keys[key] as Row, ours: true };
  const near = families.filter((family) => family.namespace.test(namespace));
  const ours = namespace !== '' && (keys !== undefined || near.length > 0);
  return { row: near.find(({ has }) => has(key)) ?? null, ours };
}

/**
 * Why an extra spec is not one that Nova takes; null when it is. Keys without a namespace that Nova does not know, and keys in
 * namespaces that it does not know, may hold anything.
 * Source: Nova's extra spec validators (microversion 2.86).
 */
export function extraSpecProblem(name: string, value: string): string | null {
  const found = find(name);
  if (found.row !== null) return found.row.check(value);
  return found.ours ? `extra spec '${name}' does not appear to be a valid extra spec.` : null;
}

/** What becomes of one; null for one that Nova does not know. */
export const extraSpecFate = (name: string): Fate | null => find(name).row?.fate ?? null;

/** All of them with what becomes of each, in the order of the alphabet. */
export const extraSpecFates: readonly { readonly name: string; readonly fate: Fate }[] = [
  ...Object.entries(known).flatMap(([namespace, rows]) =>
    Object.entries(rows).map(([key, { fate }]) => ({ name: namespace === '' ? key : `${namespace}:${key}`, fate })),
  ),
  ...families.map(({ name, fate }) => ({ name, fate })),
].toSorted((a, b) => (a.name < b.name ? -1 : 1));
