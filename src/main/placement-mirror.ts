// Why: an operator's Placement is told by the workers, where it is wished; how far it is behind is for the operator to see.

import { limits } from '../base/limits.ts';
import type { PlacementService } from '../cloud/placement.ts';
import { type MirrorLag, mirrorLag } from '../db/placement-mirror.ts';
import type { OpsDeps } from '../ops/index.ts';
import type { Sample } from '../web/metrics.ts';
import { seldom } from './health.ts';
import { checkOperators, isMirrored, openAdapter } from './operators.ts';
import type { BaseParts, Parts } from './parts.ts';

/** A Placement over HTTP; ended with the process. */
async function openPlacement(
  parts: BaseParts,
  answered: (method: string, status: number) => void,
): Promise<PlacementService> {
  const adapter = await openAdapter(parts, 'placement', parts.config.placement.endpoint);
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makePlacement } = await import('../cloud/placement.ts');
  const placement = makePlacement({ ...adapter, answered });
  parts.cleanup.defer(() => placement.close());
  return placement;
}

/** What is asked of Placement, and how far it is behind, as `xloud_placement_*`; nothing of one that is not told. */
function placementMetrics({ config, metrics, database, clock }: Parts) {
  const asked = metrics.counter('xloud_placement_requests_total', 'Requests to Placement, by their answers; 0: none', [
    'method',
    'status',
  ]);
  const lag = seldom(() => mirrorLag(database.read, clock.now()), limits.metricsMs);
  const gauge = (name: string, help: string, labels: readonly string[], of: (lag: MirrorLag) => readonly Sample[]) =>
    metrics.gaugeOf(name, help, labels, async () => (isMirrored(config.placement) ? of(await lag()) : []));
  gauge(
    'xloud_placement_lag_seconds',
    'Age of the oldest change that Placement was not told, or refuses; 0: it says what our books say',
    [],
    ({ seconds }) => [[{}, seconds]],
  );
  gauge(
    'xloud_placement_providers',
    'Hosts that Placement was told of, and those of which it refuses something',
    ['state'],
    ({ told, refused }) => [
      [{ state: 'told' }, told],
      [{ state: 'refused' }, refused],
    ],
  );
  return (method: string, status: number): void => asked.inc({ method, status: String(status) });
}

/** For who runs reconcilers; nothing where Placement is not told. @throws where options do not go together */
export async function openPlacementMirror(parts: Parts): Promise<Pick<OpsDeps, 'placement'>> {
  checkOperators(parts.config);
  const answered = placementMetrics(parts);
  return isMirrored(parts.config.placement) ? { placement: await openPlacement(parts, answered) } : {};
}
