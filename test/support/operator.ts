// Why: the operator as its users run it: a process beside an API server and a cloud, that can be killed and started again.

import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, freePort, type Service } from './serve.ts';

const XLOUD = join(import.meta.dirname, '..', '..', 'bin', 'xloud');
const READY_MS = 30_000;

export interface OperatorProcess {
  readonly pid: number;
  log(): string;
  /** Whether it ended by itself. */
  hasEnded(): boolean;
  metrics(): Promise<string>;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

/** @param more beside where it finds cluster and cloud */
export async function startOperatorProcess(
  service: Pick<Service, 'dataDir'>,
  kubeconfig: string,
  more: readonly string[] = [],
): Promise<OperatorProcess> {
  const file = join(service.dataDir, `operator-${process.hrtime.bigint()}.log`);
  const output = openSync(file, 'a');
  const listen = `127.0.0.1:${await freePort()}`;
  const words = [
    ...['operator', '--kubeconfig', kubeconfig, '--os-cloud', 'xloud-demo', '--data-dir', service.dataDir],
    ...['--lease-seconds', '5', '--poll-seconds', '1', '--listen', listen, ...more],
  ];
  const child: ChildProcess = spawn(XLOUD, words, { stdio: ['ignore', output, output] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const log = (): string => readFileSync(file, 'utf8');
  const metricsUrl = `http://${listen}`;
  await eventually('the operator', READY_MS, async () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${log()}`);
    return (await fetch(`${metricsUrl}/healthz`).catch(() => null))?.ok ? true : null;
  });
  return {
    ...{ pid: child.pid as number, log, hasEnded: () => child.exitCode !== null },
    metrics: async () => (await fetch(`${metricsUrl}/metrics`)).text(),
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
  };
}
