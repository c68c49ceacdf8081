// Why: one guest does one thing at a time. Requests and events about it wait in one queue; a request that is already waiting or
// under way at the end of the queue is not done twice, which makes a redelivered message harmless.

import { invariant } from '../base/invariant.ts';
import { unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

interface Letter {
  readonly key: string;
  readonly answer: Promise<unknown>;
  started: boolean;
}

export interface PostOptions {
  /** Two letters with the same key ask for the same. */
  readonly key: string;
  /** Whether the answer of an equal letter that is being worked on will do: true for commands, false for reading. */
  readonly joinRunning: boolean;
}

export interface Mailboxes {
  /** Does `work` when everything that was posted for `uuid` before is done; its result or error is the answer. */
  post<T>(uuid: string, options: PostOptions, work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
  /** How many letters wait or run. */
  size(): number;
}

export function makeMailboxes(): Mailboxes {
  const boxes = new Map<string, Letter[]>();

  async function turn<T>(
    uuid: string,
    before: Promise<unknown> | undefined,
    letter: () => Letter,
    work: () => Promise<T>,
  ): Promise<T> {
    await before?.catch(() => undefined);
    const mine = letter();
    invariant(boxes.get(uuid)?.[0] === mine, `guest ${uuid} does one thing at a time`);
    mine.started = true;
    return work();
  }

  function remove(uuid: string, letter: Letter): void {
    const box = boxes.get(uuid);
    if (box === undefined) return;
    const index = box.indexOf(letter);
    if (index >= 0) box.splice(index, 1);
    if (box.length === 0) boxes.delete(uuid);
  }

  return {
    async post<T>(uuid: string, { key, joinRunning }: PostOptions, work: () => Promise<T>): Promise<T> {
      const box = boxes.get(uuid) ?? [];
      boxes.set(uuid, box);
      const last = box.at(-1);
      // only the last one: between an earlier equal letter and this one something else was asked for
      if (last !== undefined && last.key === key && (joinRunning || !last.started)) return last.answer as Promise<T>;
      if (box.length >= limits.mailboxLetters) {
        throw unavailable(`Too much is waiting for instance ${uuid}.`, { code: 'agent.mailbox_full' });
      }
      const letter: Letter = { key, started: false, answer: turn(uuid, last?.answer, () => letter, work) };
      box.push(letter);
      try {
        return (await letter.answer) as T;
      } finally {
        remove(uuid, letter);
      }
    },

    async idle() {
      while (boxes.size > 0) {
        const running = [...boxes.values()].flat().map((letter) => letter.answer);
        await Promise.allSettled(running);
        // let the senders take their answers and empty the boxes
        await new Promise((resolve) => setImmediate(resolve));
      }
    },

    size: () => boxes.values().reduce((sum, box) => sum + box.length, 0),
  };
}
