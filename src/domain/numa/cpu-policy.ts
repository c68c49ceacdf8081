// Why: which vCPUs of a guest get processors of their own, and what else they ask of these, is said in several ways that may
// contradict each other. Nova's rules and texts.

import { isYes } from '../../base/boolean-word.ts';
import { badRequest } from '../../base/errors.ts';
import { cpusOf, said, tuple, type RequestedFlavor, type RequestedImage, words } from '../machines/request-words.ts';

export type ThreadPolicy = 'prefer' | 'isolate' | 'require';
export type EmulatorThreads = 'share' | 'isolate';

export interface CpuRequest {
  /** The vCPUs that each get a processor of their own. */
  readonly dedicated: ReadonlySet<number>;
  /** Those of them that run under a real-time scheduler; empty: none. */
  readonly realtime: readonly number[];
  readonly threads: ThreadPolicy | null;
  readonly emulatorThreads: EmulatorThreads | null;
}

const policies = ['dedicated', 'shared', 'mixed'] as const;
type CpuPolicy = (typeof policies)[number];

function cpuPolicy(flavor: RequestedFlavor, image: RequestedImage): CpuPolicy | null {
  const [own, wanted] = words(flavor, image, 'cpu_policy', 'CPU policy', policies);
  const forbidden =
    (own === 'mixed' && wanted === 'dedicated') || (own === 'shared' && (wanted === 'mixed' || wanted === 'dedicated'));
  if (forbidden) {
    throw badRequest(
      "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor",
    );
  }
  return own ?? wanted ?? null;
}

function threadPolicy(flavor: RequestedFlavor, image: RequestedImage): ThreadPolicy | null {
  const known = ['prefer', 'isolate', 'require'] as const;
  const [own, wanted] = words(flavor, image, 'cpu_thread_policy', 'CPU thread policy', known);
  if (own === undefined || own === 'prefer') return own ?? wanted ?? null;
  if (wanted !== undefined && wanted !== own) {
    throw badRequest(
      "Image property 'hw_cpu_thread_policy' is not permitted to override CPU thread pinning policy set against the flavor",
    );
  }
  return own;
}

function emulatorPolicy(flavor: RequestedFlavor): EmulatorThreads | null {
  const asked = flavor.extraSpecs['hw:emulator_threads_policy'];
  if (asked === undefined || asked === '') return null;
  if (asked === 'share' || asked === 'isolate') return asked;
  throw badRequest(
    `CPU emulator threads option requested is invalid, given: '${asked}', available: '${tuple(['share', 'isolate'])}'.`,
  );
}

const REALTIME_NEEDS =
  'Use of realtime CPUs requires either one or more non-realtime CPU(s) or offloaded emulator threads.';

/**
 * The vCPUs that run under a real-time scheduler (`hw:cpu_realtime`): all but those that a mask leaves out; null: none. The hypervisor's
 * own threads must have a processor on which none of them runs.
 */
function realtimeCpus(flavor: RequestedFlavor, image: RequestedImage): number[] | null {
  if (!isYes(flavor.extraSpecs['hw:cpu_realtime'])) return null;
  const [own, wanted] = said(flavor, image, 'cpu_realtime_mask');
  const mask = wanted ?? own;
  const cpus = mask === undefined ? Array.from({ length: flavor.vcpus }, (_, cpu) => cpu) : cpusOf(mask, flavor.vcpus);
  const inside = cpus.filter((cpu) => cpu < flavor.vcpus);
  const all = inside.length === flavor.vcpus && inside.length === cpus.length;
  if (cpus.length === 0 || (all && emulatorPolicy(flavor) === null)) throw badRequest(REALTIME_NEEDS);
  if (inside.length === cpus.length) return cpus;
  throw badRequest(
    'Realtime policy vCPU(s) mask is configured with RT vCPUs that are not a subset of the vCPUs in the flavor. See ' +
      'hw:cpu_realtime_mask or hw_cpu_realtime_mask',
  );
}

/** `hw:cpu_dedicated_mask`; null: there is none. */
function dedicatedMask(flavor: RequestedFlavor): number[] | null {
  const mask = flavor.extraSpecs['hw:cpu_dedicated_mask'];
  if (mask === undefined || mask === '') return null;
  const cpus = cpusOf(mask, flavor.vcpus);
  const inside = cpus.filter((cpu) => cpu < flavor.vcpus);
  if (cpus.length === 0 || inside.length === flavor.vcpus) {
    throw badRequest(
      "Mixed instance must have at least 1 pinned vCPU and 1 unpinned vCPU. See 'hw:cpu_dedicated_mask'.",
    );
  }
  if (inside.length < cpus.length) {
    throw badRequest(
      'Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor. See "hw:cpu_dedicated_mask"',
    );
  }
  return cpus;
}

/** Amounts that the flavor asks of a resource class by itself, all groups together. */
function resource(flavor: RequestedFlavor, name: 'VCPU' | 'PCPU'): number {
  const key = new RegExp(`^resources(?:[1-9][0-9]*)?:${name}$`);
  return Object.entries(flavor.extraSpecs).reduce(
    (sum, [spec, value]) => sum + (key.test(spec) && /^\d{1,9}$/.test(value) ? Number(value) : 0),
    0,
  );
}

/** The policy, said in words or in resources. */
function policyOf(
  flavor: RequestedFlavor,
  policy: CpuPolicy | null,
  emulator: EmulatorThreads | null,
): CpuPolicy | null {
  const [vcpus, pcpus] = [resource(flavor, 'VCPU'), resource(flavor, 'PCPU')];
  if (policy !== null && (vcpus > 0 || pcpus > 0)) {
    throw badRequest(
      "It is not possible to use the 'resources:VCPU' or 'resources:PCPU' extra specs in combination with the " +
        "'hw:cpu_policy' extra spec or 'hw_cpu_policy' image metadata property; use one or the other",
    );
  }
  if (vcpus > 0 && pcpus > 0) {
    throw badRequest(
      "It is not possible to specify both 'resources:VCPU' and 'resources:PCPU' extra specs; use one or the other",
    );
  }
  if (pcpus === 0) return vcpus > 0 ? 'shared' : policy;
  if (emulator === 'isolate' && flavor.vcpus + 1 !== pcpus) {
    throw badRequest(
      "You have requested 'hw:emulator_threads_policy=isolate' but have not requested sufficient PCPUs to handle this " +
        'policy; you must allocate exactly flavor.vcpus + 1 PCPUs.',
    );
  }
  if (emulator !== 'isolate' && flavor.vcpus !== pcpus) {
    throw badRequest(
      "There is a mismatch between the number of PCPUs requested via 'resourcesNN:PCPU' and the flavor); you must " +
        'allocate exactly flavor.vcpus PCPUs',
    );
  }
  return 'dedicated';
}

/** The thread policy, said in words or by a trait. */
function threadsOf(flavor: RequestedFlavor, image: RequestedImage, policy: ThreadPolicy | null): ThreadPolicy | null {
  const key = /^trait(?:[1-9][0-9]*)?:HW_CPU_HYPERTHREADING$/;
  const own = Object.entries(flavor.extraSpecs).find(([spec]) => key.test(spec))?.[1];
  const trait = own ?? (image?.properties['trait:HW_CPU_HYPERTHREADING'] === 'required' ? 'required' : undefined);
  if (trait === undefined) return policy;
  if (policy !== null) {
    throw badRequest(
      "It is not possible to use the 'trait:HW_CPU_HYPERTHREADING' extra spec in combination with the " +
        "'hw:cpu_thread_policy' extra spec or 'hw_cpu_thread_policy' image metadata property; use one or the other",
    );
  }
  return trait === 'forbidden' ? 'isolate' : trait === 'required' ? 'require' : null;
}

/** The vCPUs that get processors of their own. */
function dedicatedOf(
  { vcpus }: RequestedFlavor,
  masks: { readonly dedicated: number[] | null; readonly realtime: number[] | null },
  policy: CpuPolicy | null,
  threads: ThreadPolicy | null,
  emulator: EmulatorThreads | null,
): number[] {
  const mask = masks.dedicated;
  if (policy === null || policy === 'shared') {
    if (threads !== null) {
      throw badRequest('Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy');
    }
    if (emulator === 'isolate') {
      throw badRequest('An isolated CPU emulator threads option requires a dedicated CPU policy option.');
    }
  }
  if (policy === 'mixed') {
    const { dedicated, realtime } = masks;
    if ((dedicated === null) !== (realtime === null)) return dedicated ?? (realtime as number[]);
    throw badRequest(
      "Dedicated CPU set can be specified from either 'hw:cpu_dedicated_mask' or 'hw:cpu_realtime_mask' when using " +
        "'mixed' CPU policy. 'hw:cpu_dedicated_mask' and 'hw:cpu_realtime_mask' can not be specified at the same " +
        'time, or be specified with none of them.',
    );
  }
  if (mask !== null) throw badRequest("Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.");
  if (policy !== 'dedicated' && masks.realtime !== null) {
    throw badRequest('Cannot set realtime policy in a non dedicated cpu pinning policy');
  }
  return policy === 'dedicated' ? Array.from({ length: vcpus }, (_, cpu) => cpu) : [];
}

/** Throws Nova's 400s. */
export function cpuRequestOf(flavor: RequestedFlavor, image: RequestedImage): CpuRequest {
  const named = { policy: cpuPolicy(flavor, image), threads: threadPolicy(flavor, image) };
  const realtime = realtimeCpus(flavor, image);
  const masks = { realtime, dedicated: dedicatedMask(flavor) };
  const emulatorThreads = emulatorPolicy(flavor);
  const policy = policyOf(flavor, named.policy, emulatorThreads);
  const threads = threadsOf(flavor, image, named.threads);
  const dedicated = new Set(dedicatedOf(flavor, masks, policy, threads, emulatorThreads));
  return { dedicated, realtime: realtime ?? [], threads, emulatorThreads };
}
