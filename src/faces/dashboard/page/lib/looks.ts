// Why: small plots and costs are read for the rows that are seen and no others, a few at a time, and kept for a while.

import { signal } from '@preact/signals';
import { get } from './api.ts';
import type { ServerCost, Usage } from './types.ts';

export interface Look {
  readonly samples: readonly Usage[];
  readonly cost: ServerCost | null;
}

const AT_ONCE = 4;
const KEPT_MS = 120_000;

export const looks = signal<ReadonlyMap<string, Look>>(new Map());

const askedAt = new Map<string, number>();
let waiting: string[] = [];
let running = 0;

async function look(id: string): Promise<void> {
  const [history, cost] = await Promise.all([
    get<{ samples: readonly Usage[] }>('compute', `/servers/${id}/os-xloud-metrics/history`).catch(() => null),
    get<ServerCost>('compute', `/servers/${id}/os-xloud-cost`).catch(() => null),
  ]);
  looks.value = new Map(looks.value).set(id, { samples: history?.samples ?? [], cost });
}

function next(): void {
  while (running < AT_ONCE) {
    const id = waiting.shift();
    if (id === undefined) return;
    running += 1;
    askedAt.set(id, Date.now());
    void look(id).finally(() => {
      running -= 1;
      next();
    });
  }
}

/** Wants these, and no longer those that were wanted before and not begun. */
export function wantLooks(ids: readonly string[]): void {
  const nowMs = Date.now();
  waiting = ids.filter((id) => nowMs - (askedAt.get(id) ?? 0) > KEPT_MS);
  next();
}

export function forgetLooks(): void {
  askedAt.clear();
  waiting = [];
  looks.value = new Map();
}
