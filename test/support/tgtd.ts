// Why: volumes by iSCSI are tried on a target in user space, Debian's tgtd.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { eventually } from './serve.ts';

const PROGRAM = '/usr/sbin/tgtd';
const UP_MS = 30_000;
/** It makes its control socket below /var/run by this number. */
const CONTROL = 171;
const PORT = 13_260;

/** Why tgtd cannot be started on this machine, or null. */
export const tgtdMissing = (): string | null =>
  existsSync(PROGRAM) ? null : `${PROGRAM} not installed (Debian package tgt)`;

export interface TestTgtd {
  /** `address:port` */
  readonly portal: string;
  /** What tgtadm names it by. */
  readonly control: string;
  stop(): Promise<void>;
}

export async function startTgtd(address: string): Promise<TestTgtd> {
  const portal = `${address}:${PORT}`;
  const child = spawn(PROGRAM, ['-f', '-C', String(CONTROL), '--iscsi', `portal=${portal}`], { stdio: 'ignore' });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually('tgtd', UP_MS, async () => (existsSync(`/var/run/tgtd/socket.${CONTROL}`) ? true : null));
  return {
    ...{ portal, control: String(CONTROL) },
    async stop() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
