// Why: devices of hosts are named in two places, what flavors ask for and what a host gives, which are read together.

import { type AliasOption, pciPolicies } from '../domain/pci/pci-alias.ts';
import { pciTypes } from '../domain/pci/pci.ts';
import type { DeviceOption } from '../virt/host-devices.ts';
import { records } from './config-options.ts';

const pciId = { help: 'four hexadecimal digits', format: /^[\da-fA-F]{4}$/ } as const;

export const pci = {
  alias: records<AliasOption>(
    'Names by which flavors ask for devices of their host (pci_passthrough:alias = NAME:NUMBER); entries of one name mean any of their devices.',
    {
      name: { help: 'what flavors say', required: true },
      vendor_id: { ...pciId, required: true },
      product_id: { ...pciId, required: true },
      device_type: {
        help: 'type-PF for a whole device that can be divided into functions (SR-IOV), type-VF for such a function; without it any other',
        choices: pciTypes,
      },
      numa_policy: {
        help: 'where it must be of a server that has NUMA nodes: on one of them (required), there or near none (legacy, without it), there if possible (preferred), in the same socket (socket)',
        choices: pciPolicies,
      },
    },
  ),
  device_spec: records<DeviceOption>(
    'Devices of this host that are for guests; without an entry none. What an entry does not say may be anything.',
    {
      vendor_id: { help: 'four hexadecimal digits, or *' },
      product_id: { help: 'four hexadecimal digits, or *' },
      address: {
        help: 'domain, bus, slot and function as 0000:81:00.1, parts left out or * for any; the address of a whole device means its functions too',
      },
    },
  ),
} as const;
