// Why: what a hypervisor holds is judged the same, whether the hypervisor is a real one or a fake.

import type { Size } from '../../src/domain/adjustment/size.ts';
import type { PowerState } from '../../src/domain/servers/servers.ts';
import { usedBy } from '../../src/virt/fake/memory.ts';
import type { FakeGuest, FakeStore } from '../../src/virt/fake/store.ts';

/** A guest as its hypervisor has it. */
export interface HeldGuest {
  readonly uuid: string;
  readonly powerState: PowerState;
  /** What it uses; means something only as long as it runs or is paused. */
  readonly size: Size;
  /** More than it uses where some are only offline in the guest. */
  readonly pluggedVcpus: number;
}

/** What a host holds. */
export interface Held {
  /** By the uuid. */
  readonly guests: ReadonlyMap<string, HeldGuest>;
  /** Uuids of those whose disks were set aside. */
  readonly aside: readonly string[];
}

const heldGuest = (guest: FakeGuest, nowMs: number): HeldGuest => ({
  ...{ uuid: guest.spec.uuid, powerState: guest.powerState, pluggedVcpus: guest.pluggedVcpus },
  size: usedBy(guest, nowMs),
});

/** What a fake host holds. */
export const heldBy = (store: FakeStore, nowMs: number): Held => ({
  guests: new Map(store.all().map((guest) => [guest.spec.uuid, heldGuest(guest, nowMs)])),
  aside: store.aside.all().map(({ spec }) => spec.uuid),
});

/** What fake hosts hold, by their names. */
export const heldByAll = (
  hosts: Iterable<readonly [string, { readonly store: FakeStore }]>,
  nowMs: number,
): ReadonlyMap<string, Held> => new Map([...hosts].map(([name, { store }]) => [name, heldBy(store, nowMs)]));
