// Why: a server wants a network before anybody has made one: the shared network of the first start, and the one that a project
// gets for itself when it has none.

import type { Clock } from '../../base/clock.ts';
import { conflict, Fault } from '../../base/errors.ts';
import type { Database } from '../../db/engine.ts';
import { isDuplicate } from '../../db/errors.ts';
import { keepWildcards } from '../../db/network-rbac.ts';
import { networkNoun, type StoredNetwork, subnetNoun } from '../../db/networks.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type Cidr, formatCidr, formatIp } from '../../base/ip.ts';
import { defaultPools } from './addresses.ts';
import { born } from './common.ts';
import { units } from '../../cloud/ovn/northbound.ts';
import { derivedUuid } from './derived.ts';
import { type NetworkEngine, touch } from './engine.ts';
import type { Act } from './noun.ts';
import { mtuFor, plainProvider } from './provider.ts';
import { checkQuota } from './quotas.ts';
import { checkRange, freeRange, lockRanges, type SubnetRanges } from './subnet-ranges.ts';

export interface NewTopology {
  readonly id: string;
  /** Where it is derived, only one of many that are made at the same time comes to be. */
  readonly subnetId: string;
  readonly name: string;
  readonly description: string;
  readonly projectId: string;
  readonly shared: boolean;
  readonly cidr: Cidr;
  readonly dnsServers: readonly string[];
}

/** A network with one subnet, whose first address is the gateway. */
export async function insertTopology(
  trx: Tx,
  wanted: NewTopology,
  { now, engine }: Pick<Act, 'now' | 'engine'>,
): Promise<StoredNetwork> {
  const values = { project_id: wanted.projectId, name: wanted.name, description: wanted.description };
  const provider = plainProvider(engine);
  const network: StoredNetwork = {
    ...born(values, now, wanted.id),
    adminStateUp: true,
    shared: wanted.shared,
    external: false,
    isDefault: wanted.shared,
    portSecurityEnabled: true,
    mtu: mtuFor(engine, provider),
    ...provider,
    qosPolicyId: null,
  };
  const gateway = { version: wanted.cidr.version, value: wanted.cidr.first + 1n };
  await insertRow(trx, networkNoun, network);
  await keepWildcards(trx, network, now);
  await insertRow(trx, subnetNoun, {
    ...born({ ...values, name: `${wanted.name}-subnet`, description: '' }, now, wanted.subnetId),
    networkId: wanted.id,
    ipVersion: wanted.cidr.version,
    cidr: formatCidr(wanted.cidr),
    gatewayIp: formatIp(gateway),
    enableDhcp: true,
    allocationPools: defaultPools(wanted.cidr, gateway),
    dnsNameservers: wanted.dnsServers,
    hostRoutes: [],
    subnetPoolId: null,
  });
  await touch(trx, engine, [units.network(network.id)], now);
  return network;
}

/** What auto-allocation needs of the service. */
interface Parts {
  readonly database: Database;
  readonly clock: Clock;
  readonly ranges: SubnetRanges;
  readonly engine: NetworkEngine;
}

/**
 * The range of a network that a project is to get, which it might have made itself: of what the operator leaves to projects, and
 * within the project's quotas, whoever asks.
 * @throws conflict
 */
async function ownRange(
  trx: Tx,
  { ranges, engine }: Pick<Parts, 'ranges' | 'engine'>,
  projectId: string,
): Promise<Cidr> {
  await checkQuota(trx, 'network', projectId, 1);
  await checkQuota(trx, 'subnet', projectId, 1);
  const taken = await lockRanges(trx);
  const cidr = freeRange(ranges, taken);
  if (cidr === null) {
    throw conflict('No address range is left for another network.', { code: 'AutoAllocationFailure' });
  }
  checkRange({ everywhere: false, ranges, engine }, taken, cidr, { projectId, networkId: null, external: false });
  return cidr;
}

const ownId = (projectId: string): string => derivedUuid('auto-allocated network', projectId);

/** The network that a project was given; null: none. */
export const autoAllocated = (
  { database }: Pick<Parts, 'database'>,
  projectId: string,
): Promise<StoredNetwork | null> => findRow(database.read, networkNoun, { id: ownId(projectId) });

/** A project has its own network, or could get it. @throws conflict */
export async function checkAutoAllocation(parts: Parts, projectId: string): Promise<void> {
  if ((await findRow(parts.database.read, networkNoun, { id: ownId(projectId) })) !== null) return;
  await tx(parts.database, (trx) => ownRange(trx, parts, projectId));
}

/** A project's own network, made when it is first asked for. @throws conflict */
export async function autoAllocate(
  { database, clock, ranges, engine }: Parts,
  projectId: string,
): Promise<StoredNetwork> {
  const id = ownId(projectId);
  const existing = await findRow(database.read, networkNoun, { id });
  if (existing !== null) return existing;
  try {
    return await tx(database, async (trx) => {
      // of many that ask at once, those that waited find it made
      const made = await lockRow(trx, networkNoun, { id });
      if (made !== null) return made;
      const cidr = await ownRange(trx, { ranges, engine }, projectId);
      const wanted = {
        id,
        subnetId: derivedUuid('subnet', id),
        name: 'auto_allocated_network',
        description: '',
        projectId,
        shared: false,
        cidr,
        dnsServers: [],
      };
      return insertTopology(trx, wanted, { now: clock.now(), engine });
    });
  } catch (error) {
    // by another one meanwhile, so that there was none left for this one
    const made =
      isDuplicate(error) || error instanceof Fault ? await findRow(database.read, networkNoun, { id }) : null;
    if (made === null) throw error;
    return made;
  }
}
