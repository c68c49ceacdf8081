// Why: an operator is woken by what the cloud as a whole does, not by what one process served: how many servers are in which
// state, what waits and for how long, which hosts live and what room they have. Counted when somebody asks, and not too often.

import { type Clock, secondsBetween } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { countOpenActions, countServers, countWaitingNotifications } from '../db/cloud-counts.ts';
import type { Database } from '../db/engine.ts';
import { listHosts } from '../db/hosts.ts';
import { openStates } from '../db/instance-actions.ts';
import { type Host, isHostUp } from '../domain/placement/hosts.ts';
import type { ActionEnd, OpsObserver } from '../ops/index.ts';
import type { Metrics, Sample } from '../web/metrics.ts';
import { seldom } from './health.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const OUTCOMES: readonly ActionEnd['outcome'][] = ['success', 'error', 'overtaken'];
const ACTION_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

export interface CloudMetricsParts {
  readonly metrics: Metrics;
  readonly database: Database;
  readonly clock: Clock;
  readonly downMs: number;
  readonly version: string;
  /** How many requests, events, actions and reports wait or run in this process, by what they are. */
  readonly queues: Readonly<Record<string, () => number>>;
}

/** How actions of servers ended becomes `xloud_actions_total` and `xloud_action_seconds`. */
export function actionMetrics(metrics: Metrics): Pick<OpsObserver, 'acted'> {
  const ended = metrics.counter('xloud_actions_total', 'Actions of servers that ended, by how', ['action', 'outcome']);
  const seconds = metrics.histogram(
    'xloud_action_seconds',
    'Time from the request for an action of a server to its end',
    ACTION_SECONDS,
    ['action'],
  );
  return {
    acted(end) {
      // a rate needs a first value of each outcome
      for (const outcome of OUTCOMES) ended.inc({ action: end.action, outcome }, outcome === end.outcome ? 1 : 0);
      seconds.observe({ action: end.action }, end.seconds);
    },
  };
}

/** What hosts report becomes `xloud_host_reports_total`. */
export function reportMetrics(metrics: Metrics): Pick<OpsObserver, 'reported'> {
  const taken = metrics.counter('xloud_host_reports_total', 'Reports of hosts that this process took', ['kind']);
  return { reported: (kind) => taken.inc({ kind }) };
}

/** What the reconcilers did last becomes `xloud_reconciler_*`. */
export function reconcilerMetrics(metrics: Metrics, clock: Clock): Pick<OpsObserver, 'reconciled'> {
  const runs = metrics.counter(
    'xloud_reconciler_runs_total',
    'Runs of reconcilers in this process, by how they ended',
    ['reconciler', 'outcome'],
  );
  const last = new Map<string, { readonly atMs: number; readonly seconds: number }>();
  const lastOf = (value: (one: { readonly atMs: number; readonly seconds: number }) => number) => (): Sample[] =>
    [...last].map(([reconciler, one]) => [{ reconciler }, value(one)]);
  metrics.gaugeOf(
    'xloud_reconciler_last_run_timestamp_seconds',
    'When this process last ran a reconciler',
    ['reconciler'],
    lastOf(({ atMs }) => atMs / 1000),
  );
  metrics.gaugeOf(
    'xloud_reconciler_last_run_seconds',
    'How long that run took',
    ['reconciler'],
    lastOf(({ seconds }) => seconds),
  );
  return {
    reconciled({ reconciler, outcome, seconds }) {
      for (const one of ['success', 'error']) runs.inc({ reconciler, outcome: one }, one === outcome ? 1 : 0);
      last.set(reconciler, { atMs: clock.now(), seconds });
    },
  };
}

const stateOf = (host: Host, nowMs: number, downMs: number): string =>
  !isHostUp(host, nowMs, downMs) ? 'down' : host.disabled ? 'disabled' : 'up';

/** What a host has of each kind, as its claims count it: after overcommit and without what is reserved. */
const roomOf = ({ inventory, ratios, reserved, claimed }: Host): readonly (readonly [string, number, number])[] => [
  ['vcpus', (inventory.vcpus - reserved.vcpus) * ratios.cpu, claimed.vcpus],
  ['memory_bytes', (inventory.memoryMb - reserved.memoryMb) * ratios.ram * MIB, claimed.memoryMb * MIB],
  ['disk_bytes', (inventory.diskGb - reserved.diskGb) * ratios.disk * GIB, claimed.diskGb * GIB],
];

function hostMetrics({ metrics, database, clock, downMs }: CloudMetricsParts): void {
  const hosts = seldom(() => listHosts(database.read), limits.metricsMs);
  metrics.gaugeOf('xloud_hosts', 'Hosts, by state', ['state'], async () => {
    const found = await hosts();
    const nowMs = clock.now();
    return ['up', 'down', 'disabled'].map(
      (state): Sample => [{ state }, found.filter((host) => stateOf(host, nowMs, downMs) === state).length],
    );
  });
  const byHost = (value: (capacity: number, claimed: number) => number) => async (): Promise<readonly Sample[]> =>
    (await hosts()).flatMap((host) =>
      roomOf(host).map(
        ([resource, capacity, claimed]): Sample => [{ host: host.host, resource }, value(capacity, claimed)],
      ),
    );
  const labels = ['host', 'resource'] as const;
  metrics.gaugeOf(
    'xloud_host_claimed',
    'What is claimed on a host',
    labels,
    byHost((_capacity, claimed) => claimed),
  );
  metrics.gaugeOf(
    'xloud_host_free',
    'What may still be claimed on a host, after overcommit and without what is reserved',
    labels,
    byHost((capacity, claimed) => capacity - claimed),
  );
}

/** Registers the metrics of the cloud, and of this process what Prometheus' own do not have. */
export function cloudMetrics(parts: CloudMetricsParts): void {
  const { metrics, database, clock, version, queues } = parts;
  const { read } = database;
  metrics.gaugeOf('xloud_build_info', 'The version that runs', ['version', 'node'], () => [
    [{ version, node: process.versions.node }, 1],
  ]);
  const servers = seldom(() => countServers(read), limits.metricsMs);
  metrics.gaugeOf(
    'xloud_servers',
    'Servers that are not deleted, by state and task',
    ['vm_state', 'task_state'],
    async () =>
      (await servers()).map(({ vmState, taskState, count }) => [
        { vm_state: vmState, task_state: taskState ?? 'none' },
        count,
      ]),
  );
  const actions = seldom(() => countOpenActions(read), limits.metricsMs);
  metrics.gaugeOf('xloud_actions_open', 'Actions of servers that are not over, by state', ['state'], async () => {
    const found = await actions();
    return openStates.map((state) => [{ state }, found.find((one) => one.state === state)?.count ?? 0]);
  });
  metrics.gaugeOf(
    'xloud_oldest_action_seconds',
    'Age of the oldest action that is not over; 0: there is none',
    [],
    async () => {
      const oldest = Math.min(...(await actions()).map(({ oldestAt }) => oldestAt));
      return [[{}, Number.isFinite(oldest) ? secondsBetween(oldest, clock.now()) : 0]];
    },
  );
  hostMetrics(parts);
  const waiting = seldom(() => countWaitingNotifications(read), limits.metricsMs);
  metrics.gaugeOf('xloud_notifications_waiting', 'Notifications that no broker has yet', [], async () => [
    [{}, await waiting()],
  ]);
  metrics.gaugeOf('xloud_queue_length', 'What waits or runs in this process', ['queue'], () =>
    Object.entries(queues).map(([queue, length]) => [{ queue }, length()]),
  );
  metrics.gaugeOf('xloud_database_connections', 'Connections of the pool for writing, by use', ['use'], () =>
    Object.entries(database.pool()).map(([use, count]: [string, number]) => [{ use }, count]),
  );
}
