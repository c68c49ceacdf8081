// Why: identity, images, networks and volumes are services of their own, built in or an operator's; compute asks them by interfaces.

import type { Authenticate } from '../base/op.ts';
import { makeRequestRates } from './request-rates.ts';
import { makeAuthenticator } from './authenticator.ts';
import type { OpenedImages } from './images.ts';
import { type OpenedIdentity, openIdentity } from './identity.ts';
import type { OpenedNetworks } from './networks.ts';
import { type Parts, webParts } from './parts.ts';
import { identityUrl } from './reach.ts';
import type { OpenedVolumes } from './volumes.ts';

/** Who tells who a caller is. */
export interface Callers {
  readonly identity: OpenedIdentity;
  readonly authenticate: Authenticate;
}

/** The services beside compute that sagas ask. */
export interface Neighbours {
  readonly images: OpenedImages;
  readonly networks: OpenedNetworks;
  readonly volumes: OpenedVolumes;
}

/** @param url where this program listens */
export async function openCallers(parts: Parts, url: string): Promise<Callers> {
  const { config, dataDir, cleanup } = parts;
  const identity = await openIdentity({ ...webParts(parts), config, dataDir, url: identityUrl(config.api, url) });
  cleanup.defer(() => identity.service.close());
  return {
    identity,
    authenticate: makeAuthenticator(identity.service, parts.policy, {
      count: makeRequestRates(config.api),
      serviceRoles: config.identity.service_token_roles,
    }),
  };
}

/** Of a process that answers nobody. */
export const nobodyCalls: Authenticate = async () => {
  throw new Error('this process answers no requests');
};
