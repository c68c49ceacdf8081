// Why: flavors and images name what a host must be (`trait:CUSTOM_FAST` = `required`) or must not be (`forbidden`). A host of ours
// is one provider of everything that it has, so numbered groups (`trait1:...`) ask the same of it. Much else that they say means
// a trait, too: a guest with a TPM needs a host that has one.

import { limitKinds, limitTraits } from '../machines/limits-request.ts';
import { machineRequestOf, type MachineFlavor, type MachineRequest } from '../machines/machine-request.ts';

export interface TraitRequest {
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

const TRAIT = /^trait(?:[a-zA-Z0-9_-]{1,64})?:(.+)$/;

/** The traits that are named with a value; other values say nothing, as in Nova. */
const traitsWith = (pairs: Readonly<Record<string, string>>, wanted: 'required' | 'forbidden'): string[] =>
  Object.entries(pairs).flatMap(([key, value]) => {
    const trait = value === wanted ? TRAIT.exec(key)?.[1] : undefined;
    return trait === undefined ? [] : [trait];
  });

/** What properties mean by the name of a model: the beginning of the trait. */
const models: Readonly<Record<string, string>> = {
  hw_cdrom_bus: 'COMPUTE_STORAGE_BUS',
  hw_disk_bus: 'COMPUTE_STORAGE_BUS',
  hw_video_model: 'COMPUTE_GRAPHICS_MODEL',
  hw_vif_model: 'COMPUTE_NET_VIF_MODEL',
  hw_architecture: 'HW_ARCH',
  hw_emulation_architecture: 'COMPUTE_ARCH',
};

/** `CRB` of `tpm-crb`, as traits are written. */
const traitWord = (word: string): string => word.replaceAll(/[-.]/g, '_').toUpperCase();

/** What hosts must have for each part of a guest. Source: Nova's ResourceRequest and its request filters. */
function traitsOfMachine(request: MachineRequest): string[] {
  const { properties, tpm, memoryEncryption, diskEncryption, viommu, sound, physicalBits } = request;
  const found = Object.entries(models).flatMap(([name, prefix]) =>
    // a host of one architecture may well have guests of another: ImagePropertiesFilter looks for those
    properties[name] === undefined || name === 'hw_architecture' ? [] : [`${prefix}_${traitWord(properties[name])}`],
  );
  if (request.firmware === 'uefi') found.push('COMPUTE_FIRMWARE_UEFI');
  if (request.secureBoot === 'required') found.push('COMPUTE_SECURITY_UEFI_SECURE_BOOT');
  if (request.statelessFirmware) found.push('COMPUTE_SECURITY_STATELESS_FIRMWARE');
  if (tpm !== null) {
    found.push(`COMPUTE_SECURITY_TPM_${traitWord(tpm.version)}`, `COMPUTE_SECURITY_${traitWord(tpm.model)}`);
    if (tpm.secrets !== null) found.push(`COMPUTE_SECURITY_TPM_SECRET_SECURITY_${traitWord(tpm.secrets)}`);
  }
  if (memoryEncryption !== null) found.push(`HW_CPU_X86_${traitWord(memoryEncryption)}`);
  if (diskEncryption !== null) found.push('COMPUTE_EPHEMERAL_ENCRYPTION');
  if (diskEncryption) found.push(`COMPUTE_EPHEMERAL_ENCRYPTION_${traitWord(diskEncryption)}`);
  if (viommu !== null) found.push(`COMPUTE_VIOMMU_MODEL_${traitWord(viommu)}`);
  if (sound === 'virtio') found.push('COMPUTE_SOUND_MODEL_VIRTIO');
  if (request.packedRing) found.push('COMPUTE_NET_VIRTIO_PACKED');
  if (request.accelerators) found.push('COMPUTE_ACCELERATORS');
  if (physicalBits !== null) {
    found.push(`COMPUTE_ADDRESS_SPACE_${physicalBits.mode === 'emulate' ? 'EMULATED' : 'PASSTHROUGH'}`);
  }
  return [...found, ...limitKinds(request.limits).map((kind) => limitTraits[kind])];
}

/**
 * What a flavor and an image ask together; an image can only require. Null: nothing. Throws Nova's 400s where they contradict
 * each other.
 */
export function traitRequestOf(
  flavor: Pick<MachineFlavor, 'name' | 'extraSpecs'>,
  imageProperties: Readonly<Record<string, string>>,
): TraitRequest | null {
  const request = machineRequestOf({ ...flavor, vcpus: 1 }, { properties: imageProperties });
  const required = new Set([
    ...traitsWith(flavor.extraSpecs, 'required'),
    ...traitsWith(imageProperties, 'required'),
    ...traitsOfMachine(request),
  ]);
  const forbidden = traitsWith(flavor.extraSpecs, 'forbidden');
  return required.size + forbidden.length === 0 ? null : { required: [...required], forbidden };
}

/** Why a host with these traits is not what is wished, as a clause; null: it is. */
export function traitProblem(has: readonly string[], { required, forbidden }: TraitRequest): string | null {
  const missing = required.filter((trait) => !has.includes(trait));
  if (missing.length > 0) return `has no trait ${missing.join(', ')}`;
  const unwanted = forbidden.filter((trait) => has.includes(trait));
  return unwanted.length > 0 ? `has the forbidden trait ${unwanted.join(', ')}` : null;
}
