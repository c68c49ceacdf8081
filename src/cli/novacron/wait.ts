// Why: what is begun goes on after its answer. `--wait` stays until it has ended, and says how.

import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Face } from './face.ts';

type Tree = Record<string, unknown>;

/** What was waited for has failed. */
export class Failed extends Error {}
/** What was waited for has not ended in time. */
export class TooLong extends Error {}

export interface WaitParts {
  readonly face: Face;
  readonly timeoutMs: number;
  /** Hears of the progress whenever it changed. */
  readonly tell: (line: string) => void;
}

/** Looks until `look` gives an end; an outage shorter than the wait is borne. */
async function until(
  { timeoutMs, tell }: WaitParts,
  what: string,
  look: () => Promise<{ readonly end: Tree } | { readonly line: string }>,
): Promise<Tree> {
  const giveUpAt = performance.now() + timeoutMs;
  let told = '';
  for (;;) {
    let line: string;
    try {
      const seen = await look();
      if ('end' in seen) return seen.end;
      ({ line } = seen);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
      line = `${what}: the service does not answer`;
    }
    if (line !== told) tell((told = line));
    if (performance.now() > giveUpAt) throw new TooLong(`${told}, and ${timeoutMs / 1000} seconds are over`);
    await sleep(limits.commandPollMs);
  }
}

interface Vm extends Tree {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly task: string | null;
  readonly fault: string | null;
}

interface Action {
  readonly action: string;
  readonly failed: boolean;
  readonly message: string | null;
}

/** Until nothing is done with a VM any more. Throws `Failed` where the last thing that was done failed. */
export function vmRests(parts: WaitParts, id: string): Promise<Tree> {
  const { face } = parts;
  return until(parts, id, async () => {
    const vm = await face.ask<Vm>('GET', `/vms/${id}`);
    if (vm.task !== null || vm.state === 'creating')
      return { line: `${vm.name}: ${vm.state}${vm.task === null ? '' : `, ${vm.task}`}` };
    const { actions } = await face.ask<{ actions: readonly Action[] }>('GET', `/vms/${id}/actions`);
    const [last] = actions;
    if (last?.failed) throw new Failed(`${last.action} of ${vm.name} failed: ${last.message ?? 'no reason is known'}`);
    if (vm.state === 'error') throw new Failed(`${vm.name} is in error: ${vm.fault ?? 'no reason is known'}`);
    return { end: vm };
  });
}

/** Until something is there no more. */
export const isGone = (parts: WaitParts, path: string, answer: Tree): Promise<Tree> =>
  until(parts, path, async () => {
    try {
      const { name, state } = await parts.face.ask('GET', path);
      if (state === 'error') throw new Failed(`${String(name)} is in error, and not deleted`);
      return { line: `${String(name)}: ${String(state)}, until it is gone` };
    } catch (error) {
      if (error instanceof Fault && error.kind === 'notFound') return { end: answer };
      throw error;
    }
  });

/** Until a snapshot or backup is made. */
export const isMade = (parts: WaitParts, path: string): Promise<Tree> =>
  until(parts, path, async () => {
    const copy = await parts.face.ask('GET', path);
    const name = String(copy['name']);
    if (copy['state'] === 'error') throw new Failed(`${name} failed: ${String(copy['reason'])}`);
    return copy['state'] === 'creating' ? { line: `${name}: creating` } : { end: copy };
  });

const MOVED = new Set(['completed', 'confirmed', 'finished', 'done']);
const NOT_MOVED = new Set(['error', 'failed', 'cancelled', 'reverted']);

/** Until a migration is over. */
export const isMoved = (parts: WaitParts, id: string, wanted: 'moved' | 'cancelled' = 'moved'): Promise<Tree> =>
  until(parts, id, async () => {
    const move = await parts.face.ask('GET', `/migrations/${id}`);
    const state = String(move['state']);
    const [good, bad] = wanted === 'moved' ? [MOVED, NOT_MOVED] : [NOT_MOVED, MOVED];
    if (good.has(state)) return { end: move };
    if (bad.has(state)) throw new Failed(`migration ${id} is ${state}`);
    const percent = move['progress_percent'];
    return { line: `migration ${id}: ${state}${typeof percent === 'number' ? `, ${percent} %` : ''}` };
  });
