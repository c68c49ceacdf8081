// Why: whether a process answers at once while it is asked hard things can't be seen by whoever asks them: that takes a thread of
// its own. It asks `/healthz` all the time and keeps the slowest answers.

import { Agent, get } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface Pulse {
  /** Answers, and the slowest and the median of them in milliseconds. */
  readonly count: number;
  /** Failures among them: no answer, or one that is not 200. */
  readonly failed: number;
  readonly slowestMs: number;
  readonly medianMs: number;
}

export interface Prober {
  /** What was seen since the last time. */
  pulse(): Promise<Pulse>;
  close(): Promise<void>;
}

/** Begins to ask `${url}/healthz`, each time 2 ms after the answer before. */
export function startProber(url: string): Prober {
  const worker = new Worker(import.meta.filename, { workerData: url });
  const waiting: ((pulse: Pulse) => void)[] = [];
  worker.on('message', (pulse: Pulse) => waiting.shift()?.(pulse));
  return {
    pulse: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        worker.postMessage('pulse');
      }),
    close: async () => void (await worker.terminate()),
  };
}

function probe(url: string): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let times: number[] = [];
  let failed = 0;
  let askedAt = 0;
  const ask = (): void => {
    askedAt = performance.now();
    const done = (isAlive: boolean): void => {
      if (!isAlive) failed += 1;
      times.push(performance.now() - askedAt);
      askedAt = 0;
      setTimeout(ask, 2);
    };
    get(`${url}/healthz`, { agent }, (response) =>
      // one that breaks off is closed, too
      response
        .on('error', () => undefined)
        .resume()
        .once('close', () => done(response.complete && response.statusCode === 200)),
    ).once('error', () => done(false));
  };
  ask();
  parentPort?.on('message', () => {
    // one that still waits counts for as long as it waits
    const seen = [...times, ...(askedAt === 0 ? [] : [performance.now() - askedAt])].toSorted((a, b) => a - b);
    const pulse: Pulse = {
      count: seen.length,
      failed,
      slowestMs: seen.at(-1) ?? 0,
      medianMs: seen[seen.length >> 1] ?? 0,
    };
    times = [];
    failed = 0;
    parentPort?.postMessage(pulse);
  });
}

if (!isMainThread && typeof workerData === 'string' && workerData.startsWith('http')) probe(workerData);
