// Why: what a host can do, in the names that OpenStack's services agree on (os-traits), told from what its agent measured. A trait is
// here only if it is true of the guests that run there.

import type { HostFacts } from './host.ts';
import { standardTraits } from './standard-traits.ts';

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

/**
 * What a host has without being told so, in the order of the alphabet.
 * @param features those of the processor that guests get, by libvirt's names
 */
export function traitsOf(
  { cpu, capabilities }: Pick<HostFacts, 'cpu' | 'capabilities'>,
  features: readonly string[],
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
  ];
  return [...new Set(found)].filter((trait) => standardTraits.has(trait)).toSorted();
}
