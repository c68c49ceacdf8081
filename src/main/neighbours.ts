// Why: identity, images and networks are services of their own, built in or an operator's; compute asks them by interfaces.

import { noVolumes } from '../cloud/volume.ts';
import { makeImages } from '../standalone/image/images.ts';
import { makeNetworks, type NetworksOptions } from '../standalone/network/networks.ts';
import { makeAuthenticator } from './authenticator.ts';
import { chooseDriver } from './driver.ts';
import { openIdentity } from './identity.ts';
import { type Parts, webParts } from './parts.ts';
import { identityUrl } from './reach.ts';

/**
 * The services beside compute, ready to answer, and the hosts of this process.
 * @param url where this program listens
 * @param tell hears what becomes of ports
 */
export async function openNeighbours(parts: Parts, url: string, tell: NonNullable<NetworksOptions['tell']>) {
  const { config, dataDir, clock, log, cleanup } = parts;
  const shared = webParts(parts);
  const identity = await openIdentity({ ...shared, config, dataDir, url: identityUrl(config.api, url) });
  cleanup.defer(() => identity.service.close());
  const authenticate = makeAuthenticator(identity.service, parts.policy);

  const images = makeImages({ ...shared, dataDir, authenticate, quota: config.image });
  cleanup.defer(() => images.close());
  await images.ensureBootstrap();
  const { hosts, fellBack } = await chooseDriver({ config, dataDir, images: images.service, clock, log });
  for (const { driver } of hosts) cleanup.defer(() => driver.close());
  const networks = makeNetworks({
    ...shared,
    authenticate,
    // on real hosts nothing would carry them
    floatingIps: hosts.every(({ driver }) => driver.kind === 'fake'),
    defaultCidr: config.network.default_cidr,
    dnsServers: config.network.dns_servers,
    tenantRanges: config.network.tenant_ranges,
    tenantAddresses: config.network.tenant_addresses,
    tell,
  });
  await networks.ensureBootstrap();
  return { identity, authenticate, images, networks, volume: noVolumes, hosts, fellBack };
}

export type Neighbours = Awaited<ReturnType<typeof openNeighbours>>;
