// Why: what real guests do wrong must be producible on demand: they refuse, answer partly, ignore the power button, crash.

import { badRequest } from '../../base/errors.ts';
import { type GuestMethod, methodNames, methodTraits } from '../../domain/servers/agent-methods.ts';
import type { GuestSpec } from '../../domain/servers/guests.ts';
import type { FakeGuest } from './store.ts';

/** What a guest can be told to fail at, and what takes its time. */
export const verbs = methodNames.filter((name): name is GuestMethod => methodTraits[name].guest !== null);
export type Verb = GuestMethod;

export interface Behaviour {
  /** How much of the way a part moves, in percent; 100: the guest confirms all. */
  readonly percent: { readonly vcpus: number; readonly memoryMb: number };
  /** vCPUs go away only inside the guest: reached, but held. */
  readonly guestOffline: boolean;
  /** Ignores the power button. */
  readonly deaf: boolean;
  /** Neither agent nor balloon statistics: nobody inside can be asked. */
  readonly mute: boolean;
  /** What its cloud-init was told fails. */
  readonly initFails: boolean;
  /** Crashes as soon as it runs. */
  readonly crash: boolean;
  /** Milliseconds from the start of the guest until the driver of its memory is loaded; null: it has none. */
  readonly balloonMs: number | null;
  /** Milliseconds more for a live migration. */
  readonly liveMs: number;
  /** Milliseconds more for each verb. */
  readonly slowMs: number;
  readonly failing: ReadonlySet<Verb>;
}

/** Server metadata or image property that says how the guest behaves. */
const BEHAVIOUR_KEY = 'xloud_fake';

function percentOf(text: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,3}$/.test(text) || value > 100) throw badRequest(`${BEHAVIOUR_KEY}: '${text}' is no percentage.`);
  return value;
}

function slownessOf(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw badRequest(`${BEHAVIOUR_KEY}: '${text}' is no number of milliseconds.`);
  return Number(text);
}

const unknownWord = (word: string) => badRequest(`${BEHAVIOUR_KEY}: '${word}' is no behaviour of a fake guest.`);

function verbOf(text: string): Verb {
  const verb = verbs.find((one) => one === text);
  if (verb === undefined) throw unknownWord(`fail:${text}`);
  return verb;
}

/**
 * Words separated by commas: `refuse`, `refuse:vcpus`, `refuse:memory`, `partial:PERCENT`, `offline`, `deaf`, `mute`, `crash`,
 * `init-fails`,
 * `balloon-slow:MS`, `no-balloon`, `live-slow:MS`, `slow:MS`, `fail:VERB`. Rejects a word that it does not know.
 */
export function parseBehaviour(text: string): Behaviour {
  const percent = { vcpus: 100, memoryMb: 100 };
  const flags = { guestOffline: false, deaf: false, mute: false, initFails: false, crash: false };
  let slowMs = 0;
  let liveMs = 0;
  let balloonMs: number | null = 0;
  const failing = new Set<Verb>();
  for (const word of text.split(',').map((part) => part.trim())) {
    const [name = '', argument = ''] = word.split(':', 2);
    if (name === '') continue;
    else if (word === 'refuse') percent.vcpus = percent.memoryMb = 0;
    else if (word === 'refuse:vcpus') percent.vcpus = 0;
    else if (word === 'refuse:memory') percent.memoryMb = 0;
    else if (name === 'partial') percent.vcpus = percent.memoryMb = percentOf(argument);
    else if (word === 'offline') flags.guestOffline = true;
    else if (word === 'deaf') flags.deaf = true;
    else if (word === 'mute') flags.mute = true;
    else if (word === 'init-fails') flags.initFails = true;
    else if (word === 'crash') flags.crash = true;
    else if (word === 'no-balloon') balloonMs = null;
    else if (name === 'balloon-slow') balloonMs = slownessOf(argument);
    else if (name === 'live-slow') liveMs = slownessOf(argument);
    else if (name === 'slow') slowMs = slownessOf(argument);
    else if (name === 'fail') failing.add(verbOf(argument));
    else throw unknownWord(word);
  }
  return { percent, ...flags, balloonMs, liveMs, slowMs, failing };
}

/** The behaviour written into a spec: the server's metadata before the image's property. */
export function behaviourTextOf(spec: GuestSpec): string {
  return spec.metadata[BEHAVIOUR_KEY] ?? spec.disks.image?.properties[BEHAVIOUR_KEY] ?? '';
}

/** How a guest behaves: as it was told later, else as its spec says. */
export const behaviourOf = (guest: FakeGuest): Behaviour =>
  parseBehaviour(guest.behaviour ?? behaviourTextOf(guest.spec));
