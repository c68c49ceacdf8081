// Why: what a network is made of is its administrator's to say: a part of a wire that hosts lead to (flat, VLAN), or tunnels between
// hosts (Geneve), which is what every other network gets. What nothing carries is refused where it is asked for.

import { conflict } from '../../base/errors.ts';
import { hostChassis } from '../../db/hosts.ts';
import { takeLock } from '../../db/named-locks.ts';
import { networksOnSegment, type StoredNetwork } from '../../db/networks.ts';
import type { Reader } from '../../db/engine.ts';
import type { Attributes, Values } from './attributes.ts';
import { fixed } from './common.ts';
import type { NetworkEngine } from './engine.ts';
import { inUse, invalidInput } from './faults.ts';
import { integer, orNull, text } from './forms.ts';
import type { Act } from './noun.ts';

export type Provider = Pick<StoredNetwork, 'networkType' | 'physicalNetwork' | 'segmentationId'>;

/** What Neutron calls a network that no wire leads to and from: each host has its own, behind NAT. */
const LOCAL = 'local';

const NAME_CHARS = 64;
const VLANS = 4094;
/** OVN keeps what is above to itself. */
const TUNNELS = 16_711_680;

export const providerAttributes: Attributes = {
  'provider:network_type': fixed(orNull(text(NAME_CHARS))),
  'provider:physical_network': fixed(orNull(text(NAME_CHARS))),
  'provider:segmentation_id': fixed(orNull(integer(1, TUNNELS))),
};

export const providerView = ({ networkType, physicalNetwork, segmentationId }: Provider) => ({
  'provider:network_type': networkType ?? LOCAL,
  'provider:physical_network': physicalNetwork,
  'provider:segmentation_id': segmentationId,
});

interface Wish {
  readonly type: string | null;
  readonly wire: string | null;
  readonly segment: number | null;
}

const wishOf = (values: Values): Wish => ({
  type: (values['provider:network_type'] as string | null | undefined) ?? null,
  wire: (values['provider:physical_network'] as string | null | undefined) ?? null,
  segment: (values['provider:segmentation_id'] as number | null | undefined) ?? null,
});

/** @throws badRequest where no host says that it leads to a wire */
async function checkWire(reader: Reader, engine: NetworkEngine, wire: string, type: string): Promise<void> {
  if (wire === engine.wire) return;
  const all = [...(await hostChassis(reader)).values()];
  if (!all.some(({ wires }) => wires.includes(wire)))
    throw invalidInput(`physical_network '${wire}' unknown for ${type} provider network`);
}

const taken: Readonly<Record<string, (wish: Wish) => Error>> = {
  flat: ({ wire }) =>
    inUse('FlatNetworkInUse', `Unable to create the flat network. Physical network ${wire} is in use.`),
  vlan: ({ wire, segment }) =>
    inUse('VlanIdInUse', `Unable to create the network. The VLAN ${segment} on physical network ${wire} is in use.`),
  geneve: ({ segment }) => inUse('TunnelIdInUse', `Unable to create the network. The tunnel ID ${segment} is in use.`),
};

/** What is wrong with a wish, whatever else there is; null: nothing. */
function problemOf({ type, wire, segment }: Wish): string | null {
  if (type === null) return 'network_type required';
  if (type === 'geneve') return wire === null ? null : 'provider:physical_network specified for geneve network';
  if (type !== 'flat' && type !== 'vlan')
    return `provider:network_type '${type}' is not to be had: OVN carries flat, vlan and geneve`;
  if (wire === null) return `physical_network required for ${type} provider network`;
  if (type === 'flat') return segment === null ? null : 'segmentation_id specified for flat provider network';
  if (segment === null) return 'segmentation_id required for VLAN provider network';
  return segment > VLANS ? `segmentation_id out of range (1 through ${VLANS})` : null;
}

/** What a network is made of that is on no wire, and of which nothing else was asked. */
export const plainProvider = ({ kind }: NetworkEngine): Provider => ({
  networkType: kind === 'basic' ? null : 'geneve',
  physicalNetwork: null,
  segmentationId: null,
});

/**
 * What a new network is made of.
 * @throws badRequest for what nothing carries; conflict where another network has it
 */
export async function providerOf({ tx, engine }: Act, values: Values): Promise<Provider> {
  const wish = wishOf(values);
  const { type, wire, segment } = wish;
  const isAsked = type !== null || wire !== null || segment !== null;
  if (engine.kind === 'basic') {
    if (isAsked && (type !== LOCAL || wire !== null || segment !== null))
      throw invalidInput(`without OVN (network.engine) networks are 'local' alone, each host's own behind NAT`);
    return plainProvider(engine);
  }
  if (!isAsked) {
    const isOnWire = values['router:external'] === true && engine.wire !== '';
    return isOnWire
      ? { networkType: 'flat', physicalNetwork: engine.wire, segmentationId: null }
      : plainProvider(engine);
  }
  const problem = problemOf(wish);
  if (problem !== null) throw invalidInput(problem);
  // two that ask at once for the same come one after the other
  await takeLock(tx, 'segments');
  if (wire !== null) await checkWire(tx, engine, wire, String(type));
  const has = type === 'flat' || segment !== null;
  if (has && (await networksOnSegment(tx, String(type), wire, segment)) > 0) throw taken[String(type)]?.(wish);
  return { networkType: type, physicalNetwork: wire, segmentationId: segment };
}

/** A network that became external is on the wire of external ones, unless it is on another one. */
export const onWire = (engine: NetworkEngine, network: StoredNetwork): StoredNetwork =>
  network.external && network.physicalNetwork === null && network.networkType !== null && engine.wire !== ''
    ? { ...network, networkType: 'flat', physicalNetwork: engine.wire, segmentationId: null }
    : network;

const DEFAULT_MTU_BYTES = 1500;

/** The MTU of a network, bytes. @throws badRequest where tunnels do not carry what is wished */
export function mtuFor({ tunnelMtu }: NetworkEngine, { networkType }: Provider, wished?: number): number {
  if (networkType !== 'geneve' || tunnelMtu === 0) return wished ?? DEFAULT_MTU_BYTES;
  if (wished !== undefined && wished > tunnelMtu)
    throw invalidInput(`Requested MTU is too big, maximum is ${tunnelMtu}`);
  return wished ?? tunnelMtu;
}

/**
 * A port comes to a host that leads to its network's wire, or it would be nobody's neighbour there.
 * @throws conflict
 */
export async function checkHostOnWire(
  reader: Reader,
  { id, physicalNetwork }: Pick<StoredNetwork, 'id' | 'physicalNetwork'>,
  host: string,
): Promise<void> {
  if (physicalNetwork === null || host === '') return;
  const chassis = (await hostChassis(reader)).get(host);
  if (chassis === undefined || chassis.wires.includes(physicalNetwork)) return;
  throw conflict(
    `Binding failed: host ${host} does not lead to physical network ${physicalNetwork} of network ${id}.`,
    { code: 'PortBindingFailed' },
  );
}
