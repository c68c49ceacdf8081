// Why: one registry per process, named as Prometheus wants it; what is counted is decided where it happens.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { fairTurn } from '../base/fair-turn.ts';
import type { WebObserver } from './app.ts';

/** A value, with the labels that it is of. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

export interface Metrics {
  readonly registry: Registry;
  readonly web: WebObserver;
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** A gauge whose values are found when somebody asks for the metrics; those that are not found again are gone. */
  gaugeOf(
    name: string,
    help: string,
    labels: readonly string[],
    values: () => Promise<readonly Sample[]> | readonly Sample[],
  ): void;
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
}

/** Methods that have a label of their own: whatever else a client invents is one more, `other`. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

async function setAll(gauge: Gauge, samples: readonly Sample[]): Promise<void> {
  await fairTurn();
  gauge.reset();
  for (const [of, value] of samples) {
    const turn = fairTurn();
    if (turn !== null) await turn;
    gauge.set(of, value);
  }
}

export function makeMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const seconds = new Histogram({
    name: 'xloud_http_request_duration_seconds',
    help: 'Time from a request to its answer',
    labelNames: ['service', 'route', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'xloud_metrics_failures_total',
    help: 'Times that a metric could not be counted',
    labelNames: ['metric'],
    registers: [registry],
  });
  // one gauge after another, written out before the next begins, and others have their turn between: a page may be long
  let line: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = line.then(work);
    line = done.catch(() => undefined);
    return done;
  };
  return {
    registry,
    web: {
      answered: (service, route, method, status, duration) =>
        seconds.observe(
          { service, route, method: METHODS.has(method) ? method : 'other', status: String(status) },
          duration,
        ),
    },
    counter: (name, help, labels = []) => new Counter({ name, help, labelNames: [...labels], registers: [registry] }),
    gaugeOf(name, help, labels, values) {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers: [registry],
        async collect() {
          try {
            const found = await values();
            await inTurn(() => setAll(gauge, found));
          } catch {
            gauge.reset();
            // what can't be counted now is missing, and alarms by that; the rest must still be told
            failures.inc({ metric: name });
          }
        },
      });
    },
    gauge: (name, help, labels = []) => new Gauge({ name, help, labelNames: [...labels], registers: [registry] }),
    histogram: (name, help, buckets, labels = []) =>
      new Histogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers: [registry] }),
  };
}
