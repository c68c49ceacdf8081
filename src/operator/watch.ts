// Why: the client library's watch ends with its first failure: it is begun anew, with a list of all. And a status that the operator wrote is no
// reason to look again.

import type { Log } from '../base/log.ts';
import { type Cluster, wordsOfError } from './cluster.ts';
import type { Timers } from './timers.ts';
import { ADOPT, type Key, keyOf, type VirtualMachine } from './types.ts';

export type Machines = ReturnType<Cluster['machines']>;

const AGAIN_MS = 1_000;

/** What of a machine is somebody's wish: it changes with its spec, its finalizers, its annotations, and when it is deleted. */
const wishOf = ({
  metadata: { uid, generation, deletionTimestamp, finalizers, annotations },
}: VirtualMachine): string =>
  JSON.stringify([uid, generation, deletionTimestamp ?? null, finalizers ?? [], annotations?.[ADOPT] ?? null]);

export interface Watched {
  /** Resolves when all machines are known, or the first try failed. */
  start(): Promise<void>;
  /** Why machines are not watched; null: they are. */
  problem(): string | null;
}

/** @param changed told of each machine that is new or whose wish is another */
export function watchMachines(machines: Machines, timers: Timers, log: Log, changed: (key: Key) => void): Watched {
  const wishes = new Map<Key, string>();
  let problem: string | null = null;
  const look = (vm: VirtualMachine): void => {
    const [key, wish] = [keyOf(vm), wishOf(vm)];
    if (wishes.get(key) === wish) return;
    wishes.set(key, wish);
    changed(key);
  };
  async function start(): Promise<void> {
    problem = null;
    await machines.start();
  }
  machines.on('add', look);
  machines.on('update', look);
  machines.on('delete', (vm) => void wishes.delete(keyOf(vm)));
  machines.on('error', (error: unknown) => {
    problem = wordsOfError(error);
    log.warn({ error: problem }, 'the machines cannot be watched, and are listed again');
    timers.after(AGAIN_MS, () => void start());
  });
  return { start, problem: () => problem };
}
