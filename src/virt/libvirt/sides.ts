// Why: a domain that runs has two definitions, the one that runs and the one that the next start takes; what is plugged in goes into both.

import { isOff } from './guest.ts';
import type { Host } from './host.ts';
import * as vir from './rpc/constants.ts';
import type { DomainRef } from './rpc/types.ts';

export type Side = typeof vir.VIR_DOMAIN_AFFECT_LIVE | typeof vir.VIR_DOMAIN_AFFECT_CONFIG;

/** The definitions that a domain has: of a running one, what runs and what comes next. */
export async function sidesOf(host: Host, domain: DomainRef): Promise<readonly Side[]> {
  const off = await isOff(host.connection, domain);
  return off ? [vir.VIR_DOMAIN_AFFECT_CONFIG] : [vir.VIR_DOMAIN_AFFECT_LIVE, vir.VIR_DOMAIN_AFFECT_CONFIG];
}
