// Why: the networks that a caller sees are the network service's to tell.

import { notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { NetworkName } from '../../domain/networks/networks.ts';
import type { OpsDeps } from '../deps.ts';

export const listNetworks = ({ network }: OpsDeps, op: Op): Promise<readonly NetworkName[]> =>
  network.networks(op.caller);

/** Throws Nova's 404. */
export async function showNetwork({ network }: OpsDeps, op: Op, id: string): Promise<NetworkName> {
  const found = await network.network(op.caller, id);
  if (found === null) throw notFound('Network not found', { code: 'NetworkNotFound' });
  return found;
}
