// Why: what a network interface is beside its port is said by flavor and image, alike for those that a server starts with and those
// that come later.

import type { GuestLimits } from '../machines/limits-request.ts';
import { type MachineFlavor, type MachineRequest, machineRequestOf } from '../machines/machine-request.ts';
import type { RequestedImage } from '../machines/request-words.ts';

export interface InterfacePlan {
  /** Nova's name of the card. */
  readonly model: string;
  /** One for each vCPU; null: one. */
  readonly queues: number | null;
  readonly packedRing: boolean;
  readonly limits: Pick<GuestLimits, 'inbound' | 'outbound'>;
}

/** A tap device has no more. */
const MOST_QUEUES = 256;

/** Where nothing was said. */
export const plainInterface: InterfacePlan = { model: 'virtio', queues: null, packedRing: false, limits: {} };

/** @param vcpus the most that the guest may have */
export function interfacePlan(
  { properties, multiqueue, packedRing, limits }: MachineRequest,
  vcpus: number,
): InterfacePlan {
  const model = properties['hw_vif_model'] ?? plainInterface.model;
  const virtio = model === plainInterface.model;
  const { inbound, outbound } = limits;
  return {
    model,
    queues: multiqueue && virtio ? Math.min(vcpus, MOST_QUEUES) : null,
    packedRing: packedRing && virtio,
    limits: { ...(inbound && { inbound }), ...(outbound && { outbound }) },
  };
}

/** Of a server. */
export const interfacePlanOf = (flavor: MachineFlavor, image: RequestedImage): InterfacePlan =>
  interfacePlan(machineRequestOf(flavor, image), flavor.vcpus);
