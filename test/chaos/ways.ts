// Why: what may happen to a process, its wires, its clock and its disk is the same whichever it is.

import type { Member } from '../support/cluster.ts';
import type { Dice } from '../sim/dice.ts';
import type { Entry } from './books.ts';
import type { Hub, Stage } from './stage.ts';

/** What a victim is one of, in the words of the table of recovery. */
export type Part = string;

/** What may happen to a victim: it begins, lasts for a time, and is over. */
export interface Way {
  readonly kind: string;
  /** How often beside the victim's other ways. */
  readonly weight: number;
  /** The shortest and the longest time that it lasts, in milliseconds. */
  readonly lastsMs: readonly [number, number];
  readonly begin: (dice: Dice) => Promise<void> | void;
  readonly end: () => Promise<void> | void;
}

export interface Victim {
  readonly part: Part;
  readonly name: string;
  /** Whether what was asked for could not be done without it. */
  readonly isNeededFor: (entry: Entry) => boolean;
  readonly ways: readonly Way[];
}

/** A clock is wrong by so much at most, in seconds: more than a lease, and than a host may be silent. */
const SHIFT_S = 90;

export interface Process {
  readonly signal: (signal: NodeJS.Signals) => Promise<void> | void;
  /** Ends it by SIGKILL. */
  readonly kill: () => Promise<void> | void;
  readonly start: () => Promise<void>;
}

export const ofProcess = ({ signal, kill, start }: Process): readonly Way[] => [
  { kind: 'kill -9', weight: 4, lastsMs: [200, 6_000], begin: kill, end: start },
  {
    ...{ kind: 'halt', weight: 2, lastsMs: [1_000, 8_000] },
    begin: () => signal('SIGSTOP'),
    end: () => signal('SIGCONT'),
  },
];

/** What goes wrong around a member: its wires and its clock. */
export const around = (stage: Stage, name: string, hubs: readonly Hub[]): readonly Way[] => [
  {
    ...{ kind: 'cut off', weight: 1, lastsMs: [1_000, 15_000] },
    begin: () => stage.cut(name),
    end: () => stage.mend(name),
  },
  ...hubs.map(
    (hub): Way => ({
      ...{ kind: `${hub} out of reach of`, weight: 1, lastsMs: [1_000, 15_000] },
      begin: () => stage.lose(name, hub),
      end: () => stage.find(name, hub),
    }),
  ),
  {
    ...{ kind: 'wrong clock of', weight: 1, lastsMs: [2_000, 15_000] },
    begin: (dice) => stage.shift(name, dice.between(-SHIFT_S, SHIFT_S)),
    end: () => stage.shift(name, 0),
  },
];

export const fullDisk = (stage: Stage, directory: string): Way => ({
  ...{ kind: 'full disk of', weight: 1, lastsMs: [1_000, 10_000] },
  begin: () => stage.fill(directory),
  end: () => stage.free(directory),
});

/** Whether it was done on one of these hosts. */
export const isOn =
  (names: readonly string[]) =>
  ({ hosts }: Entry): boolean =>
    hosts.some((host) => names.includes(host));

export const processOf = (one: Member): Process => ({
  signal: (which) => one.signal(which),
  kill: () => one.kill('SIGKILL'),
  start: () => one.start(),
});
