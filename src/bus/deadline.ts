// Why: nobody waits for an answer longer than its method allows, whatever carries it.

import type { Clock } from '../base/clock.ts';
import { unavailable } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import { type AgentMethod, methodTraits } from '../domain/servers/agent-methods.ts';

/** Time limits other than the methods' own, for tests. */
export type Deadlines = Partial<Readonly<Record<AgentMethod, number>>>;

/** How long an answer is waited for, in milliseconds. */
export const deadlineMs = (method: AgentMethod, deadlines: Deadlines): number =>
  deadlines[method] ?? methodTraits[method].deadlineMs;

export interface Patience {
  readonly host: string;
  readonly method: AgentMethod;
  readonly ms: number;
  readonly clock: Clock;
  /** Aborted when the bus is closed. */
  readonly closing: AbortSignal;
}

/** The answer, or `unavailable` when it does not come in time or the bus is closed before: then the outcome is unknown. */
export const withinDeadline = <T>(answer: Promise<T>, { host, method, ms, clock, closing }: Patience): Promise<T> =>
  inTime(
    answer,
    ms,
    () => {
      throw closing.aborted
        ? unavailable('The bus was closed before the answer came.', { code: 'bus.closed' })
        : unavailable(`Host ${host} did not answer '${method}' in time.`, { code: 'bus.timeout' });
    },
    { clock, signal: closing },
  );
