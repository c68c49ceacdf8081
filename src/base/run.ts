// Why: every program that is started for work on files goes through here: no shell, an argument array, a time limit, a bounded output,
// and a failure that tells what the program said.

import { type ExecFileException, execFile } from 'node:child_process';
import { internal } from './errors.ts';
import { limits } from './limits.ts';

/** Runs a program and resolves to its stdout; rejects with a Fault that carries its last words. */
export type Run = (file: string, args: readonly string[]) => Promise<string>;

/** The real one. `mkfs` and the like are in sbin, which is not on every user's PATH. */
export const runProgram: Run = (file, args) => runUntil(undefined, file, args);

/** One whose programs are ended when the signal says so; they reject then. */
export const runProgramUntil =
  (signal: AbortSignal): Run =>
  (file, args) =>
    runUntil(signal, file, args);

const runUntil = (signal: AbortSignal | undefined, file: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = {
      signal,
      timeout: limits.programMs,
      maxBuffer: limits.programOutputBytes,
      env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      reject(failureOf(file, args, error, stderr));
    });
  });

function failureOf(file: string, args: readonly string[], error: ExecFileException, stderr: string) {
  const missing = error.code === 'ENOENT';
  const words = stderr.trim().split('\n').at(-1) ?? '';
  const why = missing ? 'it is not installed' : error.killed ? 'it took too long' : words || error.message;
  return internal(`${file} failed: ${why}`, {
    code: missing ? 'program.missing' : 'program.failed',
    detail: { file, args, stderr: stderr.slice(-4_000) },
    cause: error,
  });
}
