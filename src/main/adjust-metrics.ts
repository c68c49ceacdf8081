// Why: operators watch how adjustments end, how long guests take, and how much moves.

import type { AdjustEnd, OpsObserver } from '../ops/index.ts';
import type { Metrics } from '../web/metrics.ts';

const OUTCOMES: readonly AdjustEnd['outcome'][] = ['success', 'partial', 'error', 'stored'];
const DIRECTIONS = ['up', 'down'] as const;
const MIB = 1024 * 1024;
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What the operations tell becomes the metrics `xloud_adjust_*`. */
export function adjustMetrics(metrics: Metrics): Pick<OpsObserver, 'adjusted'> {
  const ended = metrics.counter('xloud_adjust_total', 'Adjustments that ended, by how', ['outcome']);
  const seconds = metrics.histogram(
    'xloud_adjust_confirm_seconds',
    'Time from the request for a size until the guest had confirmed it',
    SECONDS,
  );
  const vcpus = metrics.counter('xloud_adjust_vcpus_total', 'vCPUs given to guests (up) and taken back (down)', [
    'direction',
  ]);
  const bytes = metrics.counter(
    'xloud_adjust_memory_bytes_total',
    'Memory given to guests (up) and taken back (down)',
    ['direction'],
  );
  // a rate needs a first value
  for (const outcome of OUTCOMES) ended.inc({ outcome }, 0);
  for (const direction of DIRECTIONS) for (const one of [vcpus, bytes]) one.inc({ direction }, 0);
  const count = (counter: typeof vcpus, change: number): void =>
    counter.inc({ direction: change < 0 ? 'down' : 'up' }, Math.abs(change));
  return {
    adjusted(end) {
      ended.inc({ outcome: end.outcome });
      if (end.seconds !== null) seconds.observe(end.seconds);
      count(vcpus, end.moved.vcpus);
      count(bytes, end.moved.memoryMb * MIB);
    },
  };
}
