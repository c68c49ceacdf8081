// Why: whoever lost an answer asks again. What shows when it is done twice, as a reboot does, is then answered and not done: each host
// keeps the last answers of its guests where they outlive its agent. It keeps answers only, no arguments: there are passwords among them.

import { lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeWritten, writeDurably } from '../base/durable-file.ts';
import { checkedUuid, isCanonicalUuid } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Asker } from '../bus/contract.ts';
import type { AgentMethod, AgentReply } from '../domain/servers/agent-methods.ts';

export interface KeptAnswer extends Asker {
  readonly method: AgentMethod;
  readonly reply: unknown;
}

/** Where answers are kept, by guest. */
export interface AnswerStore {
  read(uuid: string): Promise<readonly KeptAnswer[]>;
  write(uuid: string, answers: readonly KeptAnswer[]): Promise<void>;
  remove(uuid: string): Promise<void>;
  guests(): Promise<readonly string[]>;
}

export const memoryAnswers = (kept = new Map<string, readonly KeptAnswer[]>()): AnswerStore => ({
  read: async (uuid) => kept.get(uuid) ?? [],
  write: async (uuid, answers) => void kept.set(uuid, answers),
  remove: async (uuid) => void kept.delete(uuid),
  guests: async () => [...kept.keys()],
});

/** The text of a file of ours; what is no file, or none that we would have written, would keep who reads it for ever. */
async function readOrdinary(path: string): Promise<string> {
  const found = await lstat(path);
  if (!found.isFile() || found.size > limits.answersFileBytes) throw new Error(`${path} holds no answers of ours.`);
  return readFile(path, 'utf8');
}

/** A file for each guest; the directory is made when it is needed. */
export function directoryAnswers(directory: string): AnswerStore {
  const pathOf = (uuid: string): string => join(directory, `${checkedUuid(uuid)}.json`);
  const absent = (error: unknown): readonly [] => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  };
  return {
    async read(uuid) {
      const text = await readOrdinary(pathOf(uuid)).catch(absent);
      return typeof text === 'string' ? (JSON.parse(text) as KeptAnswer[]) : text;
    },
    async write(uuid, answers) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeDurably(pathOf(uuid), JSON.stringify(answers));
    },
    async remove(uuid) {
      await removeWritten(pathOf(uuid));
    },
    async guests() {
      const names = await readdir(directory).catch(absent);
      return names.map((name) => name.split('.', 1).join()).filter(isCanonicalUuid);
    },
  };
}

export interface Answers {
  /** Does `work`, unless the same attempt had its answer already: then that is it. */
  once<M extends AgentMethod>(
    uuid: string,
    method: M,
    asker: Asker,
    work: () => Promise<AgentReply<M>>,
  ): Promise<AgentReply<M>>;
  /** Forgets what was answered about a guest. */
  forget(uuid: string): Promise<void>;
  /** Forgets what was answered about all guests but these. */
  forgetOthers(uuids: readonly string[]): Promise<void>;
}

const isSame = (one: Asker & { readonly method: AgentMethod }, method: AgentMethod, asker: Asker): boolean =>
  one.method === method && one.action === asker.action && one.step === asker.step && one.attempt === asker.attempt;

export function makeAnswers(store: AnswerStore, log: Log): Answers {
  /** What can't be read was not kept. */
  const read = (uuid: string): Promise<readonly KeptAnswer[]> =>
    store.read(uuid).catch((error: unknown) => {
      log.warn({ err: error, uuid }, 'the last answers of a guest cannot be read: what is repeated is done again');
      return [];
    });

  /** The work is done whether its answer can be kept or not. */
  const keep = (uuid: string, kept: readonly KeptAnswer[]): Promise<void> =>
    store.write(uuid, kept.slice(-limits.answersKept)).catch((error: unknown) => {
      log.warn({ err: error, uuid }, 'an answer is not kept: if it is asked for again, it is done again');
    });

  return {
    async once<M extends AgentMethod>(
      uuid: string,
      method: M,
      { action, step, attempt }: Asker,
      work: () => Promise<AgentReply<M>>,
    ) {
      const asker = { action, step, attempt };
      const kept = await read(uuid);
      const known = kept.find((one) => isSame(one, method, asker));
      if (known !== undefined) {
        log.info({ uuid, method, ...asker }, 'answered with what is kept: it was done before');
        // what lies on a disk has no type: it was written below, as the reply of the same method
        return known.reply as AgentReply<M>;
      }
      const reply = await work();
      await keep(uuid, [...kept, { ...asker, method, reply }]);
      return reply;
    },
    forget: (uuid) =>
      store.remove(uuid).catch((error: unknown) => {
        log.warn({ err: error, uuid }, 'the answers of a guest that is gone stay until the next start');
      }),
    async forgetOthers(uuids) {
      const here = new Set(uuids);
      for (const uuid of await store.guests()) if (!here.has(uuid)) await store.remove(uuid);
    },
  };
}
