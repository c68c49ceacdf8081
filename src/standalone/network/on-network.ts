// Why: who may do what to a subnet or a port depends on whose network it is on; this is what rules may say of that.

import type { Reader } from '../../db/engine.ts';
import { networkNoun, rowsBy, type StoredNetwork } from '../../db/networks.ts';
import { findRow } from '../../db/table.ts';
import type { Target } from '../../policies/engine.ts';
import { missing } from './faults.ts';
import type { Act } from './noun.ts';

export const onNetwork = (network: StoredNetwork | undefined): Target =>
  network === undefined
    ? {}
    : {
        'network:project_id': network.projectId,
        'network:tenant_id': network.projectId,
        shared: network.shared,
        'router:external': network.external,
      };

/** For each of some objects, what rules may say of its network: one query for all. */
export async function ofNetworks(
  reader: Reader,
  objects: readonly { readonly networkId: string }[],
): Promise<readonly Target[]> {
  const ids = [...new Set(objects.map(({ networkId }) => networkId))];
  const byId = new Map((await rowsBy(reader, networkNoun, 'id', ids)).map((network) => [network.id, network]));
  return objects.map(({ networkId }) => onNetwork(byId.get(networkId)));
}

/** A network that whoever acts may know of. @throws notFound */
export async function knownNetwork({ tx, caller, everywhere }: Act, id: string): Promise<StoredNetwork> {
  const network = await findRow(tx, networkNoun, { id });
  if (network === null) throw missing('network', id);
  if (everywhere || network.shared || network.external || network.projectId === caller.projectId) return network;
  throw missing('network', id);
}
