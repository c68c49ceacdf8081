// Why: what flavors and images say of a guest's machine, and where in its definition it is seen: without a hypervisor, and in what a real
// libvirt makes of it.

import { children, type Element, readXml } from '../../src/virt/libvirt/xml.ts';

export type Words = Readonly<Record<string, string>>;

/** The elements down a path of names; `controller[scsi]` is one of that type. */
function at(root: Element, path: string): Element[] {
  return path === ''
    ? [root]
    : path.split('/').reduce(
        (found: Element[], step) => {
          const [, name = '', type] = /^(\w+)(?:\[(\w+)\])?$/.exec(step) ?? [];
          const next = found.flatMap((one) => children(one, name));
          return type === undefined ? next : next.filter((one) => one.getAttribute('type') === type);
        },
        [root],
      );
}

/** What is found at a path such as `devices/tpm/backend@version`, `cputune/shares` or `devices/serial#` (how many). */
export function seen(xml: string, path: string): string | number | null {
  const [steps = '', attribute] = path.replace(/#$/, '').split('@');
  const found = at(readXml(xml), steps);
  if (path.endsWith('#')) return found.length;
  const [first] = found;
  if (first === undefined) return null;
  return attribute === undefined ? first.textContent : first.getAttribute(attribute);
}

/** What a flavor says, where it is seen, and what is there. */
export const bySpec: readonly [Words, string, string | number][] = [
  [{ 'hw:boot_menu': 'yes' }, 'os/bootmenu@enable', 'yes'],
  [{ 'hw:hide_hypervisor_id': 'true' }, 'features/kvm/hidden@state', 'on'],
  [{ hide_hypervisor_id: 'true' }, 'features/kvm/hidden@state', 'on'],
  [{ 'hw:pmu': 'no' }, 'features/pmu@state', 'off'],
  [{ 'hw:vif_multiqueue_enabled': 'true' }, 'devices/interface/driver@queues', '4'],
  [{ 'hw:virtio_packed_ring': 'true' }, 'devices/disk/driver@packed', 'on'],
  [{ 'hw:serial_port_count': '3' }, 'devices/serial#', 3],
  [{ 'hw:tpm_version': '2.0' }, 'devices/tpm/backend@version', '2.0'],
  [{ 'hw:tpm_version': '2.0', 'hw:tpm_model': 'tpm-crb' }, 'devices/tpm@model', 'tpm-crb'],
  [{ 'hw:watchdog_action': 'reset' }, 'devices/watchdog@action', 'reset'],
  [{ 'hw:viommu_model': 'virtio' }, 'devices/iommu@model', 'virtio'],
  [{ 'hw:sound_model': 'ac97' }, 'devices/sound@model', 'ac97'],
  [{ 'hw:usb_model': 'qemu-xhci' }, 'devices/controller[usb]@model', 'qemu-xhci'],
  [{ 'os:secure_boot': 'required' }, 'os/loader@secure', 'yes'],
  [{ 'hw_rng:allowed': 'no' }, 'devices/rng#', 0],
  [{ 'hw_rng:rate_bytes': '100' }, 'devices/rng/rate@bytes', '100'],
  [{ 'hw_rng:rate_bytes': '100', 'hw_rng:rate_period': '500' }, 'devices/rng/rate@period', '500'],
  [{ 'quota:cpu_shares': '512' }, 'cputune/shares', '512'],
  [{ 'quota:cpu_period': '10000' }, 'cputune/period', '10000'],
  [{ 'quota:cpu_quota': '5000' }, 'cputune/quota', '5000'],
  ...['total', 'read', 'write'].flatMap((way) =>
    ['bytes_sec', 'iops_sec'].flatMap((kind): [Words, string, string][] => {
      const name = `${way}_${kind}`;
      const base = { [`quota:disk_${name}`]: '1000', [`quota:disk_${name}_max`]: '2000' };
      return [
        [{ [`quota:disk_${name}`]: '1000' }, `devices/disk/iotune/${name}`, '1000'],
        [base, `devices/disk/iotune/${name}_max`, '2000'],
        [{ ...base, [`quota:disk_${name}_max_length`]: '9' }, `devices/disk/iotune/${name}_max_length`, '9'],
      ];
    }),
  ),
  ...['inbound', 'outbound'].flatMap((way): [Words, string, string][] => {
    const average = { [`quota:vif_${way}_average`]: '1024' };
    const at = `devices/interface/bandwidth/${way}`;
    return [
      [average, `${at}@average`, '1024'],
      [{ ...average, [`quota:vif_${way}_peak`]: '2048' }, `${at}@peak`, '2048'],
      [{ ...average, [`quota:vif_${way}_burst`]: '4096' }, `${at}@burst`, '4096'],
    ];
  }),
];

/** The same for an image. */
export const byProperty: readonly [Words, string, string | number][] = [
  [{ hw_architecture: 'i386' }, 'os/type@arch', 'i686'],
  [{ hw_emulation_architecture: 'aarch64' }, 'os/type@arch', 'aarch64'],
  [{ hw_boot_menu: 'yes' }, 'os/bootmenu@enable', 'yes'],
  [{ hw_firmware_type: 'uefi' }, 'os@firmware', 'efi'],
  [{ hw_input_bus: 'virtio' }, 'devices/input@bus', 'virtio'],
  [{ hw_pointer_model: 'usbtablet' }, 'devices/input@bus', 'usb'],
  [{ hw_machine_type: 'pc-q35-7.2' }, 'os/type@machine', 'pc-q35-7.2'],
  [{ hw_pmu: 'yes' }, 'features/pmu@state', 'on'],
  [{ hw_qemu_guest_agent: 'no' }, 'devices/channel#', 0],
  [{ hw_rng_model: 'virtio' }, 'devices/rng@model', 'virtio'],
  [{ hw_time_hpet: 'yes' }, 'clock/timer@present', 'yes'],
  [{ hw_serial_port_count: '2' }, 'devices/serial#', 2],
  [{ hw_disk_bus: 'scsi', hw_scsi_model: 'lsilogic' }, 'devices/controller[scsi]@model', 'lsilogic'],
  [{ hw_video_model: 'qxl' }, 'devices/video/model@type', 'qxl'],
  [{ hw_vif_model: 'e1000' }, 'devices/interface/model@type', 'e1000'],
  [{ hw_viommu_model: 'intel' }, 'devices/iommu@model', 'intel'],
  [{ hw_watchdog_action: 'pause' }, 'devices/watchdog@action', 'pause'],
  [{ hw_vif_multiqueue_enabled: 'yes' }, 'devices/interface/driver@queues', '4'],
  [{ hw_tpm_version: '1.2' }, 'devices/tpm/backend@version', '1.2'],
  [{ hw_tpm_version: '2.0', hw_tpm_model: 'tpm-crb' }, 'devices/tpm@model', 'tpm-crb'],
  [{ hw_virtio_packed_ring: 'yes' }, 'devices/interface/driver@packed', 'on'],
  [{ hw_maxphysaddr_mode: 'passthrough' }, 'cpu/maxphysaddr@mode', 'passthrough'],
  [{ hw_maxphysaddr_mode: 'emulate', hw_maxphysaddr_bits: '42' }, 'cpu/maxphysaddr@bits', '42'],
  [{ hw_sound_model: 'ich9' }, 'devices/sound@model', 'ich9'],
  [{ hw_usb_model: 'nec-xhci' }, 'devices/controller[usb]@model', 'nec-xhci'],
  [{ img_hv_type: 'qemu' }, '@type', 'qemu'],
  [{ img_hide_hypervisor_id: 'yes' }, 'features/kvm/hidden@state', 'on'],
  [{ os_secure_boot: 'required' }, 'features/smm@state', 'on'],
  [{ os_type: 'windows' }, 'clock@offset', 'localtime'],
];
