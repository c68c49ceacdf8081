// Why: what a guest has is best asked of the guest: a shell in it, through its agent.

import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 200;

/** Gives one command to a guest's agent, and its `return`. */
export type AskAgent = (command: object) => Promise<unknown>;

interface Status {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly 'out-data'?: string;
}

/** Runs a script in a guest's shell and gives what it prints; rejects where it fails or takes longer. */
export async function runInside(ask: AskAgent, script: string, timeoutMs: number): Promise<string> {
  const run = { path: '/bin/sh', arg: ['-c', script], 'capture-output': true };
  const { pid } = (await ask({ execute: 'guest-exec', arguments: run })) as { pid: number };
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const status = (await ask({ execute: 'guest-exec-status', arguments: { pid } })) as Status;
    if (status.exited && status.exitcode === 0) return Buffer.from(status['out-data'] ?? '', 'base64').toString();
    if (status.exited || Date.now() > giveUpAt) throw new Error(`in the guest '${script}': ${JSON.stringify(status)}`);
    await sleep(LOOK_MS);
  }
}
