// Why: what must hold for a process to get work is named alike wherever it is asked.

import type { Bus } from '../bus/bus.ts';
import { isAnyHostUp } from '../db/hosts.ts';
import { proveWritable } from '../db/readiness.ts';
import type { Driver } from '../virt/driver.ts';
import { type Condition, diskProblem, seldom } from './health.ts';
import type { Parts } from './parts.ts';

const whole = (work: () => Promise<unknown>): (() => Promise<null>) =>
  seldom(async () => {
    await work();
    return null;
  });

export const conditions = {
  /** By writing. */
  database: ({ database, clock }: Parts): Condition => ({
    name: 'database',
    problem: whole(() => proveWritable(database, clock.now())),
  }),
  /** By writing. */
  disk: (dataDir: string): Condition => ({ name: 'disk', problem: seldom(() => diskProblem(dataDir)) }),
  bus: (bus: Bus): Condition => ({ name: 'bus', problem: () => bus.problem() }),
  hosts: ({ config, database, clock }: Parts): Condition => ({
    name: 'hosts',
    async problem() {
      const downMs = config.compute.down_seconds * 1000;
      return (await isAnyHostUp(database.read, clock.now() - downMs)) ? null : 'no host is up';
    },
  }),
  driver: (driver: Driver): Condition => ({ name: 'driver', problem: whole(() => driver.inventory()) }),
} as const;
