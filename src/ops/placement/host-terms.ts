// Why: what a host's operator says of it is a row that placement reads; it is written anew where its word or an aggregate's changes.

import { metadataOfHosts } from '../../db/aggregates.ts';
import { setTerms, toldByHosts } from '../../db/hosts.ts';
import type { Tx } from '../../db/tx.ts';
import { type HostTerms, overridden } from '../../domain/placement/host-terms.ts';
import type { HostInventory } from '../../domain/placement/hosts.ts';
import type { OpsDeps } from '../deps.ts';

type Caller = Pick<OpsDeps, 'config'>;

/** Of a host whose agent says nothing. */
const byDefault = ({ config: { defaultZone: zone, ratios, reserved } }: Caller): HostTerms => ({
  zone,
  ratios,
  reserved,
});

/** What counts for a host: its own word, or the control plane's where its agent says nothing, and what its aggregates override. */
export async function termsInForce(t: Tx, deps: Caller, host: string, { facts }: HostInventory): Promise<HostTerms> {
  const said = await metadataOfHosts(t, [host]);
  return overridden(facts.terms ?? byDefault(deps), said.get(host) ?? []);
}

/** After a change of an aggregate that these hosts are in, or were: two reads, and a write for each kind of terms that they have. */
export async function applyTerms(t: Tx, deps: Caller, hosts: readonly string[]): Promise<void> {
  if (hosts.length === 0) return;
  const said = await metadataOfHosts(t, hosts);
  const told = await toldByHosts(t, hosts);
  const inForce = told.map(({ id, host, terms = byDefault(deps) }) => ({
    id,
    terms: overridden(terms, said.get(host) ?? []),
  }));
  const alike = Map.groupBy(inForce, ({ terms: { ratios, reserved } }) => JSON.stringify({ ratios, reserved }));
  for (const group of alike.values()) {
    const [first] = group;
    if (first !== undefined)
      await setTerms(
        t,
        group.map(({ id }) => id),
        first.terms,
      );
  }
}
