// Why: an operator's own services (Glance, Neutron, Cinder, Placement, Barbican) are located, authenticated to and monitored in one way.

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

/** Whether the Placement mirror is enabled. */
export const isMirrored = ({ sync, endpoint }: Config['placement']): boolean =>
  sync === 'yes' || (sync === 'auto' && endpoint !== '');

/** Endpoint and credentials of a service, like an adapter of keystoneauth. */
export interface Adapter extends Pick<NeighbourOptions, 'serviceToken'> {
  readonly type: 'image' | 'key-manager' | 'network' | 'placement' | 'volume';
  /** Without a version. */
  readonly endpoint: () => Promise<string>;
  /** The project of our own token. */
  readonly serviceProject: () => Promise<string>;
}

/** Their service types in the catalog, in order of preference. */
const catalogTypes: Readonly<Record<Adapter['type'], readonly string[]>> = {
  image: ['image'],
  'key-manager': ['key-manager'],
  network: ['network'],
  placement: ['placement'],
  volume: ['block-storage', 'volumev3'],
};

/** @throws if no Keystone is configured, which provides catalog and tokens */
function mustNameKeystone({ identity }: Pick<Config, 'identity'>, type: Adapter['type']): void {
  if (identity.auth_url === '')
    throw bad('identity.auth_url', `the ${type} service needs a token of Keystone: set Keystone's address`);
}

/** Checks that the options of these services fit together. @throws if they do not */
export function checkOperators(config: Pick<Config, 'identity' | 'image' | 'network' | 'placement' | 'volume'>): void {
  const { image, network, volume } = config;
  if (image.service === 'glance') mustNameKeystone(config, 'image');
  else if (image.verify_signatures === 'yes')
    throw bad('image.verify_signatures', "signatures need an operator's Glance: set image.service: glance");
  if (isMirrored(config.placement)) mustNameKeystone(config, 'placement');
  if (volume.service === 'cinder') mustNameKeystone(config, 'volume');
  if (network.service !== 'neutron') return;
  if (network.engine !== 'basic')
    throw bad('network.engine', 'it belongs to the built-in service, but network.service is neutron');
  mustNameKeystone(config, 'network');
}

/** @param given the endpoint; empty: from the catalog. @throws if no Keystone is configured, which provides catalog and tokens */
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

/** Relays requests to the service, since the dashboard and other faces use one address for all services. Closed with the process. */
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

/** A readiness condition that holds while the service answers. */
export const answering = (name: string, ask: () => Promise<unknown>): Condition => ({
  name,
  problem: seldom(async () => {
    await ask();
    return null;
  }),
});
