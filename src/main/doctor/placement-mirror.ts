// Why: Placement that says something else than the service misleads whoever plans by it, and nobody here would notice.

import { Fault, messageOf } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import { mirrorLag, refusedProviders } from '../../db/placement-mirror.ts';
import { openKeystone } from '../identity.ts';
import { isMirrored } from '../operators.ts';
import { type Check, type Found, ok, type Patient, problem, warning } from './check.ts';

/** A change that waits for so long does not only wait for the next turn. */
const LATE_S = 300;
/** It has a provider of no host of ours: what is asked for is whether we may ask. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

const reasonOf = (error: unknown): string =>
  error instanceof Fault && typeof error.detail === 'string'
    ? `${messageOf(error)} (${error.detail})`
    : messageOf(error);

async function answers({ config, clock }: Patient): Promise<Found> {
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makePlacement } = await import('../../cloud/placement.ts');
  const keystone = await openKeystone({ config, clock, log: silentLog });
  const { endpoint } = config.placement;
  const service = makePlacement({
    endpoint: async () => endpoint || keystone.endpoint('placement'),
    serviceToken: (renew) => keystone.serviceToken(renew),
  });
  try {
    const placement = service.during(new AbortController().signal);
    const [major, minor] = await placement.newest();
    await placement.name(NOBODY);
    return ok(`answers, and speaks ${major}.${minor}`);
  } catch (error) {
    return problem(
      `cannot be told: ${reasonOf(error)}`,
      'start it, or mend placement.endpoint, its place in the catalog or the roles of identity.username; it is told then',
    );
  } finally {
    await service.close();
    await keystone.close();
  }
}

export const placementCheck: Check = {
  name: 'placement',
  needs: 'schema',
  async look(patient) {
    const { config, clock, database } = patient;
    if (!isMirrored(config.placement)) return ok('nobody else is told what is claimed (placement.sync)');
    const found = [await answers(patient)];
    for (const { name, problem: why } of await refusedProviders(database.read))
      found.push(
        problem(`${name}: ${why}`, 'it is tried again by itself; docs/openstack.md says what may be in the way'),
      );
    const { seconds, refused } = await mirrorLag(database.read, clock.now());
    if (refused === 0 && seconds > LATE_S)
      found.push(
        warning(
          `is ${Math.round(seconds)} s behind`,
          'see that a worker runs and has placement.sync; its log says more',
        ),
      );
    return found;
  },
};
