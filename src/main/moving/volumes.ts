// Why: volumes are taken over with their servers if this program uses the same Cinder, whose attachments are read for that.

import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import type { MovingVolumes } from '../../ops/moving/deps.ts';
import type { Cleanup } from '../cleanup.ts';
import type { Config } from '../config.ts';

/** Null: this program does not use Cinder. */
export async function openMovingVolumes(config: Config, cleanup: Cleanup): Promise<MovingVolumes | null> {
  if (config.volume.service !== 'cinder') return null;
  const { openAdapter } = await import('../operators.ts');
  const { cinderHttp } = await import('../../cloud/cinder-http.ts');
  const { attachedVolumes } = await import('../../cloud/cinder-attached.ts');
  const parts = { config, clock: systemClock, log: silentLog, cleanup };
  const http = cinderHttp(await openAdapter(parts, 'volume', config.volume.endpoint));
  cleanup.defer(() => http.close());
  return { attached: () => attachedVolumes(http) };
}
