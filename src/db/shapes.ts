// Why: JSON in a column outlives the program that wrote it. What each such column holds has a version, and what older programs
// wrote is brought to today's when it is read: here and nowhere else. A type that gets a member gets a step.

import type { FlavorSnapshot } from '../domain/machines/flavors.ts';
import type { HostFacts } from '../domain/placement/hosts.ts';
import type { ImageFacts } from '../domain/machines/images.ts';
import type { NetworkFacts, NicSpec } from '../domain/networks/server-nics.ts';
import { type Codec, fromJson, toJson } from './codec.ts';

type Old = Readonly<Record<string, unknown>>;

/** One change of what a column holds: from what was written before it to what was written after. */
type Step = (old: Old) => Old;

/** What a column holds: T, after so many changes; JSON's null where T may be null. */
export interface Shape<T> extends Codec<T> {
  readonly steps: readonly Step[];
  write(this: void, value: T): string;
}

/** Members that were added: what is taken to have been so before. */
const added =
  (members: Old): Step =>
  (old) => ({ ...members, ...old });

/** The version stands in the text beside the members. */
const VERSION = '$v';

/** What a value of a shape is written as, as a member of something else. */
export const versioned = <T extends object | null>({ steps }: Shape<T>, value: T): object | null =>
  value === null || steps.length === 0 ? value : { [VERSION]: steps.length, ...value };

/** The value of today that was written as `versioned`, by whichever program. */
export function unversioned<T>({ steps }: Shape<T>, written: object | null): T {
  if (written === null || steps.length === 0) return written as T;
  const { [VERSION]: version = 0, ...members } = written as Old;
  return steps.slice(version as number).reduce<Old>((old, step) => step(old), members) as T;
}

function shape<T extends object | null>(...steps: readonly Step[]): Shape<T> {
  const made: Shape<T> = {
    steps,
    read: (column) => unversioned(made, fromJson<object | null>(column)),
    write: (value) => toJson(versioned(made, value)),
  };
  return made;
}

/** `server_nics.nic` */
export const nicShape = shape<Omit<NicSpec, 'network' | 'portId' | 'preexisting'>>(
  added({ floatingIps: [], securityGroups: [] }),
);

/** `server_nics.network` */
export const networkShape = shape<NetworkFacts>();

/** `servers.flavor`, and `flavor` of `migrations.before`. */
export const flavorShape = shape<FlavorSnapshot>();

/** `servers.image`: JSON's null where there is none. */
export const imageShape = shape<ImageFacts | null>();

/** `servers.build`: the operations know its members. */
export const buildShape = shape<object>(added({ userName: '', roles: [], files: [] }));

/** `hosts.facts`: a host that has not reported since an upgrade says nothing of its traits. */
export const factsShape = shape<HostFacts>(added({ traits: [] }));
