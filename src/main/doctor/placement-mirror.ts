// Why: a Placement mirror that is out of date misleads its readers, and nobody here would notice.

import { Fault, messageOf } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import { mirrorLag, refusedProviders } from '../../db/placement-mirror.ts';
import { Cleanup } from '../cleanup.ts';
import { isMirrored, openAdapter } from '../operators.ts';
import { type Check, type Found, ok, type Patient, problem, warning } from './check.ts';

/** Seconds; a change that waits longer than this waits for more than the next pass. */
const LATE_S = 300;
/** A provider that never exists: the request only tests whether we are allowed to read. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

const reasonOf = (error: unknown): string =>
  error instanceof Fault && typeof error.detail === 'string'
    ? `${messageOf(error)} (${error.detail})`
    : messageOf(error);

async function answers({ config, clock }: Patient): Promise<Found> {
  // loaded on use: its HTTP client alone takes ten MiB
  const { makePlacement } = await import('../../cloud/placement.ts');
  const cleanup = new Cleanup();
  try {
    const parts = { config, clock, log: silentLog, cleanup };
    const service = makePlacement(await openAdapter(parts, 'placement', config.placement.endpoint));
    cleanup.defer(() => service.close());
    const placement = service.during(new AbortController().signal);
    const [major, minor] = await placement.newest();
    await placement.name(NOBODY);
    return ok(`answers, and speaks ${major}.${minor}`);
  } catch (error) {
    return problem(
      `cannot be reached: ${reasonOf(error)}`,
      'start it, or correct placement.endpoint, its endpoint in the catalog or the roles of identity.username; the mirror then catches up',
    );
  } finally {
    await cleanup.run();
  }
}

export const placementCheck: Check = {
  name: 'placement',
  needs: 'schema',
  async look(patient) {
    const { config, clock, database } = patient;
    if (!isMirrored(config.placement)) return ok('the mirror is off (placement.sync)');
    const found = [await answers(patient)];
    for (const { name, problem: why } of await refusedProviders(database.read))
      found.push(problem(`${name}: ${why}`, 'it is retried automatically; docs/openstack.md lists possible causes'));
    const { seconds, refused } = await mirrorLag(database.read, clock.now());
    if (refused === 0 && seconds > LATE_S)
      found.push(
        warning(
          `is ${Math.round(seconds)} s behind`,
          'check that a worker runs with placement.sync; its log has the reason',
        ),
      );
    return found;
  },
};
