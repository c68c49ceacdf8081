// Why: who may do what to a subnet or a port depends on whose network it is on; this is what rules may say of that.

import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import { asMetBy, isShared } from '../../db/network-rbac.ts';
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

/** A network as a project meets it: `shared` and `external` where it is so for this project. */
export const metBy = async (reader: Reader, projectId: string | null, network: StoredNetwork): Promise<StoredNetwork> =>
  (await asMetBy(reader, projectId, [network]))[0] ?? network;

/** For each of some objects, what rules may say of its network to a caller: two queries for all. */
export async function ofNetworks(
  reader: Reader,
  objects: readonly { readonly networkId: string }[],
  { projectId }: Pick<Caller, 'projectId'>,
): Promise<readonly Target[]> {
  const ids = [...new Set(objects.map(({ networkId }) => networkId))];
  const found = await asMetBy(reader, projectId, await rowsBy(reader, networkNoun, 'id', ids), isShared);
  const byId = new Map(found.map((network) => [network.id, network]));
  return objects.map(({ networkId }) => onNetwork(byId.get(networkId)));
}

/** A network that whoever acts may know of. @throws notFound */
export async function knownNetwork({ tx, caller, everywhere }: Act, id: string): Promise<StoredNetwork> {
  const found = await findRow(tx, networkNoun, { id });
  if (found === null) throw missing('network', id);
  const network = await metBy(tx, caller.projectId, found);
  if (everywhere || network.shared || network.external || network.projectId === caller.projectId) return network;
  throw missing('network', id);
}
