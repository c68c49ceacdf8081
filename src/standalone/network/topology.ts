// Why: a server wants a network before anybody has made one: the shared network of the first start, and the one that a project
// gets for itself when it has none.

import type { Clock } from '../../base/clock.ts';
import { conflict } from '../../base/errors.ts';
import type { Database } from '../../db/engine.ts';
import { isDuplicate } from '../../db/errors.ts';
import { takeLock } from '../../db/named-locks.ts';
import { findRow, insertRow, networkNoun, type StoredNetwork, subnetCidrs, subnetNoun } from '../../db/networks.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type Cidr, formatCidr, formatIp, overlaps, parseCidr } from '../../base/ip.ts';
import { defaultPools } from './addresses.ts';
import { born } from './common.ts';
import { derivedUuid } from './derived.ts';

const MTU_BYTES = 1500;

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
export async function insertTopology(trx: Tx, wanted: NewTopology, now: number): Promise<StoredNetwork> {
  const values = { project_id: wanted.projectId, name: wanted.name, description: wanted.description };
  const network: StoredNetwork = {
    ...born(values, now, wanted.id),
    adminStateUp: true,
    shared: wanted.shared,
    external: false,
    isDefault: wanted.shared,
    portSecurityEnabled: true,
    mtu: MTU_BYTES,
  };
  const gateway = { version: wanted.cidr.version, value: wanted.cidr.first + 1n };
  await insertRow(trx, networkNoun, network);
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
  });
  return network;
}

/** The first /24 of 10.124.0.0/14 that overlaps no subnet. */
async function freeCidr(trx: Tx): Promise<Cidr> {
  await takeLock(trx, 'subnet_ranges');
  const taken = (await subnetCidrs(trx)).map(({ cidr }) => parseCidr(cidr));
  for (let second = 124; second < 128; second += 1) {
    for (let third = 0; third < 256; third += 1) {
      const cidr = parseCidr(`10.${second}.${third}.0/24`);
      if (cidr !== null && !taken.some((other) => other !== null && overlaps(cidr, other))) return cidr;
    }
  }
  throw conflict('No address range is left for another network.', { code: 'AutoAllocationFailure' });
}

/** A project's own network, made when it is first asked for. */
export async function autoAllocate(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  projectId: string,
): Promise<StoredNetwork> {
  const id = derivedUuid('auto-allocated network', projectId);
  const existing = await findRow(database.read, networkNoun, id);
  if (existing !== null) return existing;
  try {
    return await tx(database, async (trx) => {
      const cidr = await freeCidr(trx);
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
      return insertTopology(trx, wanted, clock.now());
    });
  } catch (error) {
    const made = isDuplicate(error) ? await findRow(database.read, networkNoun, id) : null;
    if (made === null) throw error;
    return made;
  }
}
