// Why: opens the Placement mirror in workers if it is enabled, and exports its lag as metrics.

import { limits } from '../base/limits.ts';
import type { PlacementService } from '../cloud/placement.ts';
import { type MirrorLag, mirrorLag } from '../db/placement-mirror.ts';
import type { OpsDeps } from '../ops/index.ts';
import type { Sample } from '../web/metrics.ts';
import { seldom } from './health.ts';
import { checkOperators, isMirrored, openAdapter } from './operators.ts';
import type { BaseParts, Parts } from './parts.ts';

/** A Placement client, closed with the process. */
async function openPlacement(
  parts: BaseParts,
  answered: (method: string, status: number) => void,
): Promise<PlacementService> {
  const adapter = await openAdapter(parts, 'placement', parts.config.placement.endpoint);
  // loaded on use: its HTTP client alone takes ten MiB
  const { makePlacement } = await import('../cloud/placement.ts');
  const placement = makePlacement({ ...adapter, answered });
  parts.cleanup.defer(() => placement.close());
  return placement;
}

/** The metrics `xloud_placement_*`; the gauges have no samples if the mirror is off. Returns the request counter. */
function placementMetrics({ config, metrics, database, clock }: Parts) {
  const asked = metrics.counter('xloud_placement_requests_total', 'Requests to Placement, by status; 0: no answer', [
    'method',
    'status',
  ]);
  const lag = seldom(() => mirrorLag(database.read, clock.now()), limits.metricsMs);
  const gauge = (name: string, help: string, labels: readonly string[], of: (lag: MirrorLag) => readonly Sample[]) =>
    metrics.gaugeOf(name, help, labels, async () => (isMirrored(config.placement) ? of(await lag()) : []));
  gauge(
    'xloud_placement_lag_seconds',
    'Age of the oldest change that was not written to Placement, or is refused by it; 0: Placement is up to date',
    [],
    ({ seconds }) => [[{}, seconds]],
  );
  gauge(
    'xloud_placement_providers',
    'Hosts that were written to Placement, and hosts of which it refuses something',
    ['state'],
    ({ told, refused }) => [
      [{ state: 'told' }, told],
      [{ state: 'refused' }, refused],
    ],
  );
  return (method: string, status: number): void => asked.inc({ method, status: String(status) });
}

/** For processes that run reconcilers; empty if the mirror is off. @throws if options contradict each other */
export async function openPlacementMirror(parts: Parts): Promise<Pick<OpsDeps, 'placement'>> {
  checkOperators(parts.config);
  const answered = placementMetrics(parts);
  return isMirrored(parts.config.placement) ? { placement: await openPlacement(parts, answered) } : {};
}
