// Why: a port's life: its addresses are taken under the subnet's lock and a unique key, its binding follows its device. The API
// and compute's own service both go through here.

import { randomBytes } from 'node:crypto';
import { newUuid } from '../../base/ids.ts';
import { isDuplicate } from '../../db/errors.ts';
import { detachFloatingIps, floatingIpNoun, type StoredFloatingIp } from '../../db/floating-ips.ts';
import {
  type Allocation,
  allocationsBy,
  type Binding,
  deleteAllocations,
  deleteRow,
  insertAllocation,
  insertRow,
  lockAddresses,
  lockRow,
  portNoun,
  replaceRow,
  rowsBy,
  type StoredNetwork,
  type StoredPort,
  type StoredSubnet,
  subnetNoun,
  takenAddresses,
} from '../../db/networks.ts';
import type { Tx } from '../../db/tx.ts';
import { anyAddresses, anyFree } from './addresses.ts';
import { inUse, invalid, invalidInput } from './faults.ts';
import { fitsSubnet } from './subnet-noun.ts';

/** What a port asks for: an address, a subnet, or both. */
export interface AddressWish {
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

/** The port with what follows from its device and host: how it is plugged, and whether it is up. */
export function settled(port: StoredPort): StoredPort {
  const plugged = port.binding.host_id !== '';
  const vif = plugged
    ? { vif_type: 'nat', vif_details: { port_filter: true } }
    : { vif_type: 'unbound', vif_details: {} };
  const active = plugged && port.deviceId !== '' && port.adminStateUp;
  return { ...port, status: active ? 'ACTIVE' : 'DOWN', binding: { ...port.binding, ...vif } };
}

const noneLeft = (networkId: string) =>
  inUse('IpAddressGenerationFailure', `No more IP addresses available on network ${networkId}.`);

const macInUse = (networkId: string, macAddress: string) =>
  inUse(
    'MacAddressInUse',
    `Unable to complete operation for network ${networkId}. The mac address ${macAddress} is in use.`,
  );

function subnetFor(network: StoredNetwork, subnets: readonly StoredSubnet[], wish: AddressWish): StoredSubnet {
  const { subnet_id: subnetId, ip_address: address } = wish;
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
  const tried = anyAddresses(allocationPools, TRIES, Math.random);
  const held = await takenAddresses(tx, id, tried);
  const free = tried.find((address) => !held.has(address) && address !== gatewayIp);
  if (free !== undefined) return free;
  const taken = await takenAddresses(tx, id);
  return anyFree(allocationPools, gatewayIp === null ? taken : taken.add(gatewayIp), Math.random);
}

/** Takes an address of a subnet that is locked, this one or any; false where any is wanted and none is free. */
async function take(tx: Tx, subnet: StoredSubnet, portId: string, wanted: string | null): Promise<boolean> {
  const address = wanted ?? (await freeAddress(tx, subnet));
  if (address === null) return false;
  if (wanted !== null) {
    const held = await takenAddresses(tx, subnet.id, [wanted]);
    if (held.size > 0 || wanted === subnet.gatewayIp) {
      throw inUse('IpAddressAlreadyAllocated', `IP address ${wanted} already allocated in subnet ${subnet.id}`);
    }
  }
  await insertAllocation(tx, { subnetId: subnet.id, address, portId });
  return true;
}

/**
 * Takes a port's addresses.
 * @param wishes null: one of each family that the network has
 */
async function takeAddresses(
  tx: Tx,
  network: StoredNetwork,
  portId: string,
  wishes: readonly AddressWish[] | null,
): Promise<void> {
  const subnets = await rowsBy(tx, subnetNoun, 'network_id', [network.id]);
  const wanted = wishes?.map((wish) => ({ wish, subnet: subnetFor(network, subnets, wish) })) ?? [];
  const involved = wishes === null ? subnets : wanted.map(({ subnet }) => subnet);
  // always in one order, so that two ports never wait for each other
  for (const id of [...new Set(involved.map((subnet) => subnet.id))].sort()) await lockAddresses(tx, id);
  // what is named is taken before what is not, or the choice could take it away
  const named = wanted.filter(({ wish }) => wish.ip_address !== undefined);
  const open = wanted.filter(({ wish }) => wish.ip_address === undefined);
  for (const { wish, subnet } of named) await take(tx, subnet, portId, wish.ip_address ?? null);
  for (const { subnet } of open) if (!(await take(tx, subnet, portId, null))) throw noneLeft(network.id);
  if (wishes !== null) return;
  for (const version of [4, 6]) {
    const family = subnets.filter((subnet) => subnet.ipVersion === version);
    let found = family.length === 0;
    for (const subnet of family) found ||= await take(tx, subnet, portId, null);
    if (!found) throw noneLeft(network.id);
  }
}

export type NewPort = Omit<
  StoredPort,
  'id' | 'macAddress' | 'status' | 'revision' | 'createdAt' | 'updatedAt' | 'tags'
> & {
  readonly id?: string;
  /** Null: one is made. */
  readonly macAddress: string | null;
};

/** Makes a port with its addresses. The id may be given, to make a second one of the kind impossible. */
export async function createPort(
  tx: Tx,
  network: StoredNetwork,
  wanted: NewPort,
  wishes: readonly AddressWish[] | null,
  now: number,
): Promise<StoredPort> {
  const id = wanted.id ?? newUuid();
  for (let attempt = 1; ; attempt += 1) {
    const macAddress = wanted.macAddress ?? randomMac();
    const clashes = await tx('ports').where({ network_id: network.id, mac_address: macAddress }).first('id');
    if (clashes !== undefined) {
      if (wanted.macAddress === null && attempt < MAC_ATTEMPTS) continue;
      throw macInUse(network.id, macAddress);
    }
    const made: StoredPort = {
      ...wanted,
      id,
      macAddress,
      status: 'DOWN',
      tags: [],
      revision: 1,
      createdAt: now,
      updatedAt: now,
    };
    const port = settled(made);
    try {
      await insertRow(tx, portNoun, port);
    } catch (error) {
      // a given id that is taken is for whoever gave it; else another took the MAC address in this moment
      if (!isDuplicate(error) || wanted.id !== undefined) throw error;
      throw macInUse(network.id, macAddress);
    }
    await takeAddresses(tx, network, id, wishes);
    return port;
  }
}

export async function savePort(tx: Tx, port: StoredPort, now: number): Promise<StoredPort> {
  const next = settled({ ...port, revision: port.revision + 1, updatedAt: now });
  await replaceRow(tx, portNoun, next);
  return next;
}

/** Gives a port other addresses; those that stay are not given up in between. */
export async function replaceAddresses(
  tx: Tx,
  network: StoredNetwork,
  portId: string,
  wishes: readonly AddressWish[],
  now: number,
): Promise<void> {
  const held = await allocationsBy(tx, 'port_id', [portId]);
  await deleteAllocations(tx, portId);
  // a wish for a subnet alone keeps the address that the port has there
  const kept = new Set<Allocation>();
  const exact = wishes.map((wish): AddressWish => {
    if (wish.ip_address !== undefined) return wish;
    const has = held.find((allocation) => allocation.subnetId === wish.subnet_id && !kept.has(allocation));
    if (has === undefined || wishes.some((other) => other.ip_address === has.address)) return wish;
    kept.add(has);
    return { subnet_id: has.subnetId, ip_address: has.address };
  });
  await takeAddresses(tx, network, portId, exact);
  const has = await allocationsBy(tx, 'port_id', [portId]);
  await detachFloatingIps(
    tx,
    portId,
    has.map(({ address }) => address),
    now,
  );
}

export async function removePort(tx: Tx, portId: string, now: number): Promise<void> {
  // whoever points a floating address to it meanwhile waits, and finds it gone
  await lockRow(tx, portNoun, portId);
  await detachFloatingIps(tx, portId, [], now);
  await deleteAllocations(tx, portId);
  await deleteRow(tx, portNoun, portId);
}

/** A floating address goes with the port that holds it. */
export async function removeFloatingIp(tx: Tx, ip: StoredFloatingIp, now: number): Promise<void> {
  await deleteRow(tx, floatingIpNoun, ip.id);
  await removePort(tx, ip.floatingPortId, now);
}

/** The port as its owner left it: no device, no host. */
export const unplugged = (port: StoredPort): StoredPort => ({
  ...port,
  deviceId: '',
  deviceOwner: '',
  binding: { ...unbound, vnic_type: port.binding.vnic_type },
});
