// Why: each tenant network is a real NAT network of libvirt's on this host, there exactly as long as a port here needs it.
// One function makes the host agree with the ports that are written down; it is safe to run at any time, twice, or late.

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { badRequest } from '../../base/errors.ts';
import { checkedUuid } from '../../base/ids.ts';
import type { NetworkFacts, NicSpec, SubnetFacts } from '../../domain/networks/server-nics.ts';
import { isVirError } from './errors.ts';
import type { Mutex } from '../../base/mutex.ts';
import { bridgeName, networkName } from './names.ts';
import { portsOnNetwork } from './nics.ts';
import * as vir from './rpc/constants.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import type { NetworkRef } from './rpc/types.ts';
import { children, endXml, find, leaf, readXml, startXml, text, type XMLBuilder } from './xml.ts';

// Short, since dnsmasq gives an address to a new port only when the lease of the port that had it before is over.
// dnsmasq's own least is two minutes.
const LEASE = { expiry: 120, unit: 'seconds' } as const;

/** An address that DHCP gives to a MAC address. */
export interface DhcpHost {
  readonly mac: string;
  readonly address: string;
}

export interface NetworkDeps {
  readonly calls: LibvirtCalls;
  readonly instancesDir: string;
  readonly mutex: Mutex;
}

/** Makes the libvirt network of `networkId` serve the ports of this host, and removes it when there are none. */
export function settleNetwork(deps: NetworkDeps, networkId: string): Promise<void> {
  return deps.mutex(networkId, async () => {
    const ports = await portsOnNetwork(deps.instancesDir, networkId);
    const present = await lookupNetwork(deps.calls, networkId);
    const facts = ports.at(-1)?.network;
    if (facts === undefined) {
      if (present !== null) await removeNetwork(deps.calls, present);
      return await rm(markOf(deps, networkId), { force: true });
    }
    await mkdir(marksOf(deps), { recursive: true, mode: 0o700 });
    await writeFile(markOf(deps, networkId), '');
    if (present === null || !(await deps.calls.networkIsActive(present))) {
      const defined = await deps.calls.networkDefineXML(networkXml(facts, ports));
      return await startNetwork(deps.calls, defined);
    }
    await settleHosts(deps.calls, present, facts, ports);
  });
}

// One empty file for each network that was made from here: another service on the same libvirtd has networks of the same names,
// and only who made a network may remove it.
const marksOf = ({ instancesDir }: Pick<NetworkDeps, 'instancesDir'>): string => join(instancesDir, '_networks');
const markOf = (deps: Pick<NetworkDeps, 'instancesDir'>, networkId: string): string =>
  join(marksOf(deps), checkedUuid(networkId));

/** Removes the networks made from here that no port needs, which a crash may have left. */
export async function settleNetworks(deps: NetworkDeps): Promise<void> {
  for (const networkId of await readdir(marksOf(deps)).catch(() => [])) {
    if ((await portsOnNetwork(deps.instancesDir, networkId)).length === 0) await settleNetwork(deps, networkId);
  }
}

async function lookupNetwork(calls: LibvirtCalls, networkId: string): Promise<NetworkRef | null> {
  try {
    return await calls.networkLookupByName(networkName(networkId));
  } catch (error) {
    if (isVirError(error, 'VIR_ERR_NO_NETWORK')) return null;
    throw error;
  }
}

async function startNetwork(calls: LibvirtCalls, network: NetworkRef): Promise<void> {
  try {
    await calls.networkCreate(network);
  } catch (error) {
    await calls.networkUndefine(network).catch(() => {});
    throw error;
  }
}

async function removeNetwork(calls: LibvirtCalls, network: NetworkRef): Promise<void> {
  for (const step of [calls.networkDestroy, calls.networkUndefine]) {
    try {
      await step(network);
    } catch (error) {
      // 55: it was not active
      if (!isVirError(error, 'VIR_ERR_OPERATION_INVALID') && !isVirError(error, 'VIR_ERR_NO_NETWORK')) throw error;
    }
  }
}

async function settleHosts(
  calls: LibvirtCalls,
  network: NetworkRef,
  facts: NetworkFacts,
  ports: readonly NicSpec[],
): Promise<void> {
  const parentIndex = natSubnets(facts).findIndex((subnet) => subnet === dhcpSubnet(facts));
  if (parentIndex < 0) return;
  const update = (command: number, host: DhcpHost) =>
    calls.networkUpdate(
      ...([network, command, vir.VIR_NETWORK_SECTION_IP_DHCP_HOST, parentIndex, hostXml(host)] as const),
      vir.VIR_NETWORK_UPDATE_AFFECT_LIVE | vir.VIR_NETWORK_UPDATE_AFFECT_CONFIG,
    );
  const { stale, missing } = compareHosts(readHosts(await calls.networkGetXMLDesc(network)), dhcpHosts(facts, ports));
  for (const host of stale) await update(vir.VIR_NETWORK_UPDATE_COMMAND_DELETE, host);
  for (const host of missing) await update(vir.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, host);
}

/** What to take from and add to a network's hosts. */
export function compareHosts(
  present: readonly DhcpHost[],
  wanted: readonly DhcpHost[],
): { readonly stale: readonly DhcpHost[]; readonly missing: readonly DhcpHost[] } {
  const key = (host: DhcpHost) => `${host.mac.toLowerCase()} ${host.address}`;
  const have = new Set(present.map(key));
  const want = new Set(wanted.map(key));
  return {
    stale: present.filter((host) => !want.has(key(host))),
    missing: wanted.filter((host) => !have.has(key(host))),
  };
}

/** The DHCP hosts that libvirt's XML of a network lists. */
export function readHosts(xml: string): readonly DhcpHost[] {
  const found: DhcpHost[] = [];
  for (const ip of children(readXml(xml), 'ip')) {
    const dhcp = find(ip, 'dhcp');
    for (const host of dhcp === null ? [] : children(dhcp, 'host')) {
      const mac = host.getAttribute('mac');
      const address = host.getAttribute('ip');
      if (mac && address) found.push({ mac, address });
    }
  }
  return found;
}

/** The subnets whose gateway is the bridge. One without a gateway is the guests' own affair: its addresses come by config drive. */
const natSubnets = (network: NetworkFacts): readonly (SubnetFacts & { readonly gateway: string })[] =>
  network.subnets.filter((subnet): subnet is SubnetFacts & { gateway: string } => subnet.gateway !== null);

/** dnsmasq serves addresses of one IPv4 subnet of a network: the first that wants DHCP. */
const dhcpSubnet = (network: NetworkFacts): SubnetFacts | undefined =>
  natSubnets(network).find((subnet) => subnet.ipVersion === 4 && subnet.enableDhcp);

/** One address for each port: DHCP knows no second one. */
export function dhcpHosts(network: NetworkFacts, ports: readonly NicSpec[]): readonly DhcpHost[] {
  const subnet = dhcpSubnet(network);
  return ports.flatMap((port) => {
    const ip = port.fixedIps.find((fixed) => fixed.subnetId === subnet?.id);
    return ip === undefined ? [] : [{ mac: port.mac, address: ip.address }];
  });
}

/** libvirt's definition of a tenant network on this host: a bridge that is the gateway, NAT, DHCP for the ports named. */
export function networkXml(network: NetworkFacts, ports: readonly NicSpec[]): string {
  const root = startXml('network');
  text(root, 'name', networkName(network.id));
  text(root, 'uuid', network.id);
  const subnets = natSubnets(network);
  if (subnets.length > 0) leaf(root, 'forward', { mode: 'nat' });
  leaf(root, 'bridge', { name: bridgeName(network.id), stp: 'off', delay: 0 });
  leaf(root, 'mtu', { size: network.mtu });
  for (const subnet of subnets) {
    const ip = root.ele('ip', {
      ...(subnet.ipVersion === 6 ? { family: 'ipv6' } : {}),
      address: checkedAddress(subnet.gateway),
      prefix: ipaddr.parseCIDR(subnet.cidr)[1],
    });
    if (subnet !== dhcpSubnet(network)) continue;
    const dhcp = ip.ele('dhcp');
    for (const host of dhcpHosts(network, ports)) writeHost(dhcp, host);
  }
  const served = dhcpSubnet(network);
  if (served !== undefined) writeDnsServers(root, served);
  return endXml(root);
}

const DNSMASQ = 'http://libvirt.org/schemas/network/dnsmasq/1.0';

/**
 * The servers that a subnet names are told to its guests, which ask them themselves: were the gateway to ask them, a tenant would
 * choose whom this host talks to. Where it names none, guests ask the gateway, and that the host's own.
 */
function writeDnsServers(root: XMLBuilder, { ipVersion, dnsServers }: SubnetFacts): void {
  const servers = [...new Set(dnsServers)].map(checkedAddress).filter((server) => isIP(server) === ipVersion);
  if (servers.length === 0) return;
  const options = root.ele(DNSMASQ, 'dnsmasq:options');
  options.ele(DNSMASQ, 'dnsmasq:option', { value: `dhcp-option=option:dns-server,${servers.join(',')}` });
}

const hostXml = (host: DhcpHost): string => endXml(leaf(startXml('host', hostAttributes(host)), 'lease', LEASE));

function writeHost(dhcp: XMLBuilder, host: DhcpHost): void {
  leaf(dhcp.ele('host', hostAttributes(host)), 'lease', LEASE);
}

const hostAttributes = (host: DhcpHost) => ({ mac: host.mac, ip: checkedAddress(host.address) });

function checkedAddress(address: string): string {
  if (ipaddr.isValid(address)) return address;
  throw badRequest(`Not an IP address: ${JSON.stringify(address)}`, { code: 'address' });
}
