// Why: what a host can do, in the names that OpenStack's services agree on (os-traits), told from what its agent measured. A trait is
// here only if it is true of the guests that run there.

import type { HostFacts } from './hosts.ts';
import { newerTraits, standardTraits } from './standard-traits.ts';
import { type LimitKind, limitTraits } from '../machines/limits-request.ts';

/** What the machines of guests can be made of on a host, by libvirt's and Nova's words. */
export interface MachineFeatures {
  readonly diskBuses: readonly string[];
  readonly videoModels: readonly string[];
  readonly vifModels: readonly string[];
  readonly tpmModels: readonly string[];
  readonly tpmVersions: readonly string[];
  readonly viommuModels: readonly string[];
  readonly uefi: boolean;
  readonly secureBoot: boolean;
  readonly packedRing: boolean;
  readonly virtioSound: boolean;
  readonly physicalBits: boolean;
  /** What guests take of it that can be limited. */
  readonly limits: readonly LimitKind[];
}

/** The traits of each: `COMPUTE_STORAGE_BUS_SCSI`. */
const modelTraits = (prefix: string, models: readonly string[]): string[] =>
  models.map((model) => `${prefix}_${model.replaceAll(/[-.]/g, '_').toUpperCase()}`);

function traitsOfMachines(has: MachineFeatures): string[] {
  const held = (is: boolean, ...traits: string[]): string[] => (is ? traits : []);
  return [
    ...modelTraits('COMPUTE_STORAGE_BUS', has.diskBuses),
    ...modelTraits('COMPUTE_GRAPHICS_MODEL', has.videoModels),
    ...modelTraits('COMPUTE_NET_VIF_MODEL', has.vifModels),
    ...modelTraits('COMPUTE_SECURITY', has.tpmModels),
    ...modelTraits('COMPUTE_SECURITY_TPM', has.tpmVersions),
    ...modelTraits('COMPUTE_VIOMMU_MODEL', has.viommuModels),
    ...held(has.uefi, 'COMPUTE_FIRMWARE_UEFI'),
    ...held(has.secureBoot, 'COMPUTE_SECURITY_UEFI_SECURE_BOOT'),
    ...held(has.packedRing, 'COMPUTE_NET_VIRTIO_PACKED'),
    ...held(has.virtioSound, 'COMPUTE_SOUND_MODEL_VIRTIO'),
    ...held(has.physicalBits, 'COMPUTE_ADDRESS_SPACE_EMULATED', 'COMPUTE_ADDRESS_SPACE_PASSTHROUGH'),
    ...has.limits.map((kind) => limitTraits[kind]),
  ];
}

/** Features of processors whose trait is called otherwise than the feature. */
const named: Readonly<Record<string, readonly string[]>> = {
  aes: ['AESNI'],
  bmi1: ['BMI'],
  fma: ['FMA3'],
  gfni: ['AVX512GFNI'],
  ibpb: ['AMD_IBPB'],
  'md-clear': ['INTEL_MD_CLEAR'],
  pcid: ['INTEL_PCID'],
  pclmuldq: ['CLMUL'],
  pclmulqdq: ['CLMUL'],
  pni: ['SSE3'],
  'sha-ni': ['SHA'],
  'spec-ctrl': ['INTEL_SPEC_CTRL'],
  svm: ['SVM', 'AMD_SVM'],
  vaes: ['AVX512VAES'],
  vmx: ['VMX', 'INTEL_VMX'],
  vpclmulqdq: ['AVX512VPCLMULQDQ'],
};

/** The endings of the traits that a feature may have; those that are no trait are left out afterwards. */
const endingsOf = (feature: string): readonly string[] => [
  ...(named[feature] ?? []),
  // sse4.1 is SSE41, avx512-vpopcntdq is AVX512VPOPCNTDQ, pdpe1gb is PDPE1GB
  feature.replaceAll(/[.-]/g, '').toUpperCase(),
];

const isTrait = (name: string): boolean =>
  standardTraits.has(name) || newerTraits.has(name) || Object.values(limitTraits).includes(name);

/**
 * What a host has without being told so, in the order of the alphabet.
 * @param features those of the processor that guests get, by libvirt's names
 * @param machines what else their machines can have; null: not known
 */
export function traitsOf(
  { cpu, capabilities }: Pick<HostFacts, 'cpu' | 'capabilities'>,
  features: readonly string[],
  machines: MachineFeatures | null = null,
): readonly string[] {
  const { guests, diskFormats, verbs } = capabilities;
  const found = [
    'COMPUTE_NODE',
    `HW_ARCH_${cpu.arch.toUpperCase()}`,
    ...guests.map(({ arch }) => `COMPUTE_ARCH_${arch.toUpperCase()}`),
    ...diskFormats.map((format) => `COMPUTE_IMAGE_TYPE_${format.toUpperCase()}`),
    ...(verbs.includes('attachNic') ? ['COMPUTE_NET_ATTACH_INTERFACE'] : []),
    ...(cpu.topology.threads > 1 ? ['HW_CPU_HYPERTHREADING'] : []),
    ...features.flatMap(endingsOf).map((ending) => `HW_CPU_X86_${ending}`),
    ...(machines === null ? [] : traitsOfMachines(machines)),
  ];
  return [...new Set(found)].filter(isTrait).toSorted();
}
