// Why: commands are tried as they are typed, with their exit status and both of their streams.

import { execFile } from 'node:child_process';
import { join } from 'node:path';

const XLOUD = join(import.meta.dirname, '..', '..', 'bin', 'xloud');

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `xloud` with these words, without the clouds of whoever runs the tests. */
export function xloud(...words: string[]): Promise<Ended> {
  const { OS_CLOUD: _cloud, OS_CLIENT_CONFIG_FILE: _file, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(XLOUD, words, { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}
