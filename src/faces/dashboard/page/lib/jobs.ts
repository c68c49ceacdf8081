// Why: what is asked of many servers is asked of a few at a time, and one sees how far it is and which were refused with which reason.

import { signal } from '@preact/signals';
import { messageOf } from './api.ts';
import { refresh } from './servers.ts';

export interface Job {
  readonly title: string;
  readonly all: number;
  readonly done: number;
  readonly refused: readonly { readonly name: string; readonly why: string }[];
}

const AT_ONCE = 4;

export const job = signal<Job | null>(null);

/** Does the same with each; one job at a time. */
export async function runJob<T extends { readonly name: string }>(
  title: string,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  job.value = { title, all: items.length, done: 0, refused: [] };
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      const { name } = item;
      const why = await work(item).then(
        () => null,
        (error: unknown) => messageOf(error),
      );
      const now = job.value;
      if (now === null) return;
      job.value = {
        ...now,
        done: now.done + 1,
        refused: why === null ? now.refused : [...now.refused, { name, why }],
      };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  void refresh();
}

export const forgetJob = (): void => {
  job.value = null;
};
