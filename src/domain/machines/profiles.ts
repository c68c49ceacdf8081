// Why: an operator knows what a server is for, and not which ten knobs that means. A profile is a name for a set of extra specs, which lie
// below those that the flavor says itself.

/** The extra spec that names a flavor's profile. */
export const PROFILE = 'xloud:profile';

export interface Knob {
  readonly value: string;
  /** What it does, for people. */
  readonly why: string;
}

export interface Profile {
  readonly description: string;
  /** By extra spec. */
  readonly knobs: Readonly<Record<string, Knob>>;
}

const queues: Knob = {
  value: 'true',
  why: 'a queue of each interface for each vCPU, so that one vCPU is not the bound of the network',
};
const entropy: Knob = { value: 'true', why: "the host's random numbers, so that a first start does not wait for some" };
const packed: Knob = { value: 'true', why: 'packed rings of virtio: less memory is touched for each packet and block' };
const noCounters: Knob = {
  value: 'false',
  why: 'no counters of the processor, which cost something at each switch of guests',
};

export const profiles = {
  balanced: {
    description: 'What does good to most servers and asks nothing of a host.',
    knobs: { 'hw_rng:allowed': entropy, 'hw:vif_multiqueue_enabled': queues },
  },
  'high-performance': {
    description: 'More of the processors than others where a host is full, and cheaper I/O.',
    knobs: {
      'quota:cpu_shares': {
        value: '4096',
        why: 'four times the usual share of the processors where guests compete for them',
      },
      'hw:vif_multiqueue_enabled': queues,
      'hw:virtio_packed_ring': packed,
      'hw:pmu': noCounters,
    },
  },
  'low-latency': {
    description: 'Processors of its own and memory that never leaves the RAM; the size is fixed.',
    knobs: {
      'hw:cpu_policy': { value: 'dedicated', why: 'each vCPU has a processor of the host that no other guest runs on' },
      'hw:mem_page_size': { value: 'small', why: 'its memory comes from the nodes of those processors' },
      'hw:locked_memory': { value: 'true', why: 'its memory is never written to the swap of the host' },
      'hw:vif_multiqueue_enabled': queues,
      'hw:pmu': noCounters,
    },
  },
  'energy-efficient': {
    description: 'Little of the processors: at most half of each, and after all others.',
    knobs: {
      'quota:cpu_shares': {
        value: '512',
        why: 'half of the usual share of the processors where guests compete for them',
      },
      'quota:cpu_period': { value: '100000', why: 'the time, in microseconds, of which the next knob is a part' },
      'quota:cpu_quota': { value: '50000', why: 'each vCPU runs half of the time at most, so that cores come to rest' },
    },
  },
  'ubuntu-24.04': {
    description: 'The devices that Ubuntu 24.04 has good drivers for.',
    knobs: {
      'hw_rng:allowed': entropy,
      'hw:vif_multiqueue_enabled': queues,
      'hw:virtio_packed_ring': packed,
      'hw:usb_model': { value: 'qemu-xhci', why: 'one USB controller, which is not asked for news all the time' },
      'hw:watchdog_action': { value: 'reset', why: 'a guest whose systemd no longer answers the watchdog is reset' },
    },
  },
} as const satisfies Readonly<Record<string, Profile>>;

export type ProfileName = keyof typeof profiles;
export const profileNames = Object.keys(profiles) as readonly ProfileName[];

type Specs = Readonly<Record<string, string>>;

/** What a server keeps of a profile beside the extra specs. */
export interface ProfileMarks {
  /** Which of the extra specs the profile says and not the flavor itself; absent: none. */
  readonly fromProfile?: readonly string[];
  /** It was given another profile since its guest was started. */
  readonly profilePending?: true;
}

type Profiled = ProfileMarks & { readonly extraSpecs: Specs };

export const findProfile = (name: string): Profile | null =>
  Object.hasOwn(profiles, name) ? profiles[name as ProfileName] : null;

/** Why a flavor's extra specs name no profile; null: they do, or say nothing. */
export function profileProblem(extraSpecs: Specs): string | null {
  const name = extraSpecs[PROFILE];
  if (name === undefined || findProfile(name) !== null) return null;
  return `Validation failed; extra spec '${PROFILE}': '${name}' is not one of: ${profileNames.join(', ')}.`;
}

/** The knobs of a flavor's profile that it does not turn itself. */
function below(own: Specs): Specs {
  const name = own[PROFILE];
  const profile = name === undefined ? null : findProfile(name);
  return Object.fromEntries(
    Object.entries(profile?.knobs ?? {}).flatMap(([spec, { value }]) =>
      Object.hasOwn(own, spec) ? [] : [[spec, value] as const],
    ),
  );
}

/** Extra specs with those of their profile below them. */
export const withProfile = (own: Specs): Specs => ({ ...below(own), ...own });

/** What a server keeps of its flavor's extra specs: with those of the profile, and which of them are the profile's. */
export function profiledSpecs(own: Specs): Omit<Profiled, 'profilePending'> {
  const fromProfile = Object.keys(below(own));
  return { extraSpecs: withProfile(own), ...(fromProfile.length > 0 && { fromProfile }) };
}

/** What the flavor of a server says itself. */
const ownSpecs = ({ extraSpecs, fromProfile = [] }: Profiled): Specs =>
  Object.fromEntries(Object.entries(extraSpecs).filter(([spec]) => !fromProfile.includes(spec)));

/** The flavor of a server under another profile, or none (null), which its guest has from its next start on. */
export function underProfile<F extends Profiled>(flavor: F, name: string | null): Omit<F, 'fromProfile'> & Profiled {
  const { [PROFILE]: _before, ...own } = ownSpecs(flavor);
  const { fromProfile: _gone, ...rest } = flavor;
  return { ...rest, ...profiledSpecs(name === null ? own : { ...own, [PROFILE]: name }), profilePending: true };
}

/** The same flavor once a guest was started with it. */
export function inForce<F extends ProfileMarks>(flavor: F): Omit<F, 'profilePending'> {
  const { profilePending: _pending, ...rest } = flavor;
  return rest;
}
