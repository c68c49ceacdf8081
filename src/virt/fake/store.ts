// Why: a hypervisor outlives the process that drives it. The fake one keeps its guests in a store that can be handed to the
// next driver, in memory or in a directory that survives kill -9.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestSpec } from '../../domain/servers/guests.ts';
import { power, type PowerState } from '../../domain/servers/servers.ts';
import type { Size } from '../../domain/adjustment/size.ts';

/** A guest as the fake hypervisor keeps it: plain data. */
export interface FakeGuest {
  readonly spec: GuestSpec;
  /** `noState`: its disks are made and it never ran. */
  readonly powerState: PowerState;
  /** What it uses, once the driver of its memory is loaded. */
  readonly size: Size;
  /** When that driver is loaded, as a time of the clock; until then it has what it was started with. Null: never. */
  readonly memoryDriverAtMs: number | null;
  /** vCPUs plugged; more than `size.vcpus` when some are only offline in the guest. */
  readonly pluggedVcpus: number;
  /** What the next start takes. */
  readonly boot: Size;
  readonly console: string;
  /** Overrides what the spec says; null: the spec decides. */
  readonly behaviour: string | null;
  /** Images that its disk was copied for and that were not uploaded yet. */
  readonly snapshots: readonly string[];
  /** Passwords that were set from outside, by user. */
  readonly passwords?: Readonly<Record<string, string>>;
  /** How far its clock is from its host's, in milliseconds; absent: not at all. */
  readonly clockOffMs?: number;
  /** How often its disks were made. */
  readonly made?: { readonly root: number; readonly ephemeral: number };
  /** What stands on its root disk, as a test wrote it; absent: what its image has. */
  readonly disk?: string;
  /** The copy of its disk since which it is known what changed; absent, null: none. */
  readonly mark?: string | null;
  /** How often it was started. */
  readonly starts: number;
}

const CONSOLE_CHARACTERS = 16_384;

/** The guest with a line more on its console. */
export function written(guest: FakeGuest, line: string): FakeGuest {
  return { ...guest, console: `${guest.console}${line}\n`.slice(-CONSOLE_CHARACTERS) };
}

/** A guest with new disks that never ran; in place of `before`, whose ephemeral disk may stay. */
export function newGuest(spec: GuestSpec, before?: FakeGuest, preserveEphemeral = false): FakeGuest {
  const made = before?.made ?? { root: 0, ephemeral: 0 };
  return {
    spec,
    powerState: power.noState,
    size: spec.boot,
    memoryDriverAtMs: 0,
    pluggedVcpus: spec.boot.vcpus,
    boot: spec.boot,
    console: '',
    behaviour: before?.behaviour ?? null,
    snapshots: before?.snapshots ?? [],
    made: { root: made.root + 1, ephemeral: made.ephemeral + (preserveEphemeral ? 0 : 1) },
    starts: before?.starts ?? 0,
  };
}

export interface GuestSet {
  get(uuid: string): FakeGuest | undefined;
  all(): readonly FakeGuest[];
  put(guest: FakeGuest): void;
  remove(uuid: string): void;
}

/** The guests of a host, and the disks that it set aside for guests that move. */
export interface FakeStore extends GuestSet {
  readonly aside: GuestSet;
}

function memorySet(guests: Map<string, FakeGuest>): GuestSet {
  return {
    get: (uuid) => guests.get(uuid),
    all: () => [...guests.values()],
    put: (guest) => void guests.set(guest.spec.uuid, guest),
    remove: (uuid) => void guests.delete(uuid),
  };
}

/** Lives as long as the map. */
export const memoryStore = (guests = new Map<string, FakeGuest>()): FakeStore => ({
  ...memorySet(guests),
  aside: memorySet(new Map()),
});

/** One JSON file for each guest, replaced as a whole; the directory is made when it is needed. For one driver at a time. */
export const directoryStore = (directory: string): FakeStore => ({
  ...directorySet(directory),
  aside: directorySet(join(directory, 'aside')),
});

function directorySet(directory: string): GuestSet {
  const guests = new Map<string, FakeGuest>();
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const path = join(directory, name);
    if (name.endsWith('.json')) {
      const guest = JSON.parse(readFileSync(path, 'utf8')) as FakeGuest;
      guests.set(guest.spec.uuid, guest);
    } else if (name.endsWith('.new')) {
      // cut off while it was written: the file it should have replaced still stands
      rmSync(path, { force: true });
    }
  }
  return {
    ...memorySet(guests),
    put(guest) {
      const path = join(directory, `${guest.spec.uuid}.json`);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, JSON.stringify(guest), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      guests.set(guest.spec.uuid, guest);
    },
    remove(uuid) {
      rmSync(join(directory, `${uuid}.json`), { force: true });
      guests.delete(uuid);
    },
  };
}
