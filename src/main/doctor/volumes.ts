// Why: a problem with an operator's Cinder would first show when somebody attaches a volume; this checks earlier.

import { Fault, messageOf } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import { Cleanup } from '../cleanup.ts';
import { openAdapter } from '../operators.ts';
import { volumesDirectory } from '../directories.ts';
import { type Check, type Found, ok, type Patient, problem, warning } from './check.ts';

/** Findings on Cinder's version and our rights there. */
export function cinderFound(
  address: string,
  { newest, attaches, reimages, isAdmin }: { newest: string; attaches: boolean; reimages: boolean; isAdmin: boolean },
): readonly Found[] {
  if (!attaches) return [problem(`Cinder at ${address} speaks ${newest}; attachments need 3.44`, 'upgrade it')];
  const found = [ok(`Cinder at ${address} speaks ${newest}`)];
  if (!isAdmin)
    found.push(
      problem(
        'identity.username is not an administrator at Cinder, which then does not show the hosts of volumes',
        'openstack role add --user NAME --project service admin, and service likewise',
      ),
    );
  if (!reimages) found.push(warning('servers with a root volume cannot be rebuilt', 'this needs Cinder 3.68'));
  return found;
}

async function lookAtCinder({ config, clock }: Patient): Promise<readonly Found[]> {
  const cleanup = new Cleanup();
  try {
    const adapter = await openAdapter({ config, clock, log: silentLog, cleanup }, 'volume', config.volume.endpoint);
    const { makeCinder } = await import('../../cloud/cinder.ts');
    const cinder = makeCinder(adapter, { images: { find: async () => null }, log: silentLog });
    cleanup.defer(() => cinder.close());
    const address = await adapter.endpoint();
    return cinderFound(address, await cinder.about());
  } catch (error) {
    const why = error instanceof Fault && typeof error.detail === 'string' ? error.detail : messageOf(error);
    return [problem(`Cinder cannot be reached: ${why}`, 'correct volume.endpoint or the catalog, or start Cinder')];
  } finally {
    await cleanup.run();
  }
}

export const volumes: Check = {
  name: 'volumes',
  look: (patient) =>
    patient.config.volume.service === 'cinder'
      ? lookAtCinder(patient)
      : ok(`built in, in ${volumesDirectory(patient.config, patient.dataDir)}`),
};
