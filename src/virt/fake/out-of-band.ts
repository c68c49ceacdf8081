// Why: operators reach past us with virsh. What a hand of theirs does to a guest must be producible, with the events that a
// real host tells of it.

import { power, type PowerState } from '../../domain/servers/servers.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import type { FakeHost } from './host.ts';
import type { FakeGuest } from './store.ts';

/** Does at once what virsh's command of that name does; what makes no sense for the guest's state is left undone. */
export interface OutOfBand {
  setvcpus(uuid: string, count: number): void;
  /** MiB. */
  setmem(uuid: string, memoryMb: number): void;
  /** `update-memory-device --requested-size`; MiB beyond the guest's minimum. */
  updateMemoryDevice(uuid: string, requestedMb: number): void;
  suspend(uuid: string): void;
  resume(uuid: string): void;
  destroy(uuid: string): void;
  start(uuid: string): void;
  /** The guest and all that the host knew of it are gone; its event is that of `destroy`. */
  undefine(uuid: string): void;
}

export interface HandTools extends Pick<FakeHost, 'store' | 'guestOf' | 'emit'> {
  readonly start: (guest: FakeGuest) => void;
  readonly stop: (uuid: string, reason: string) => void;
}

export function makeOutOfBand({ store, guestOf, emit, start, stop }: HandTools): OutOfBand {
  function resize(uuid: string, change: Partial<Size>): void {
    const guest = guestOf(uuid);
    if (guest.powerState !== power.running) return;
    const { maximum } = guest.spec;
    const wished = { ...guest.size, ...change };
    const size: Size = {
      vcpus: Math.min(wished.vcpus, maximum.vcpus),
      memoryMb: Math.min(wished.memoryMb, maximum.memoryMb),
    };
    const pluggedVcpus = change.vcpus === undefined ? guest.pluggedVcpus : size.vcpus;
    store.put({ ...guest, size, pluggedVcpus });
    emit({ kind: 'resized', uuid });
  }

  function turn(uuid: string, from: PowerState, to: PowerState, kind: 'paused' | 'resumed'): void {
    const guest = guestOf(uuid);
    if (guest.powerState !== from) return;
    store.put({ ...guest, powerState: to });
    emit({ kind, uuid });
  }

  return {
    setvcpus: (uuid, vcpus) => resize(uuid, { vcpus }),
    setmem: (uuid, memoryMb) => resize(uuid, { memoryMb }),
    updateMemoryDevice(uuid, requestedMb) {
      const { minimum } = guestOf(uuid).spec;
      resize(uuid, { memoryMb: minimum.memoryMb + requestedMb });
    },
    suspend: (uuid) => turn(uuid, power.running, power.paused, 'paused'),
    resume: (uuid) => turn(uuid, power.paused, power.running, 'resumed'),
    destroy(uuid) {
      const { powerState } = guestOf(uuid);
      if (powerState === power.running || powerState === power.paused) stop(uuid, 'it was switched off');
    },
    start(uuid) {
      const guest = guestOf(uuid);
      if (guest.powerState === power.shutdown || guest.powerState === power.crashed) start(guest);
    },
    undefine(uuid) {
      stop(uuid, 'it was switched off');
      store.remove(uuid);
    },
  };
}
