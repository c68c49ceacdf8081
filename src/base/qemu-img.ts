// Why: qemu-img reads what tenants made, and a file can be made so that it takes all memory or never ends: it runs within bounds.

import { limits } from './limits.ts';
import type { Run } from './run.ts';

/** Runs qemu-img within `limits.qemuImgBytes` and `limits.qemuImgSeconds`; resolves to what it prints. */
export const qemuImg = (run: Run, args: readonly string[]): Promise<string> =>
  run('prlimit', [`--as=${limits.qemuImgBytes}`, `--cpu=${limits.qemuImgSeconds}`, '--', 'qemu-img', ...args]);
