// Why: what a process used is asked of the kernel, not of the process: its CPU in nanoseconds over all its threads, and its
// memory. Linux only.

import { readdirSync, readFileSync } from 'node:fs';

/** CPU that a process used since its start, in microseconds, all threads (also the garbage collector's) together. */
export function cpuMicros(pid: number): number {
  let nanos = 0n;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanos += BigInt(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0] as string);
    } catch {
      // a thread that ended between the two reads
    }
  }
  return Number(nanos / 1000n);
}

const lineOf = (file: string, key: string): number => {
  const found = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'));
  if (found === null) throw new Error(`${file} does not tell ${key}`);
  return Number(found[1]);
};

/** Resident and proportional memory of a process in MiB; `peak` is the most that was ever resident. */
export function memoryMib(pid: number): { readonly rss: number; readonly pss: number; readonly peak: number } {
  const status = `/proc/${pid}/status`;
  return {
    rss: lineOf(status, 'VmRSS') / 1024,
    pss: lineOf(`/proc/${pid}/smaps_rollup`, 'Pss') / 1024,
    peak: lineOf(status, 'VmHWM') / 1024,
  };
}
