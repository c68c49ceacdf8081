// Why: what may happen to each process is one table, and which of it happens next follows from the seed.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Member } from '../support/cluster.ts';
import type { Mariadb } from '../support/mariadb.ts';
import type { Dice } from '../sim/dice.ts';
import type { Books } from './books.ts';
import type { Hosts } from './hosts.ts';
import type { Stage } from './stage.ts';
import {
  around,
  fullDisk,
  isOn,
  ofProcess,
  type Part,
  type Process,
  processOf,
  type Victim,
  type Way,
} from './ways.ts';

export interface Disaster {
  readonly kind: string;
  readonly victim: Victim;
  readonly beganAtMs: number;
  /** When it was there again; null: not yet. */
  overAtMs: number | null;
}

/** Parts by their names, each with those of it that something can happen to now. */
export type Victims = ReadonlyMap<Part, () => readonly Victim[]>;

/** How long a disaster waits for a victim, where it needs one that is not always there. */
const AWAIT_MS = 10_000;
const LOOK_MS = 100;

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
  readonly hosts: Hosts;
}

/** Everything that something can happen to. */
export function victimsOf({ cluster, mariadb, stage, disks, hosts }: Scenery, books: Books): Victims {
  const always = (): boolean => true;
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
    return { part: 'agent', name, ways, isNeededFor: isOn(hosts.of(name)) };
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
  const apis = cluster.apis.map(ofApi);
  const workers = cluster.workers.map(ofWorker);
  const agents = [...cluster.agents].map(ofAgent);
  const one = (name: string, ways: readonly Way[]) => [{ part: name, name, isNeededFor: always, ways }];
  const ofDatabase = one('mariadb', [...ofProcess(database), fullDisk(stage, disks.database)]);
  const ofTheBroker = one('rabbitmq', ofProcess(ofBroker));
  return new Map([
    ['api', () => apis],
    ['worker', () => workers],
    ['agent', () => agents],
    ['mariadb', () => ofDatabase],
    ['rabbitmq', () => ofTheBroker],
    ...hosts.victims({ cluster, books }),
  ]);
}

/** Those of a part; none where there were none for a while. */
async function awaitVictims(part: () => readonly Victim[]): Promise<readonly Victim[]> {
  for (const giveUpAt = Date.now() + AWAIT_MS; ; await sleep(LOOK_MS)) {
    const found = part();
    if (found.length > 0 || Date.now() > giveUpAt) return found;
  }
}

/** One disaster from its beginning until the victim is there again. */
export async function strike(victims: Victims, dice: Dice, note: (one: Disaster) => void): Promise<void> {
  // each part as often as any other, however many there are of it
  const [part, ofPart] = dice.pick([...victims]);
  const there = await awaitVictims(ofPart);
  if (there.length === 0) return;
  const victim = dice.pick(there);
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
