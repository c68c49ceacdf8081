// Why: the verbs of the fake hypervisor stand in several files and share one host: its guests, its slowness, its voice.

import type { Clock } from '../../base/clock.ts';
import { conflict } from '../../base/errors.ts';
import type { GuestEvent, GuestView } from '../../domain/servers/guests.ts';
import type { Verb } from './behaviour.ts';
import type { FakeGuest, FakeStore } from './store.ts';

export interface FakeHost {
  readonly clock: Clock;
  readonly store: FakeStore;
  /** Throws `notFound` for a guest that is not here. */
  readonly guestOf: (uuid: string) => FakeGuest;
  /** Takes the time that a verb takes, and fails where the guest was told to. */
  readonly begin: (verb: Verb, uuid: string) => Promise<void>;
  readonly view: (guest: FakeGuest) => GuestView;
  readonly emit: (event: GuestEvent) => void;
}

export const notRunning = (uuid: string) => conflict(`Instance ${uuid} is not running.`, { code: 'virt.not_running' });
