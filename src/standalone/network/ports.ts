// Why: a port's life: its addresses are taken under the subnet's lock and a unique key, its binding follows its device. The API
// and compute's own service both go through here.

import { randomBytes } from 'node:crypto';
import { chance } from '../../base/chance.ts';
import { newUuid } from '../../base/ids.ts';
import { isDuplicate } from '../../db/errors.ts';
import { detachFloatingIps, floatingIpNoun, type StoredFloatingIp } from '../../db/floating-ips.ts';
import { notePriced } from '../../db/priced-spans.ts';
import { deleteForwardingsOf, dropForwardings } from '../../db/port-forwardings.ts';
import {
  type Allocation,
  allocationsBy,
  type Binding,
  deleteAllocations,
  deleteRow,
  hasMac,
  insertAllocation,
  lockAddresses,
  lockSubnets,
  portNoun,
  replaceRow,
  rowsBy,
  type StoredNetwork,
  type StoredPort,
  type StoredSubnet,
  subnetNoun,
  takenAddresses,
} from '../../db/networks.ts';
import { insertRow, lockRow } from '../../db/table.ts';
import type { Tx } from '../../db/tx.ts';
import { anyAddresses, anyFree } from './addresses.ts';
import { type NetworkEngine, settled } from './engine.ts';
import { inUse, invalid, invalidInput } from './faults.ts';
import type { Act } from './noun.ts';
import { fitsSubnet } from './subnet-noun.ts';

/** What a port asks for: an address, a subnet, or both. */
export interface AddressRequest {
  readonly subnet_id?: string;
  readonly ip_address?: string;
}

/** Whose ports hold floating addresses. */
export const FLOATING_OWNER = 'network:floatingip';

const MAC_ATTEMPTS = 16;

const randomMac = (): string =>
  `fa:16:3e:${randomBytes(3)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:')}`;

export const unbound: Binding = { host_id: '', vnic_type: 'normal', vif_type: 'unbound', vif_details: {}, profile: {} };

const noneLeft = (networkId: string) =>
  inUse('IpAddressGenerationFailure', `No more IP addresses available on network ${networkId}.`);

const macInUse = (networkId: string, macAddress: string) =>
  inUse(
    'MacAddressInUse',
    `Unable to complete operation for network ${networkId}. The mac address ${macAddress} is in use.`,
  );

function subnetFor(network: StoredNetwork, subnets: readonly StoredSubnet[], request: AddressRequest): StoredSubnet {
  const { subnet_id: subnetId, ip_address: address } = request;
  if (subnetId !== undefined) {
    const found = subnets.find(({ id }) => id === subnetId);
    if (found === undefined) {
      throw invalidInput(
        `Failed to create port on network ${network.id}, because fixed_ips included invalid subnet ${subnetId}`,
      );
    }
    if (address !== undefined && !fitsSubnet(found, address)) {
      throw invalid(`IP address ${address} is not a valid IP for the specified subnet.`, 'InvalidIpForSubnet');
    }
    return found;
  }
  const found = address === undefined ? undefined : subnets.find((subnet) => fitsSubnet(subnet, address));
  if (found === undefined) {
    throw invalid(
      `IP address ${address ?? ''} is not a valid IP for any of the subnets on the specified network.`,
      'InvalidIpForNetwork',
    );
  }
  return found;
}

/** Addresses that are tried by chance before all that are taken are read: in a subnet that is half full, one of 2^16 finds none. */
const TRIES = 16;

/** An address of a subnet's pools that nobody has; null when there is none. The subnet is locked. */
async function freeAddress(tx: Tx, { id, allocationPools, gatewayIp }: StoredSubnet): Promise<string | null> {
  const tried = anyAddresses(allocationPools, TRIES, () => chance.fraction());
  const held = await takenAddresses(tx, id, tried);
  const free = tried.find((address) => !held.has(address) && address !== gatewayIp);
  if (free !== undefined) return free;
  const taken = await takenAddresses(tx, id);
  return anyFree(allocationPools, gatewayIp === null ? taken : taken.add(gatewayIp), () => chance.fraction());
}

/** Takes an address; false where another has it. */
async function takeIfFree(tx: Tx, allocation: Allocation): Promise<boolean> {
  try {
    await insertAllocation(tx, allocation);
    return true;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

/** Takes this address of a subnet. */
async function takeNamed(
  tx: Tx,
  subnet: StoredSubnet,
  portId: string,
  address: string,
  mayBeGateway = false,
): Promise<Allocation> {
  const named = { subnetId: subnet.id, address, portId };
  if ((mayBeGateway || address !== subnet.gatewayIp) && (await takeIfFree(tx, named))) return named;
  throw inUse('IpAddressAlreadyAllocated', `IP address ${address} already allocated in subnet ${subnet.id}`);
}

/** Takes any address of a subnet that is locked; null: none is free. */
async function takeAny(tx: Tx, subnet: StoredSubnet, portId: string): Promise<Allocation | null> {
  const { id: subnetId, allocationPools, gatewayIp } = subnet;
  // in a subnet with much room the first that is tried is free
  const [tried] = anyAddresses(allocationPools, 1, () => chance.fraction());
  if (tried === undefined) return null;
  const first = { subnetId, address: tried, portId };
  if (tried !== gatewayIp && (await takeIfFree(tx, first))) return first;
  const address = await freeAddress(tx, subnet);
  if (address === null) return null;
  await insertAllocation(tx, { subnetId, address, portId });
  return { subnetId, address, portId };
}

/** Takes an address of each family that a network has. */
async function takeOfEach(tx: Tx, network: StoredNetwork, portId: string): Promise<Allocation[]> {
  const subnets = await lockSubnets(tx, network.id);
  const taken: Allocation[] = [];
  for (const version of [4, 6]) {
    const family = subnets.filter((subnet) => subnet.ipVersion === version);
    let found: Allocation | null = null;
    for (const subnet of family) found ??= await takeAny(tx, subnet, portId);
    if (found !== null) taken.push(found);
    else if (family.length > 0) throw noneLeft(network.id);
  }
  return taken;
}

/** Takes the addresses that a port wishes. */
async function takeRequested(
  tx: Tx,
  network: StoredNetwork,
  portId: string,
  requests: readonly AddressRequest[],
  isRouter: boolean,
): Promise<Allocation[]> {
  const subnets = await rowsBy(tx, subnetNoun, 'network_id', [network.id]);
  const wanted = requests.map((request) => ({
    address: request.ip_address,
    subnet: subnetFor(network, subnets, request),
  }));
  // always in one order, so that two ports never wait for each other
  for (const id of [...new Set(wanted.map(({ subnet }) => subnet.id))].sort()) await lockAddresses(tx, id);
  const taken: Allocation[] = [];
  // what is named is taken before what is not, or the choice could take it away
  for (const { address, subnet } of wanted) {
    if (address !== undefined) taken.push(await takeNamed(tx, subnet, portId, address, isRouter));
  }
  for (const { address, subnet } of wanted) {
    if (address !== undefined) continue;
    const found = await takeAny(tx, subnet, portId);
    if (found === null) throw noneLeft(network.id);
    taken.push(found);
  }
  return taken;
}

/**
 * Takes a port's addresses.
 * @param requests null: one of each family that the network has
 * @param isRouter it may have the address of the gateway, which is what it is
 */
const takeAddresses = (
  tx: Tx,
  network: StoredNetwork,
  portId: string,
  requests: readonly AddressRequest[] | null,
  isRouter = false,
): Promise<Allocation[]> =>
  requests === null ? takeOfEach(tx, network, portId) : takeRequested(tx, network, portId, requests, isRouter);

export type NewPort = Omit<
  StoredPort,
  'id' | 'macAddress' | 'status' | 'revision' | 'createdAt' | 'updatedAt' | 'tags' | 'qosPolicyId' | 'extraDhcpOpts'
> & {
  readonly qosPolicyId?: string | null;
  readonly extraDhcpOpts?: StoredPort['extraDhcpOpts'];
  readonly id?: string;
  /** Null: one is made. */
  readonly macAddress: string | null;
  /** It is the way of its subnets to others, and may have their gateways' addresses. */
  readonly isRouter?: boolean;
};

/** A new port and its addresses. */
export interface MadePort {
  readonly port: StoredPort;
  readonly addresses: readonly Allocation[];
}

/** Makes a port with its addresses. The id may be given, to make a second one of the kind impossible. */
export async function makePort(
  tx: Tx,
  network: StoredNetwork,
  wanted: NewPort,
  requests: readonly AddressRequest[] | null,
  { now, engine }: Pick<Act, 'now' | 'engine'>,
): Promise<MadePort> {
  const id = wanted.id ?? newUuid();
  const { isRouter = false, qosPolicyId = null, extraDhcpOpts = null, ...fields } = wanted;
  for (let attempt = 1; ; attempt += 1) {
    const macAddress = wanted.macAddress ?? randomMac();
    const made: StoredPort = {
      ...fields,
      qosPolicyId,
      extraDhcpOpts,
      id,
      macAddress,
      status: 'DOWN',
      tags: [],
      revision: 1,
      createdAt: now,
      updatedAt: now,
    };
    const port = settled(made, engine);
    try {
      await insertRow(tx, portNoun, port);
    } catch (error) {
      // a given id that is taken is for whoever gave it
      if (!isDuplicate(error) || !(await hasMac(tx, network.id, macAddress, id))) throw error;
      if (wanted.macAddress === null && attempt < MAC_ATTEMPTS) continue;
      throw macInUse(network.id, macAddress);
    }
    return { port, addresses: await takeAddresses(tx, network, id, requests, isRouter) };
  }
}

/** As `makePort`, where the addresses do not matter. */
export const createPort = async (...wanted: Parameters<typeof makePort>): Promise<StoredPort> =>
  (await makePort(...wanted)).port;

export async function savePort(
  tx: Tx,
  port: StoredPort,
  { now, engine }: { readonly now: number; readonly engine: NetworkEngine },
): Promise<StoredPort> {
  const next = settled({ ...port, revision: port.revision + 1, updatedAt: now }, engine);
  await replaceRow(tx, portNoun, next).catch((error: unknown) => {
    throw isDuplicate(error) ? macInUse(port.networkId, port.macAddress) : error;
  });
  return next;
}

/** Gives a port other addresses; those that stay are not given up in between. */
export async function replaceAddresses(
  tx: Tx,
  network: StoredNetwork,
  portId: string,
  requests: readonly AddressRequest[],
  now: number,
): Promise<void> {
  const held = await allocationsBy(tx, 'port_id', [portId]);
  await deleteAllocations(tx, portId);
  // a wish for a subnet alone keeps the address that the port has there
  const kept = new Set<Allocation>();
  const exact = requests.map((request): AddressRequest => {
    if (request.ip_address !== undefined) return request;
    const has = held.find((allocation) => allocation.subnetId === request.subnet_id && !kept.has(allocation));
    if (has === undefined || requests.some((other) => other.ip_address === has.address)) return request;
    kept.add(has);
    return { subnet_id: has.subnetId, ip_address: has.address };
  });
  await takeAddresses(tx, network, portId, exact);
  const has = await allocationsBy(tx, 'port_id', [portId]);
  const stay = has.map(({ address }) => address);
  await detachFloatingIps(tx, portId, stay, now);
  await dropForwardings(tx, portId, stay, now);
}

export async function removePort(tx: Tx, portId: string, now: number): Promise<void> {
  // whoever points a floating address to it meanwhile waits, and finds it gone
  await lockRow(tx, portNoun, { id: portId });
  await detachFloatingIps(tx, portId, [], now);
  await dropForwardings(tx, portId, [], now);
  await deleteAllocations(tx, portId);
  await deleteRow(tx, portNoun, portId);
}

/** A floating address goes with the port that holds it, and with where its ports lead. */
export async function removeFloatingIp(tx: Tx, ip: StoredFloatingIp, now: number): Promise<void> {
  await deleteForwardingsOf(tx, ip.id);
  await deleteRow(tx, floatingIpNoun, ip.id);
  notePriced(tx, 'floating_ip', ip.id, now);
  await removePort(tx, ip.floatingPortId, now);
}

/** The port as its owner left it: no device, no host. */
export const unplugged = (port: StoredPort): StoredPort => ({
  ...port,
  deviceId: '',
  deviceOwner: '',
  binding: { ...unbound, vnic_type: port.binding.vnic_type },
});
