// Why: starts the bare server on recorded answers, so that a bench can measure both in one run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HttpAnswer, Target } from './load.ts';

export interface Bare {
  readonly target: Target;
  readonly pid: number;
  close(): Promise<void>;
}

/** Headers that node:http writes by itself. */
const OWN = new Set(['date', 'connection', 'keep-alive']);

function headersOf({ headers }: HttpAnswer): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    if (OWN.has(name.toLowerCase())) continue;
    const before = all[name];
    all[name] = before === undefined ? value : [before, value].flat();
  }
  return all;
}

/** A bare server whose path `/n` gives the n-th answer. */
export async function startBare(answers: readonly HttpAnswer[]): Promise<Bare> {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-bare-'));
  const file = join(dir, 'answers.json');
  writeFileSync(
    file,
    JSON.stringify(
      answers.map((answer) => ({
        status: answer.status,
        headers: headersOf(answer),
        body: answer.body.toString('utf8'),
      })),
    ),
  );
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare-server.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    target: { host: '127.0.0.1', port: Number(port) },
    pid: child.pid as number,
    close: async () => {
      child.kill();
      await once(child, 'exit');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
