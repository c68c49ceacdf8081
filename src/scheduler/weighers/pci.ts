// Why: devices are scarce. Servers that ask for none leave the hosts alone that have some; those that ask go where few are left, so
// that there is a host for who asks for many.

import type { Weigher } from '../spec.ts';

/** Hosts with so many free devices are alike. */
const PLENTY = 100;

export const pciWeigher: Weigher =
  () =>
  ({ inventory, pciTaken }) => {
    const { pciDevices } = inventory.facts;
    if (pciDevices === undefined) return PLENTY;
    // what a device that is taken blocks beside itself is not looked up for every host of every placement
    return PLENTY - Math.min(Math.max(0, pciDevices.length - (pciTaken?.length ?? 0)), PLENTY - 1);
  };
