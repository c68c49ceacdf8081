// Why: the five figures by which an operator's own operators see it: machines by phase, what they take, and how reconciling goes.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Usage } from './provider.ts';
import type { VirtualMachine } from './types.ts';

export interface OperatorMetrics {
  readonly registry: Registry;
  reconciled(result: 'success' | 'error', seconds: number): void;
}

/**
 * @param machines all that there are
 * @param usage by the ids of servers
 */
export function makeOperatorMetrics(
  machines: () => readonly VirtualMachine[],
  usage: () => Promise<ReadonlyMap<string, Usage>>,
): OperatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    ...{ name: 'novacron_vm_total', help: 'Virtual machines, by phase', labelNames: ['phase'], registers },
    collect() {
      this.reset();
      for (const { status } of machines()) this.inc({ phase: status?.phase ?? 'Pending' });
    },
  });
  const labelNames = ['namespace', 'name'] as const;
  const each = async (gauge: Gauge<'namespace' | 'name'>, value: (usage: Usage) => number | null): Promise<void> => {
    const found = await usage();
    gauge.reset();
    for (const { metadata, status } of machines()) {
      const one = found.get(status?.serverID ?? '');
      const shown = one === undefined ? null : value(one);
      if (shown !== null) gauge.set({ namespace: metadata.namespace, name: metadata.name }, shown);
    }
  };
  new Gauge({
    ...{ name: 'novacron_vm_cpu_usage_cores', help: 'Processors that a machine uses', labelNames, registers },
    collect() {
      return each(this, ({ cpu }) => cpu);
    },
  });
  new Gauge({
    ...{
      name: 'novacron_vm_memory_usage_bytes',
      help: 'Memory that a guest does not have available',
      labelNames,
      registers,
    },
    collect() {
      return each(this, ({ memoryBytes }) => memoryBytes);
    },
  });
  const total = new Counter({
    ...{
      name: 'novacron_reconcile_total',
      help: 'Reconciliations, by how they ended',
      labelNames: ['result'],
      registers,
    },
  });
  const seconds = new Histogram({
    ...{ name: 'novacron_reconcile_duration_seconds', help: 'How long a reconciliation took', registers },
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  });
  for (const result of ['success', 'error']) total.inc({ result }, 0);
  return {
    registry,
    reconciled(result, took) {
      total.inc({ result });
      seconds.observe(took);
    },
  };
}
