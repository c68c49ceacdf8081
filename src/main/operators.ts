// Why: services that an operator has already are found, asked and watched in one way, whichever they are.

import type { Authenticate } from '../base/op.ts';
import { withoutVersion } from '../cloud/catalog.ts';
import type { NeighbourOptions } from '../cloud/neighbour.ts';
import type { Web } from '../web/app.ts';
import type { Envelope } from '../web/faults.ts';
import type { Config } from './config.ts';
import { bad } from './config-values.ts';
import { type Condition, seldom } from './health.ts';
import { openKeystone } from './identity.ts';
import { type BaseParts, type Parts, webParts } from './parts.ts';

/** Whether an operator's Placement is told anything. */
export const isMirrored = ({ sync, endpoint }: Config['placement']): boolean =>
  sync === 'yes' || (sync === 'auto' && endpoint !== '');

/** To a service over HTTP, as keystoneauth's: where it is, and who we are there. */
export interface Adapter extends Pick<NeighbourOptions, 'serviceToken'> {
  readonly type: 'image' | 'key-manager' | 'network' | 'placement' | 'volume';
  /** Without a version. */
  readonly endpoint: () => Promise<string>;
  /** The project of our own token. */
  readonly serviceProject: () => Promise<string>;
}

/** Their types in the catalog; the first that is there is taken. */
const catalogTypes: Readonly<Record<Adapter['type'], readonly string[]>> = {
  image: ['image'],
  'key-manager': ['key-manager'],
  network: ['network'],
  placement: ['placement'],
  volume: ['block-storage', 'volumev3'],
};

/** @throws where no Keystone is named, which has catalog and tokens */
function mustNameKeystone({ identity }: Pick<Config, 'identity'>, type: Adapter['type']): void {
  if (identity.auth_url === '')
    throw bad(
      'identity.auth_url',
      `the ${type} service is asked with a token of Keystone: set the address of Keystone`,
    );
}

/** Whether options of these services go together, each of which is good by itself. @throws where they do not */
export function checkOperators(config: Pick<Config, 'identity' | 'image' | 'network' | 'placement' | 'volume'>): void {
  const { image, network, volume } = config;
  if (image.service === 'glance') mustNameKeystone(config, 'image');
  else if (image.verify_signatures === 'yes')
    throw bad('image.verify_signatures', "signatures are those of an operator's Glance: image.service is another");
  if (isMirrored(config.placement)) mustNameKeystone(config, 'placement');
  if (volume.service === 'cinder') mustNameKeystone(config, 'volume');
  if (network.service !== 'neutron') return;
  if (network.engine !== 'basic')
    throw bad('network.engine', "it is the built-in service's, and network.service names an operator's Neutron");
  mustNameKeystone(config, 'network');
}

/** @param given its address; empty: as the catalog says. @throws where no Keystone is named, which has catalog and tokens */
export async function openAdapter(
  { config, clock, log, cleanup }: Pick<BaseParts, 'cleanup' | 'clock' | 'config' | 'log'>,
  type: Adapter['type'],
  given: string,
): Promise<Adapter> {
  mustNameKeystone(config, type);
  const keystone = await openKeystone({ config, clock, log });
  cleanup.defer(() => keystone.close());
  return {
    type,
    endpoint: async () => withoutVersion(given || (await keystone.endpoint(...catalogTypes[type]))),
    serviceToken: (renew) => keystone.serviceToken(renew),
    serviceProject: () => keystone.serviceProject(),
  };
}

/** Passes on what is asked here of the service: the faces ask every service at one address. Ended with the process. */
export async function openRelay(
  parts: Parts,
  { type, endpoint }: Adapter,
  envelope: Envelope,
  authenticate: Authenticate,
): Promise<Web> {
  const { clock, log, observer } = webParts(parts);
  const { makeRelay } = await import('../web/relay.ts');
  const relay = makeRelay({ service: type, envelope, clock, log, observer, endpoint, authenticate });
  parts.cleanup.defer(() => relay.close());
  return relay.app;
}

/** Holds while the service answers. */
export const answering = (name: string, ask: () => Promise<unknown>): Condition => ({
  name,
  problem: seldom(async () => {
    await ask();
    return null;
  }),
});
