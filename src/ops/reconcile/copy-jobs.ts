// Why: a snapshot or backup is verified and removed without its server. What has to be done stands in its row; whoever takes it does it,
// again where somebody died at it.

import { asFault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { openActions } from '../../db/instance-actions.ts';
import {
  copiesAtWork,
  copiesOfChain,
  dueCopyJobs,
  endCopyJob,
  knownCopies,
  lockCopy,
  moveCopyJob,
  removeCopy,
  takeCopyJob,
  updateCopy,
} from '../../db/server-copies.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { CopyJob, ServerCopy } from '../../domain/servers/server-copies.ts';
import type { OpsDeps } from '../deps.ts';
import { wholeChain } from '../servers/restore-copy.ts';

/** Does the work on files; what it gives writes what came of it. */
type Work = (deps: OpsDeps, copy: ServerCopy) => Promise<(t: Tx, nowMs: number) => Promise<void>>;

const remove: Work = async (deps, copy) => {
  await deps.copies.remove(copy);
  return (t, nowMs) => removeCopy(t, copy.id, nowMs);
};

/** One that is broken takes all with it that build on it. */
const verify: Work = async (deps, copy) => {
  const chain = await wholeChain(deps, copy).catch(() => null);
  const found =
    chain === null
      ? { copyId: copy.id, problem: `What ${copy.id} builds on is not there` }
      : await deps.copies.verify(chain);
  return async (t, nowMs) => {
    const all = await copiesOfChain(t, copy.chainId);
    const from = all.find(({ id }) => id === found?.copyId)?.position ?? Number.POSITIVE_INFINITY;
    for (const one of all.filter(({ sha256, status }) => sha256 !== null && status !== 'deleting')) {
      const busy = one.status === 'restoring' ? {} : null;
      if (one.position >= from) {
        await updateCopy(t, one.id, busy ?? { status: 'error', reason: `Broken: ${found?.problem}.` }, nowMs);
      } else if (one.position <= copy.position) {
        await updateCopy(t, one.id, { ...(busy ?? { status: 'available', reason: null }), verifiedAt: nowMs }, nowMs);
      }
    }
  };
};

const works = { verify, delete: remove } as const;

/** Holds a job for as long as this process is at it. */
function keepLease({ database, clock, log }: OpsDeps, id: string, job: CopyJob, taken: number) {
  let untilMs = taken;
  let renewing: Promise<void> = Promise.resolve();
  const renew = async (): Promise<void> => {
    const next = clock.now() + limits.copyJobLeaseMs;
    if (await tx(database, (t) => moveCopyJob(t, id, job, untilMs, next))) untilMs = next;
  };
  const timer = setInterval(() => {
    renewing = renew().catch((error: unknown) => log.warn({ copy: id, err: error }, 'a lease was not kept'));
  }, limits.copyJobLeaseMs / 3);
  timer.unref();
  return {
    /** Until when it is held; nobody takes it for longer any more. */
    async stop(): Promise<number> {
      clearInterval(timer);
      await renewing;
      return untilMs;
    },
  };
}

async function carryOut(deps: OpsDeps, copy: ServerCopy): Promise<void> {
  const { database, clock, log } = deps;
  const { id, job } = copy;
  if (job === null) return;
  const takenMs = clock.now() + limits.copyJobLeaseMs;
  if (!(await tx(database, (t) => takeCopyJob(t, copy, takenMs)))) return;
  const lease = keepLease(deps, id, job, takenMs);
  try {
    const write = await works[job](deps, copy);
    const untilMs = await lease.stop();
    await tx(database, async (t) => {
      if (await endCopyJob(t, id, job, untilMs)) await write(t, clock.now());
    });
  } catch (error) {
    log.warn({ copy: id, job, err: error }, 'work on a snapshot or backup failed');
    const untilMs = await lease.stop();
    const reason = `Its file could not be reached: ${messageOf(asFault(error))}`;
    await tx(database, async (t) => {
      if (!(await endCopyJob(t, id, job, untilMs))) return;
      // what shall be looked at is told; what shall go goes as soon as it can
      if (job === 'verify') await updateCopy(t, id, { reason }, clock.now());
      else await updateCopy(t, id, { job, jobDueAt: clock.now() + limits.copyJobRetryMs, reason }, clock.now());
    });
  }
}

/** Does what is due. */
export async function copyJobs(deps: OpsDeps): Promise<void> {
  const due = await dueCopyJobs(deps.database.read, deps.clock.now(), limits.copyJobsAtOnce);
  for (const copy of due) await carryOut(deps, copy);
}

/** Frees copies whose action was given up without a word of them: else nobody could restore or delete them any more. */
async function freeLeft({ database, clock, log }: OpsDeps): Promise<void> {
  for (const id of await copiesAtWork(database.read, clock.now() - limits.copySweepMs)) {
    await tx(database, async (t) => {
      const copy = await lockCopy(t, id);
      if (copy === null || (copy.status !== 'creating' && copy.status !== 'restoring')) return;
      if ((await openActions(t, copy.serverUuid)).length > 0) return;
      log.error({ copy: id, status: copy.status }, 'no action stands behind the work on a copy: freed');
      const freed =
        copy.status === 'restoring'
          ? ({ status: 'available' } as const)
          : ({ status: 'error', reason: 'Making it ended without a result.' } as const);
      await updateCopy(t, id, freed, clock.now());
    });
  }
}

/** Removes files that no row tells of, and frees copies that nobody works on, seldom. */
export function makeCopySweep(): (deps: OpsDeps) => Promise<void> {
  let nextMs = 0;
  return async (deps) => {
    const { copies, clock, database, log } = deps;
    if (clock.now() < nextMs) return;
    nextMs = clock.now() + limits.copySweepMs;
    await freeLeft(deps);
    const removed = await copies.sweep((ids) => knownCopies(database.read, ids));
    if (removed > 0) log.info({ removed }, 'files of snapshots and backups that nobody has are removed');
  };
}
