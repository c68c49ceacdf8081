// Why: the properties of images that Nova knows, as one table: their type, their values and what becomes of each here. An image with
// a bad one is refused before a server is promised, and not by a hypervisor afterwards.
// Facts: Nova's `ImageMetaProps` (nova/objects/image_meta.py, nova/objects/fields.py), Apache License 2.0.

import { badRequest } from '../../base/errors.ts';
import { done, type Fate, ignored, refused } from './fate.ts';
import { archAliases, architectures, hypervisorAliases, hypervisorTypes, modeAliases } from './machine-words.ts';
import type { ImageFacts } from './images.ts';
import { noNumber } from './request-words.ts';

/** What a property may hold: a value as this program reads it, or why not in Nova's words. */
export interface PropertyType {
  /** For people. */
  readonly words: string;
  /** The value as Nova stores it. Throws an Error with Nova's words after `Invalid image metadata. Error: `. */
  readonly read: (value: string, name: string) => string;
}

const keep = (value: string): string => value;
const text: PropertyType = { words: 'text', read: keep };
const flag: PropertyType = { words: 'yes or no; any other word is no', read: keep };
const uuid: PropertyType = { words: 'UUID', read: keep };

/** Python's `int()` of a string. */
const integer: PropertyType = {
  words: 'whole number',
  read(value) {
    if (!/^\s*[+-]?\d+(?:_\d+)*\s*$/.test(value)) throw new Error(noNumber(value));
    return String(Number(value.replaceAll('_', '')));
  },
};

type Canonical = (value: string) => string;
const lower: Canonical = (value) => value.toLowerCase();

const oneOf = (
  words: readonly string[],
  canonical: Canonical = keep,
  problem = (_given: string, read: string) => `Field value ${read} is invalid`,
): PropertyType => ({
  words: words.join(', '),
  read(value) {
    const known = canonical(value);
    if (!words.includes(known)) throw new Error(problem(value, known));
    return known;
  },
});

const aliased =
  (aliases: Readonly<Record<string, string>>): Canonical =>
  (value) =>
    aliases[value.toLowerCase()] ?? value.toLowerCase();

const architecture = oneOf(architectures, aliased(archAliases), (value) => `Architecture name '${value}' is not valid`);
const hypervisor = oneOf(
  hypervisorTypes,
  aliased(hypervisorAliases),
  (value) => `Hypervisor virt type '${value}' is not valid`,
);
const vmMode = oneOf(
  ['hvm', 'xen', 'uml', 'exe'],
  aliased(modeAliases),
  (value) => `Virtual machine mode '${value}' is not valid`,
);

const version: PropertyType = {
  words: 'bounds such as `>=6.0,<9.0`',
  read(value, name) {
    const isBound = (part: string): boolean => /^(?:<=|>=|<|>|==|!=)\s*[^\s,]+$/.test(part.trim());
    if (!value.split(',').every(isBound)) {
      throw new Error(`Version ${value} is not a valid predicate in field ${name}`);
    }
    return value;
  },
};

export const diskBuses = ['fdc', 'ide', 'sata', 'scsi', 'usb', 'virtio', 'xen', 'lxc', 'uml'] as const;
const bus = oneOf(diskBuses);
export const deviceTypes = ['cdrom', 'disk', 'floppy', 'fs', 'lun'] as const;
const scsiAliases: Readonly<Record<string, string>> = { lsilogicsas: 'lsisas1068', paravirtual: 'vmpvscsi' };
const scsi = oneOf(
  ['buslogic', 'ibmvscsi', 'lsilogic', 'lsisas1068', 'lsisas1078', 'virtio-scsi', 'vmpvscsi'],
  aliased(scsiAliases),
);
const vifAliases: Readonly<Record<string, string>> = {
  virtuale1000: 'e1000',
  virtuale1000e: 'e1000e',
  virtualpcnet32: 'pcnet',
  virtualsriovethernetcard: 'sriov',
  virtualvmxnet: 'vmxnet',
  virtualvmxnet3: 'vmxnet3',
};
export const vifModels = [
  ...(['virtio', 'ne2k_pci', 'pcnet', 'rtl8139', 'e1000', 'e1000e', 'netfront', 'spapr-vlan'] as const),
  ...(['lan9118', 'sriov', 'vmxnet', 'vmxnet3', 'igb'] as const),
];
const vif = oneOf(vifModels, aliased(vifAliases));
export const videoModels = ['cirrus', 'qxl', 'vga', 'vmvga', 'xen', 'virtio', 'gop', 'none', 'bochs'] as const;
const hashes = ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512'];
const keyTypes = [
  ...['DSA', 'ECC_SECP384R1', 'ECC_SECP521R1', 'ECC_SECT409K1', 'ECC_SECT409R1'],
  ...['ECC_SECT571K1', 'ECC_SECT571R1', 'RSA-PSS'],
];

export interface PropertyRow {
  readonly type: PropertyType;
  readonly fate: Fate;
}

const row = (type: PropertyType, fate: Fate): PropertyRow => ({ type, fate });

const xen = ignored('it is for Xen, and hosts here run QEMU and KVM');
const vmware = ignored('it is for VMware, and hosts here run QEMU and KVM');
const numa = done('docs/numa.md');
const topology = done('`<cpu><topology>`, within what the flavor says');
const trait = (name: string) => `a host with the trait ${name}, else no valid host`;
const signed = done(
  'held against the image where `image.verify_signatures` is on; else ignored, as Nova does by default',
);

/** By their present names. */
export const imageProperties: Readonly<Record<string, PropertyRow>> = {
  hw_architecture: row(architecture, done('a host with guests of that kind; `<os><type arch>`')),
  hw_emulation_architecture: row(architecture, done(`\`<os><type arch>\`; ${trait('COMPUTE_ARCH_…')}`)),
  hw_auto_disk_config: row(text, done('`OS-DCF:diskConfig` of the server')),
  hw_boot_menu: row(flag, done('`<os><bootmenu>`')),
  hw_cdrom_bus: row(bus, done('`<target bus>` of CD-ROM drives')),
  hw_cpu_cores: row(integer, topology),
  hw_cpu_sockets: row(integer, topology),
  hw_cpu_max_cores: row(integer, topology),
  hw_cpu_max_sockets: row(integer, topology),
  hw_cpu_max_threads: row(integer, topology),
  hw_cpu_policy: row(oneOf(['dedicated', 'shared', 'mixed']), numa),
  hw_cpu_thread_policy: row(oneOf(['prefer', 'isolate', 'require']), numa),
  hw_cpu_realtime_mask: row(text, numa),
  hw_cpu_threads: row(integer, topology),
  hw_device_id: row(integer, xen),
  hw_disk_bus: row(bus, done('`<target bus>` of disks, on hosts that have it')),
  hw_disk_type: row(text, vmware),
  hw_floppy_bus: row(bus, ignored('there are no floppy drives: a disk on the host that shall be one is refused')),
  hw_firmware_type: row(oneOf(['uefi', 'bios']), done(`\`<os firmware>\`; for uefi ${trait('COMPUTE_FIRMWARE_UEFI')}`)),
  hw_firmware_stateless: row(flag, refused(trait('COMPUTE_SECURITY_STATELESS_FIRMWARE'))),
  hw_input_bus: row(oneOf(['usb', 'virtio']), done('`<input type="tablet" bus>`, and a keyboard on it')),
  hw_ipxe_boot: row(flag, xen),
  hw_locked_memory: row(flag, done('`<memoryBacking><locked>`')),
  hw_machine_type: row(text, done('`<os><type machine>`')),
  hw_mem_encryption: row(flag, refused(trait('HW_CPU_X86_AMD_SEV'))),
  hw_mem_encryption_model: row(
    oneOf(['amd-sev', 'amd-sev-es', 'amd-sev-snp']),
    refused(`with hw_mem_encryption: ${trait('HW_CPU_X86_AMD_SEV…')}`),
  ),
  hw_mem_page_size: row(text, numa),
  hw_numa_nodes: row(integer, numa),
  hw_numa_cpus: row({ words: 'sets of numbers, `hw_numa_cpus.0` and so on', read: keep }, numa),
  hw_numa_mem: row({ words: 'numbers, `hw_numa_mem.0` and so on', read: keep }, numa),
  hw_pci_numa_affinity_policy: row(oneOf(['required', 'legacy', 'preferred', 'socket']), done('docs/pci.md')),
  hw_pointer_model: row(oneOf(['usbtablet']), done('`<input type="tablet" bus="usb">`')),
  hw_pmu: row(flag, done('`<features><pmu>`')),
  hw_qemu_guest_agent: row(flag, done('the channel `org.qemu.guest_agent.0`, which only `no` takes away')),
  hw_rescue_bus: row(bus, done('`<target bus>` of the disk that it is rescued with')),
  hw_rescue_device: row(oneOf(deviceTypes), done('`<disk device>` that it is rescued with')),
  hw_rng_model: row(oneOf(['virtio']), done('`<rng model>`, which every server has unless its flavor forbids it')),
  hw_time_hpet: row(flag, done('`<timer name="hpet">`')),
  hw_serial_port_count: row(integer, done('so many `<serial>`, at most those of the flavor')),
  hw_scsi_model: row(scsi, done('`<controller type="scsi" model>`')),
  hw_video_model: row(oneOf(videoModels), done('`<video><model type>`, on hosts that have it')),
  hw_video_ram: row(integer, done('`<video><model vram>`, at most what the flavor says')),
  hw_vif_model: row(vif, done('`<interface><model type>`, on hosts that have it')),
  hw_viommu_model: row(
    oneOf(['intel', 'smmuv3', 'virtio', 'auto']),
    done(`\`<iommu model>\`; ${trait('COMPUTE_VIOMMU_MODEL_…')}`),
  ),
  hw_vm_mode: row(vmMode, done('a host with guests of that kind')),
  hw_watchdog_action: row(oneOf(['none', 'pause', 'poweroff', 'reset', 'disabled']), done('`<watchdog action>`')),
  hw_vif_multiqueue_enabled: row(flag, done('`<interface><driver queues>`, one for each vCPU')),
  hw_tpm_model: row(oneOf(['tpm-tis', 'tpm-crb']), done('`<tpm model>`')),
  hw_tpm_version: row(oneOf(['1.2', '2.0']), done(`\`<tpm>\` by swtpm; ${trait('COMPUTE_SECURITY_TPM_…')}`)),
  hw_ephemeral_encryption: row(flag, refused(trait('COMPUTE_EPHEMERAL_ENCRYPTION'))),
  hw_ephemeral_encryption_format: row(
    oneOf(['plain', 'luks', 'luksv2']),
    refused(`with hw_ephemeral_encryption: ${trait('COMPUTE_EPHEMERAL_ENCRYPTION_…')}`),
  ),
  hw_ephemeral_encryption_secret_uuid: row(uuid, ignored('it says nothing without hw_ephemeral_encryption')),
  hw_virtio_packed_ring: row(
    flag,
    done(`\`<driver packed>\` of virtio devices; ${trait('COMPUTE_NET_VIRTIO_PACKED')}`),
  ),
  hw_maxphysaddr_mode: row(
    oneOf(['passthrough', 'emulate']),
    done(`\`<cpu><maxphysaddr>\`; ${trait('COMPUTE_ADDRESS_SPACE_…')}`),
  ),
  hw_maxphysaddr_bits: row(integer, done('`<cpu><maxphysaddr bits>`')),
  hw_sound_model: row(
    oneOf(['sb16', 'es1370', 'pcspk', 'ac97', 'ich6', 'ich9', 'usb', 'virtio']),
    done(`\`<sound model>\`; for virtio ${trait('COMPUTE_SOUND_MODEL_VIRTIO')}`),
  ),
  hw_usb_model: row(oneOf(['none', 'nec-xhci', 'qemu-xhci']), done('`<controller type="usb" model>`')),
  hw_redirected_usb_ports: row(integer, refused('400: they are for SPICE, and the screens of guests here speak VNC')),
  img_bittorrent: row(flag, ignored('images are fetched from the image service alone')),
  img_bdm_v2: row(flag, done('docs/volumes.md')),
  img_block_device_mapping: row(text, done('docs/volumes.md')),
  img_cache_in_nova: row(flag, ignored('every image that a server here uses is kept, as Nova does by default')),
  img_compression_level: row(integer, xen),
  img_hv_requested_version: row(version, done('a host whose hypervisor is of such a version, else no valid host')),
  img_hv_type: row(hypervisor, done('a host with guests of that kind, else no valid host; `<domain type>`')),
  img_config_drive: row(oneOf(['optional', 'mandatory']), done('a config drive')),
  img_linked_clone: row(flag, vmware),
  img_mappings: row(text, ignored('it names virtual devices of a kind that only EC2 images have')),
  img_owner_id: row(text, ignored('the image service says who owns an image')),
  img_root_device_name: row(text, done('`OS-EXT-SRV-ATTR:root_device_name`')),
  img_use_agent: row(flag, xen),
  img_version: row(integer, ignored('the image service says of which kind an image is')),
  img_signature: row(text, signed),
  img_signature_hash_method: row(oneOf(hashes), signed),
  img_signature_certificate_uuid: row(uuid, signed),
  img_signature_key_type: row(oneOf(keyTypes), signed),
  img_hide_hypervisor_id: row(flag, done('`<features><kvm><hidden>`')),
  os_admin_user: row(text, done('whose password is set by `changePassword`')),
  os_command_line: row(text, done('what the kernel is told, where the image names one')),
  os_distro: row(text, ignored('Nova uses it to look up defaults of devices in libosinfo only; say the devices')),
  os_require_quiesce: row(flag, done('a snapshot of a running server freezes its file systems or fails')),
  os_secure_boot: row(
    oneOf(['required', 'disabled', 'optional']),
    done(`\`<loader secure>\`; ${trait('COMPUTE_SECURITY_UEFI_SECURE_BOOT')} where required`),
  ),
  os_skip_agent_inject_files_at_boot: row(flag, xen),
  os_skip_agent_inject_ssh: row(flag, xen),
  os_type: row(oneOf(['linux', 'windows'], lower), done('`<clock offset>`; whose password `changePassword` sets')),
  traits_required: row({ words: 'read from `trait:…` = `required`', read: keep }, done('docs/traits-and-resources.md')),
};

/** The older name of each that has one. */
export const olderNames: Readonly<Record<string, string>> = {
  architecture: 'hw_architecture',
  owner_id: 'img_owner_id',
  vmware_disktype: 'hw_disk_type',
  vmware_image_version: 'img_version',
  vmware_ostype: 'os_distro',
  auto_disk_config: 'hw_auto_disk_config',
  ipxe_boot: 'hw_ipxe_boot',
  xenapi_device_id: 'hw_device_id',
  xenapi_image_compression_level: 'img_compression_level',
  vmware_linked_clone: 'img_linked_clone',
  xenapi_use_agent: 'img_use_agent',
  xenapi_skip_agent_inject_ssh: 'os_skip_agent_inject_ssh',
  xenapi_skip_agent_inject_files_at_boot: 'os_skip_agent_inject_files_at_boot',
  cache_in_nova: 'img_cache_in_nova',
  vm_mode: 'hw_vm_mode',
  bittorrent: 'img_bittorrent',
  mappings: 'img_mappings',
  block_device_mapping: 'img_block_device_mapping',
  bdm_v2: 'img_bdm_v2',
  root_device_name: 'img_root_device_name',
  hypervisor_version_requires: 'img_hv_requested_version',
  hypervisor_type: 'img_hv_type',
};

/** A property under its present name; two older ones of VMware's say it in other words. */
function* renamed(properties: Readonly<Record<string, string>>): Generator<readonly [string, string]> {
  for (const [older, name] of Object.entries(olderNames)) {
    const value = properties[older];
    if (value !== undefined) yield [name, value];
  }
  const adapter = properties['vmware_adaptertype'];
  if (adapter) {
    yield ['hw_disk_bus', adapter === 'ide' ? 'ide' : 'scsi'];
    if (adapter !== 'ide') yield ['hw_scsi_model', adapter];
  }
  for (const name of Object.keys(imageProperties)) {
    const value = name === 'traits_required' ? undefined : properties[name];
    if (value !== undefined) yield [name, value];
  }
}

/**
 * The properties that Nova knows, by their present names and in canonical form; what has two names is what the present one says.
 * Throws Nova's 400 for one that holds what it may not.
 */
export function knownProperties(image: Pick<ImageFacts, 'properties'> | null): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, value] of renamed(image?.properties ?? {})) {
    try {
      found[name] = (imageProperties[name] as PropertyRow).type.read(value, name);
    } catch (error) {
      throw badRequest(`Invalid image metadata. Error: ${(error as Error).message}`);
    }
  }
  return found;
}
