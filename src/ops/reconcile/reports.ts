// Why: what agents say of their own accord becomes rows: that a host is alive, what it has, what its guests did.

import { newUuid } from '../../base/ids.ts';
import type { AgentReport } from '../../bus/contract.ts';
import { holdHost, upsertHost } from '../../db/hosts.ts';
import { noteBeat, upsertService } from '../../db/services.ts';
import { alone, tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { termsInForce } from '../placement/host-terms.ts';
import { followGuest, reconcileHost } from './guests.ts';
import { handlePressure } from './autoscale.ts';
import { keepUsage } from './usage-samples.ts';

const BINARY = 'nova-compute';

/** Takes one report; twice is once. */
export async function handleReport(deps: OpsDeps, report: AgentReport): Promise<void> {
  const { host } = report;
  if (report.kind === 'guest') {
    const { event } = report;
    if (event.uuid === null) return;
    await followGuest(deps, host, event.uuid, event);
    return;
  }
  const { clock } = deps;
  if (report.kind === 'heartbeat') return alone(deps.database, (t) => noteBeat(t, BINARY, host, clock.now()));
  if (report.kind === 'usage') return keepUsage(deps, report);
  if (report.kind === 'pressure') return handlePressure(deps, report);
  if (report.kind === 'guests') return reconcileHost(deps, host, report.guests);
  await tx(deps.database, async (t) => {
    const nowMs = clock.now();
    const { inventory } = report;
    // first: an administrator who changes an aggregate now has this row too
    await holdHost(t, host);
    const { zone, ...terms } = await termsInForce(t, deps, host, inventory);
    const serviceId = await upsertService(t, { uuid: newUuid(), binary: BINARY, host, zone, nowMs });
    await upsertHost(t, { uuid: newUuid(), serviceId, host, inventory, ...terms, nowMs });
  });
  await reconcileHost(deps, host, report.guests);
}
