// Why: what may happen to each process is one table, and which of it happens next follows from the seed.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../support/cluster.ts';
import type { Mariadb } from '../support/mariadb.ts';
import type { Dice } from '../sim/dice.ts';
import type { Books, Entry } from './books.ts';

type Part = 'api' | 'worker' | 'agent' | 'mariadb' | 'rabbitmq';

interface Victim {
  readonly part: Part;
  readonly name: string;
  /** Whether what was asked for could not be done without it. */
  readonly isNeededFor: (entry: Entry) => boolean;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends it by SIGKILL. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

export interface Disaster {
  readonly kind: string;
  readonly victim: Victim;
  readonly beganAtMs: number;
  /** When it was there again; null: not yet. */
  overAtMs: number | null;
}

const parts: readonly Part[] = ['api', 'worker', 'agent', 'mariadb', 'rabbitmq'];
/** How long what was killed stays away, and what is halted is so, in milliseconds. */
const AWAY_MS = [200, 6_000] as const;
const HALTED_MS = [1_000, 8_000] as const;

/** Everything that can be killed; `zoneOf`: where the servers of a host's agent are. */
export function victimsOf(cluster: Cluster, mariadb: Mariadb, zoneOf: (host: string) => string): readonly Victim[] {
  const always = (): boolean => true;
  const ofMember = (part: Part, name: string, one: Cluster['apis'][number], isNeededFor: Victim['isNeededFor']) => ({
    ...{ part, name, isNeededFor, signal: (which: NodeJS.Signals) => one.signal(which), start: () => one.start() },
    kill: () => one.kill('SIGKILL'),
  });
  const { broker } = cluster;
  return [
    ...cluster.apis.map((one, index) => ofMember('api', `api-${index + 1}`, one, ({ api }) => api === index)),
    ...cluster.workers.map((one, index) => ofMember('worker', `worker-${index + 1}`, one, always)),
    ...[...cluster.agents].map(([host, one]) => ofMember('agent', host, one, ({ zone }) => zone === zoneOf(host))),
    {
      part: 'mariadb',
      name: 'mariadb',
      isNeededFor: always,
      signal: (which) => mariadb.signal(which),
      kill: async () => mariadb.signal('SIGKILL'),
      start: () => mariadb.start(),
    },
    {
      part: 'rabbitmq',
      name: 'rabbitmq',
      isNeededFor: always,
      signal: (which) => broker.signal(which),
      kill: () => broker.crash(),
      start: () => broker.start(),
    },
  ];
}

/** One disaster from its beginning until the victim is there again. */
export async function strike(victims: readonly Victim[], dice: Dice, note: (one: Disaster) => void): Promise<void> {
  // each part as often as any other, however many there are of it
  const part = dice.pick(parts);
  const victim = dice.pick(victims.filter((one) => one.part === part));
  const isKill = dice.hits(0.6);
  const disaster: Disaster = {
    ...{ kind: `${isKill ? 'kill -9' : 'halt'} ${part}`, victim, beganAtMs: Date.now() },
    overAtMs: null,
  };
  note(disaster);
  if (isKill) {
    await victim.kill();
    await sleep(dice.between(...AWAY_MS));
    await victim.start();
  } else {
    victim.signal('SIGSTOP');
    try {
      await sleep(dice.between(...HALTED_MS));
    } finally {
      victim.signal('SIGCONT');
    }
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
