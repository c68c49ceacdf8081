// Why: networks are the built-in service's or those of an operator's Neutron; whoever asks is not told which.

import { type Authenticate, systemCaller } from '../base/op.ts';
import type { NetworkService } from '../cloud/network.ts';
import { makeNetworks, type Networks, type NetworksOptions } from '../standalone/network/networks.ts';
import { neutronEnvelope } from '../web/faults.ts';
import type { Condition } from './health.ts';
import { openNetworkEngine } from './network-engine.ts';
import { type Adapter, answering, checkOperators, openAdapter, openRelay } from './operators.ts';
import { type Parts, webParts } from './parts.ts';

export interface OpenedNetworks extends Networks {
  /** What must hold for networks, beside the database. */
  readonly conditions: readonly Condition[];
}

export interface NetworkWish extends Pick<NetworksOptions, 'tell'> {
  /** Floating addresses are records there, which harms nobody. */
  readonly isFake: boolean;
}

/** A network service over HTTP; ended with the process. */
async function openNeutron({ config, cleanup }: Parts, adapter: Adapter): Promise<NetworkService> {
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makeNeutron } = await import('../cloud/neutron.ts');
  const neutron = makeNeutron({
    ...adapter,
    ovsBridge: config.network.ovs_bridge,
    offloads: config.network.ovn_offloads === 'yes',
  });
  cleanup.defer(() => neutron.close());
  return neutron;
}

async function openOperators(parts: Parts, authenticate: Authenticate): Promise<OpenedNetworks> {
  checkOperators(parts.config);
  const adapter = await openAdapter(parts, 'network', parts.config.network.endpoint);
  const service = await openNeutron(parts, adapter);
  return {
    service,
    app: await openRelay(parts, adapter, neutronEnvelope, authenticate),
    async ensureBootstrap() {},
    // a question that few objects answer
    conditions: [answering('network', () => service.floatingPools(systemCaller))],
  };
}

function openBuiltIn(parts: Parts, authenticate: Authenticate, { isFake, ...wish }: NetworkWish): OpenedNetworks {
  const { engine, conditions } = openNetworkEngine(parts);
  const { network } = parts.config;
  const networks = makeNetworks({
    ...webParts(parts),
    ...wish,
    authenticate,
    engine,
    // only OVN carries them
    floatingIps: isFake || engine.kind === 'ovn',
    defaultCidr: network.default_cidr,
    dnsServers: network.dns_servers,
    tenantRanges: network.tenant_ranges,
    tenantAddresses: network.tenant_addresses,
  });
  return { ...networks, conditions };
}

/** The network service that `network.service` names. */
export const openNetworks = async (
  parts: Parts,
  authenticate: Authenticate,
  wish: NetworkWish,
): Promise<OpenedNetworks> =>
  parts.config.network.service === 'neutron'
    ? openOperators(parts, authenticate)
    : openBuiltIn(parts, authenticate, wish);
