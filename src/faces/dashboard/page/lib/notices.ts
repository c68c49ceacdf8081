// Why: what was done, and what was refused with which reason, is said in one place that screen readers hear of.

import { signal } from '@preact/signals';
import { messageOf } from './api.ts';

export interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'refused';
  readonly text: string;
}

const KEPT = 4;
const DONE_MS = 5_000;
let last = 0;

export const notices = signal<readonly Notice[]>([]);

export const dismiss = (id: number): void => {
  notices.value = notices.value.filter((one) => one.id !== id);
};

export function say(text: string, kind: Notice['kind'] = 'done'): void {
  last += 1;
  const id = last;
  notices.value = [...notices.value, { id, kind, text }].slice(-KEPT);
  // a refusal stays until it was read
  if (kind === 'done') setTimeout(() => dismiss(id), DONE_MS);
}

export const refused = (error: unknown): void => say(messageOf(error), 'refused');

/** Does something and says what became of it. False: it was refused. */
export async function attempt(done: string | null, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    if (done !== null) say(done);
    return true;
  } catch (error) {
    refused(error);
    return false;
  }
}
