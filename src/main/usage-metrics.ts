// Why: whoever has Prometheus wants a day and more of it there; whether a cloud of ten thousand servers puts each of them on a page is its
// operator's choice.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Database } from '../db/engine.ts';
import { lastHostSamples, lastServerSamples, type ServerSample } from '../db/usage-samples.ts';
import type { HostUsage } from '../domain/servers/measures.ts';
import type { Metrics, Sample } from '../web/metrics.ts';
import { seldom } from './health.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export interface UsageMetricsParts {
  readonly metrics: Metrics;
  readonly database: Database;
  readonly clock: Clock;
  readonly which: 'none' | 'hosts' | 'servers';
}

function hostGauges({ metrics, database, clock }: UsageMetricsParts): void {
  const hosts = seldom(() => lastHostSamples(database.read, clock.now()), limits.metricsMs);
  const byHost = (value: (usage: HostUsage) => number) => async (): Promise<readonly Sample[]> =>
    (await hosts()).map(({ host, usage }): Sample => [{ host }, value(usage)]);
  metrics.gaugeOf(
    'xloud_host_load',
    'Processes of a host that run or want to, over a minute',
    ['host'],
    byHost(({ load }) => load),
  );
  metrics.gaugeOf(
    'xloud_host_memory_available_bytes',
    'Memory of a host that could be had, caches dropped',
    ['host'],
    byHost(({ availableMb }) => availableMb * MIB),
  );
  metrics.gaugeOf('xloud_host_pool_free_bytes', 'Room where the disks of guests stand', ['host', 'pool'], async () =>
    (await hosts()).flatMap(({ host, usage }) =>
      usage.pools.map(({ name, freeGb }): Sample => [{ host, pool: name }, freeGb * GIB]),
    ),
  );
}

function serverGauges({ metrics, database, clock }: UsageMetricsParts): void {
  const servers = seldom(() => lastServerSamples(database.read, clock.now()), limits.metricsMs);
  const own = ({ uuid, projectId }: ServerSample) => ({ server: uuid, project: projectId });
  const gauge = (name: string, help: string, value: (sample: ServerSample['usage']) => number | null): void =>
    metrics.gaugeOf(name, help, ['server', 'project'], async () =>
      (await servers()).flatMap((sample): Sample[] => {
        const found = value(sample.usage);
        return found === null ? [] : [[own(sample), found]];
      }),
    );
  const bytes = (mb: number | null): number | null => (mb === null ? null : mb * MIB);
  gauge('xloud_server_cpu', 'Processors that a server took', ({ cpu }) => cpu);
  gauge('xloud_server_cpu_steal', 'Processors that it would have run on, had any been free', ({ steal }) => steal);
  gauge('xloud_server_memory_total_bytes', 'Memory that the guest counts', ({ memory }) => bytes(memory.totalMb));
  gauge('xloud_server_memory_available_bytes', 'Memory that the guest could give a program', ({ memory }) =>
    bytes(memory.availableMb),
  );
  gauge('xloud_server_memory_balloon_bytes', 'Memory that the balloon leaves it', ({ memory }) =>
    bytes(memory.balloonMb),
  );
  const both = (
    name: string,
    help: string,
    ways: (usage: ServerSample['usage']) => Readonly<Record<string, number>>,
  ): void =>
    metrics.gaugeOf(name, help, ['server', 'project', 'way'], async () =>
      (await servers()).flatMap((sample) =>
        Object.entries(ways(sample.usage)).map(([way, value]): Sample => [{ ...own(sample), way }, value]),
      ),
    );
  both('xloud_server_disk_bytes_per_second', 'What went through its disks', ({ disk }) => ({
    read: disk.readBytes,
    write: disk.writeBytes,
  }));
  both('xloud_server_network_bytes_per_second', 'What went through its interfaces', ({ network }) => ({
    received: network.receivedBytes,
    sent: network.sentBytes,
  }));
}

/** Registers what hosts, or hosts and servers, told last of what they take. */
export function usageMetrics(parts: UsageMetricsParts): void {
  if (parts.which !== 'none') hostGauges(parts);
  if (parts.which === 'servers') serverGauges(parts);
}
