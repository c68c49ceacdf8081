// Why: a host may tell only of guests that are its own; what it told is kept for a day, of servers that are gone as of others.

import type { AgentReport } from '../../bus/contract.ts';
import { findHost } from '../../db/hosts.ts';
import { serversOnHosts } from '../../db/host-servers.ts';
import { alone, tx } from '../../db/tx.ts';
import { forgetSamples, keepSamples } from '../../db/usage-samples.ts';
import { believableHostUsage, believableUsage } from '../../domain/servers/usage.ts';
import type { OpsDeps } from '../deps.ts';

/** Keeps what a host tells of itself and of its guests. */
export async function keepUsage(deps: OpsDeps, report: AgentReport & { readonly kind: 'usage' }): Promise<void> {
  const { database, clock } = deps;
  const { host, usage, guests } = report;
  const known = await findHost(database.read, { host });
  if (known === null) return;
  const here = new Map(
    ((await serversOnHosts(database.read, [host])).get(host) ?? []).map(({ id, uuid }) => [uuid, id]),
  );
  const own = guests.flatMap((guest) => {
    const serverId = here.get(guest.uuid);
    return serverId === undefined ? [] : [{ serverId, usage: believableUsage(guest.usage) }];
  });
  await alone(database, (t) => keepSamples(t, known.id, believableHostUsage(usage), own, clock.now()));
}

/** Reconciler: what is older than a day goes. */
export async function usageSamples({ database, clock }: OpsDeps): Promise<void> {
  await tx(database, (t) => forgetSamples(t, clock.now()));
}
