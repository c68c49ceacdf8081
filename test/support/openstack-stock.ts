// Why: an OpenStack that just came up has nothing that servers are made of: an image that boots, sizes, and a network that leads outside.

import { buildSshGuest, QUICK_BOOT } from './guest.ts';
import { EXTERNAL_RANGE, OUTSIDE, type OpenstackCloud } from './openstack-cloud.ts';
import { WIRE_NAME } from './ovn-hosts.ts';

export interface Stock {
  /** Of the image that boots, which everybody sees. */
  readonly imageId: string;
  /** Properties without which a copy of it takes longer to boot. */
  readonly properties: readonly string[];
  /** Its file. */
  readonly disk: string;
}

/** Has the administrator make image `guest`, flavors `small` and `elastic`, and network `public`, by the stock client. */
export async function stockCloud({ openstack }: Pick<OpenstackCloud, 'openstack'>): Promise<Stock> {
  const guest = await buildSshGuest();
  const made = async (...words: string[]) => (await openstack('xloud', ...words, '-f', 'value', '-c', 'id')).trim();
  const image = (name: string, format: string, file: string, ...more: string[]) => {
    const shape = ['--disk-format', format, '--container-format', format === 'qcow2' ? 'bare' : format];
    return made('image', 'create', name, '--public', ...shape, '--file', file, ...more);
  };
  const kernel = await image('guest-kernel', 'aki', guest.kernel);
  const initrd = await image('guest-initrd', 'ari', guest.initrd);
  const options = [`kernel_id=${kernel}`, `ramdisk_id=${initrd}`, `os_command_line=${QUICK_BOOT}`];
  const properties = options.flatMap((one) => ['--property', one]);
  const imageId = await image('guest', 'qcow2', guest.rootDisk, ...properties);
  await made('flavor', 'create', 'small', '--vcpus', '1', '--ram', '128', '--disk', '1');
  const minimum = ['--property', 'minimum_cpu=1', '--property', 'minimum_memory=256'];
  await made('flavor', 'create', 'elastic', '--vcpus', '2', '--ram', '512', '--disk', '1', ...minimum);
  const provider = ['--provider-network-type', 'flat', '--provider-physical-network', WIRE_NAME];
  await made('network', 'create', 'public', '--external', ...provider);
  const pool = ['--allocation-pool', 'start=198.51.100.100,end=198.51.100.200'];
  const range = ['--subnet-range', EXTERNAL_RANGE, '--gateway', OUTSIDE, '--no-dhcp', ...pool];
  await made('subnet', 'create', 'public', '--network', 'public', ...range);
  return { imageId, properties, disk: guest.rootDisk };
}
