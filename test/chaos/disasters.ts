// Why: what may happen to each process is one table, and which of it happens next follows from the seed.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Member } from '../support/cluster.ts';
import type { Mariadb } from '../support/mariadb.ts';
import type { Dice } from '../sim/dice.ts';
import type { Books, Entry } from './books.ts';
import type { Hub, Stage } from './stage.ts';

type Part = 'api' | 'worker' | 'agent' | 'mariadb' | 'rabbitmq';

/** What may happen to a victim: it begins, lasts for a time, and is over. */
interface Way {
  readonly kind: string;
  /** How often beside the victim's other ways. */
  readonly weight: number;
  /** The shortest and the longest time that it lasts, in milliseconds. */
  readonly lastsMs: readonly [number, number];
  readonly begin: (dice: Dice) => Promise<void> | void;
  readonly end: () => Promise<void> | void;
}

interface Victim {
  readonly part: Part;
  readonly name: string;
  /** Whether what was asked for could not be done without it. */
  readonly isNeededFor: (entry: Entry) => boolean;
  readonly ways: readonly Way[];
}

export interface Disaster {
  readonly kind: string;
  readonly victim: Victim;
  readonly beganAtMs: number;
  /** When it was there again; null: not yet. */
  overAtMs: number | null;
}

const parts: readonly Part[] = ['api', 'worker', 'agent', 'mariadb', 'rabbitmq'];
/** A clock is wrong by so much at most, in seconds: more than a lease, and than a host may be silent. */
const SHIFT_S = 90;

interface Process {
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends it by SIGKILL. */
  readonly kill: () => Promise<void> | void;
  readonly start: () => Promise<void>;
}

const ofProcess = ({ signal, kill, start }: Process): readonly Way[] => [
  { kind: 'kill -9', weight: 4, lastsMs: [200, 6_000], begin: kill, end: start },
  {
    ...{ kind: 'halt', weight: 2, lastsMs: [1_000, 8_000] },
    begin: () => signal('SIGSTOP'),
    end: () => signal('SIGCONT'),
  },
];

/** What goes wrong around a member: its wires and its clock. */
const around = (stage: Stage, name: string, hubs: readonly Hub[]): readonly Way[] => [
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

const fullDisk = (stage: Stage, directory: string): Way => ({
  ...{ kind: 'full disk of', weight: 1, lastsMs: [1_000, 10_000] },
  begin: () => stage.fill(directory),
  end: () => stage.free(directory),
});

export interface Scenery {
  readonly cluster: Cluster;
  readonly mariadb: Mariadb;
  readonly stage: Stage;
  readonly disks: {
    readonly database: string;
    /** All images, which the APIs have. */
    readonly images: string;
    readonly ofAgent: (host: string) => string;
  };
  /** Where the servers of a host's agent are. */
  readonly zoneOf: (host: string) => string;
}

/** Everything that something can happen to. */
export function victimsOf({ cluster, mariadb, stage, disks, zoneOf }: Scenery): readonly Victim[] {
  const always = (): boolean => true;
  const processOf = (one: Member): Process => ({
    signal: (which) => one.signal(which),
    kill: () => one.kill('SIGKILL'),
    start: () => one.start(),
  });
  const { broker } = cluster;
  const ofApi = (one: Member, index: number): Victim => {
    const name = `api-${index + 1}`;
    const ways = [
      ...ofProcess(processOf(one)),
      ...around(stage, name, ['database', 'broker']),
      fullDisk(stage, disks.images),
    ];
    return { part: 'api', name, ways, isNeededFor: ({ api }) => api === index };
  };
  const ofWorker = (one: Member, index: number): Victim => {
    const name = `worker-${index + 1}`;
    const ways = [...ofProcess(processOf(one)), ...around(stage, name, ['database', 'broker'])];
    return { part: 'worker', name, ways, isNeededFor: always };
  };
  const ofAgent = ([name, one]: readonly [string, Member]): Victim => {
    const ways = [
      ...ofProcess(processOf(one)),
      ...around(stage, name, ['broker']),
      fullDisk(stage, disks.ofAgent(name)),
    ];
    return { part: 'agent', name, ways, isNeededFor: ({ zone }) => zone === zoneOf(name) };
  };
  const database: Process = {
    signal: (which) => mariadb.signal(which),
    kill: () => mariadb.signal('SIGKILL'),
    start: () => mariadb.start(),
  };
  const ofBroker: Process = {
    signal: (which) => broker.signal(which),
    kill: () => broker.crash(),
    start: () => broker.start(),
  };
  return [
    ...cluster.apis.map(ofApi),
    ...cluster.workers.map(ofWorker),
    ...[...cluster.agents].map(ofAgent),
    {
      ...{ part: 'mariadb', name: 'mariadb', isNeededFor: always },
      ways: [...ofProcess(database), fullDisk(stage, disks.database)],
    },
    { ...{ part: 'rabbitmq', name: 'rabbitmq', isNeededFor: always }, ways: ofProcess(ofBroker) },
  ];
}

/** One disaster from its beginning until the victim is there again. */
export async function strike(victims: readonly Victim[], dice: Dice, note: (one: Disaster) => void): Promise<void> {
  // each part as often as any other, however many there are of it
  const part = dice.pick(parts);
  const victim = dice.pick(victims.filter((one) => one.part === part));
  const way = dice.pick(victim.ways.flatMap((one) => Array.from({ length: one.weight }, () => one)));
  const disaster: Disaster = {
    ...{ kind: `${way.kind} ${part}`, victim, beganAtMs: Date.now() },
    overAtMs: null,
  };
  note(disaster);
  try {
    await way.begin(dice);
    await sleep(dice.between(...way.lastsMs));
  } finally {
    await way.end();
  }
  disaster.overAtMs = Date.now();
}

/**
 * How long after its beginning the first thing succeeded that was asked for since and needs the victim, in milliseconds. Null: nothing
 * of the kind succeeded any more before the end of the load.
 */
export function recoveryMs({ victim, beganAtMs }: Disaster, { entries }: Books): number | null {
  const after = entries.flatMap((entry) =>
    entry.askedAtMs >= beganAtMs && entry.outcome === 'done' && victim.isNeededFor(entry) ? [entry.endedAtMs ?? 0] : [],
  );
  return after.length === 0 ? null : Math.min(...after) - beganAtMs;
}

/** How long after its beginning the last of what was under way then came to an end, good or bad, in milliseconds. Null: nothing was. */
export function delayMs({ beganAtMs }: Disaster, { entries }: Books): number | null {
  const ends = entries.flatMap(({ askedAtMs, endedAtMs }) =>
    askedAtMs < beganAtMs && endedAtMs !== null && endedAtMs >= beganAtMs ? [endedAtMs] : [],
  );
  return ends.length === 0 ? null : Math.max(...ends) - beganAtMs;
}
