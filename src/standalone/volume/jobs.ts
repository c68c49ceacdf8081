// Why: work on files goes on whoever dies: a process takes the lease of a job, keeps it for as long as it lives, and ends the job
// together with what came of it. One that died leaves a lease that runs out, and the next begins the work again.

import { asFault, type Fault, outwardMessage } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { endJob, moveLease, takeJob, type VolumeJob } from '../../db/volume-jobs.ts';
import { insertMessage } from '../../db/volume-messages.ts';
import { findVolume } from '../../db/volumes.ts';
import { tx } from '../../db/tx.ts';
import type { VolumeParts } from './parts.ts';
import { type Work, workKinds } from './work.ts';

/** A failure that may pass by itself. */
const mayPass = ({ kind }: Fault, attempts: number): boolean =>
  kind === 'unavailable' && attempts < limits.volumeJobAttempts;

/** Writes down what became of a job, unless it is somebody else's by now. */
async function finish(work: Work, fault: Fault | null): Promise<void> {
  const { parts, job } = work;
  const kind = workKinds[job.kind];
  const now = parts.clock.now();
  await tx(parts.database, async (t) => {
    if (!(await endJob(t, job))) return;
    if (fault === null) return kind.done(t, work);
    await kind.failed(t, work, fault);
    const volume = await findVolume(t, job.volumeId);
    if (volume === null) return;
    await insertMessage(t, {
      ...{ id: newUuid(), projectId: volume.projectId, requestId: job.requestId, resourceType: kind.resource },
      ...{ resourceId: job.snapshotId ?? job.volumeId, eventId: kind.event, message: outwardMessage(fault) },
      ...{ createdAt: now, expiresAt: now + limits.volumeMessageMs },
    });
  });
}

interface Lease {
  /** With the lease as it is. */
  readonly job: () => VolumeJob;
  /** Takes it for longer; false: it is somebody else's, or the job is over. */
  renewed(): Promise<boolean>;
  /** Lets it run out. */
  stop(): Promise<void>;
}

/** Keeps the lease of a job until `stop` is called. */
function keepLease(parts: VolumeParts, taken: VolumeJob): Lease {
  let job = taken;
  let renewing: Promise<unknown> = Promise.resolve();
  const renewed = async (): Promise<boolean> => {
    const until = parts.clock.now() + limits.volumeJobLeaseMs;
    const mine = await tx(parts.database, (t) => moveLease(t, job, until));
    if (mine) job = { ...job, leaseUntil: until };
    return mine;
  };
  const timer = setInterval(() => {
    renewing = renewed().catch((error: unknown) => parts.log.warn({ err: error, job: job.id }, 'a lease was not kept'));
  }, limits.volumeJobLeaseMs / 3);
  timer.unref();
  return {
    job: () => job,
    renewed,
    async stop() {
      clearInterval(timer);
      await renewing;
    },
  };
}

/** A job that is being done. */
interface Doing {
  readonly over: Promise<void>;
  /** From now on nothing more is written of it here. */
  abandon(): void;
  /** It is anybody's again. */
  giveBack(): Promise<void>;
}

/** @param left whether the process lets go of what it has begun */
async function carryOut(parts: VolumeParts, taken: VolumeJob, lease: Lease, left: () => boolean): Promise<void> {
  let fault: Fault | null = null;
  try {
    const files = parts.files.fenced(taken.attempts, () => lease.renewed());
    await workKinds[taken.kind].run({ parts: { ...parts, files }, job: taken });
  } catch (error) {
    fault = asFault(error);
    const line = { err: error, job: taken.kind, volume: taken.volumeId, request_id: taken.requestId };
    if (!left()) parts.log.warn(line, 'work on a volume failed');
  }
  await lease.stop();
  if (left()) return;
  const job = lease.job();
  if (fault !== null && mayPass(fault, job.attempts)) {
    await tx(parts.database, (t) => moveLease(t, job, parts.clock.now() + limits.volumeJobRetryMs));
    return;
  }
  const work = { parts, job };
  if (fault !== null) {
    // what somebody else has begun again by now is his, and so are its files
    if (!(await lease.renewed())) return;
    work.job = lease.job();
    await workKinds[job.kind].undo?.(work).catch((error: unknown) => {
      parts.log.warn({ err: error, job: job.kind, volume: job.volumeId }, 'what work on a volume left was not removed');
    });
  }
  await finish(work, fault);
}

function begin(parts: VolumeParts, taken: VolumeJob): Doing {
  const lease = keepLease(parts, taken);
  let left = false;
  return {
    over: carryOut(parts, taken, lease, () => left),
    abandon() {
      left = true;
    },
    async giveBack() {
      await lease.stop();
      await tx(parts.database, (t) => moveLease(t, lease.job(), 0));
    },
  };
}

export interface JobRunner {
  /** Looks for work at once. */
  wake(): void;
  /** Begins nothing more. What does not end soon is given back, for whoever comes next to begin again. */
  close(): Promise<void>;
}

/** Whether something ends within a time. */
async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Carries out what is asked of the files of volumes, `limits.volumeJobsAtOnce` at a time.
 * @param stop ends the programs that are at work
 */
export function startJobs(parts: VolumeParts, stop: () => void): JobRunner {
  const running = new Map<Doing, Promise<void>>();
  let closed = false;
  let again = false;
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    while (!closed && running.size < limits.volumeJobsAtOnce) {
      const now = parts.clock.now();
      const job = await tx(parts.database, (t) => takeJob(t, now, now + limits.volumeJobLeaseMs));
      if (job === 'none') return;
      // somebody else was faster; there may be others
      if (job === 'taken') continue;
      const doing = begin(parts, job);
      const over = doing.over
        .catch((error: unknown) => parts.log.error({ err: error, job: job.id }, 'a job on a volume did not end'))
        .finally(() => {
          running.delete(doing);
          wake();
        });
      running.set(doing, over);
    }
  }

  async function round(): Promise<void> {
    while (again && !closed) {
      again = false;
      await look().catch((error: unknown) =>
        parts.log.error({ err: error }, 'work on volumes could not be looked for'),
      );
    }
    looking = null;
  }

  function wake(): void {
    if (closed) return;
    again = true;
    looking ??= round();
  }

  const timer = setInterval(wake, limits.volumeJobPollMs);
  timer.unref();
  return {
    wake,
    async close() {
      closed = true;
      clearInterval(timer);
      await looking;
      if (await endsWithin(limits.volumeCloseMs, Promise.all(running.values()))) return;
      const late = [...running];
      for (const [doing] of late) doing.abandon();
      stop();
      // nobody begins again what is still written to
      await endsWithin(limits.volumeLeaveMs, Promise.all(late.map(([, over]) => over)));
      await Promise.all(late.map(([doing]) => doing.giveBack()));
    },
  };
}
