// Why: a process that finds a mistake of its own ends what it was at, and says so in its log. In a simulation that is a broken law.

import { pino } from 'pino';
import { Fault } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';

/** Whether a fault says that an invariant does not hold. */
export const isBroken = (error: unknown): error is Fault => error instanceof Fault && error.code === 'invariant';

/** A log that nobody reads; an invariant that does not hold is told. */
export const watchfulLog = (tell: (broken: Fault) => void): Log =>
  pino({
    level: 'warn',
    hooks: {
      logMethod: ([first]: readonly unknown[]) => {
        const { err } = (first ?? {}) as { readonly err?: unknown };
        if (isBroken(err)) tell(err);
      },
    },
  });
