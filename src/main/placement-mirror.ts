// Why: an operator's Placement is told by the workers, where it is wished; how far it is behind is for the operator to see.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { PlacementService } from '../cloud/placement.ts';
import type { Database } from '../db/engine.ts';
import { mirrorLag } from '../db/placement-mirror.ts';
import type { OpsDeps } from '../ops/index.ts';
import type { Metrics } from '../web/metrics.ts';
import { seldom } from './health.ts';
import { checkOperators, isMirrored, openAdapter } from './operators.ts';
import type { BaseParts, Parts } from './parts.ts';

/** A Placement over HTTP; ended with the process. */
export async function openPlacement(
  parts: BaseParts,
  answered?: (method: string, status: number) => void,
): Promise<PlacementService> {
  const adapter = await openAdapter(parts, 'placement', parts.config.placement.endpoint);
  // loaded where it is used: its HTTP client alone is ten MiB
  const { makePlacement } = await import('../cloud/placement.ts');
  const placement = makePlacement({ ...adapter, ...(answered === undefined ? {} : { answered }) });
  parts.cleanup.defer(() => placement.close());
  return placement;
}

/** What is asked of Placement, and how far it is behind, as `xloud_placement_*`. */
function placementMetrics(metrics: Metrics, { read }: Database, clock: Clock) {
  const asked = metrics.counter('xloud_placement_requests_total', 'Requests to Placement, by their answers; 0: none', [
    'method',
    'status',
  ]);
  const lag = seldom(() => mirrorLag(read, clock.now()), limits.metricsMs);
  metrics.gaugeOf(
    'xloud_placement_lag_seconds',
    'Age of the oldest change that Placement was not told, or refuses; 0: it says what our books say',
    [],
    async () => [[{}, (await lag()).seconds]],
  );
  metrics.gaugeOf(
    'xloud_placement_providers',
    'Hosts that Placement was told of, and those of which it refuses something',
    ['state'],
    async () => {
      const { told, refused } = await lag();
      return [
        [{ state: 'told' }, told],
        [{ state: 'refused' }, refused],
      ];
    },
  );
  return (method: string, status: number): void => asked.inc({ method, status: String(status) });
}

/** For who runs reconcilers; nothing where Placement is not told. @throws where options do not go together */
export async function openPlacementMirror(parts: Parts): Promise<Pick<OpsDeps, 'placement'>> {
  checkOperators(parts.config);
  if (!isMirrored(parts.config.placement)) return {};
  return {
    placement: await openPlacement(parts, placementMetrics(parts.metrics, parts.database, parts.clock)),
  };
}
