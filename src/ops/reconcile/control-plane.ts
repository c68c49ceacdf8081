// Why: operators' tools ask os-services whether the control plane lives. A worker is what Nova has two services for: the one that
// drives actions and the one that chooses hosts.

import { newUuid } from '../../base/ids.ts';
import { upsertService } from '../../db/services.ts';
import { tx } from '../../db/tx.ts';
import { INTERNAL_ZONE } from '../../domain/placement/aggregates.ts';
import type { OpsDeps } from '../deps.ts';

const BINARIES = ['nova-conductor', 'nova-scheduler'] as const;

/** Notes that the control plane on this machine is alive. */
export async function reportControlPlane({ database, clock }: OpsDeps, host: string): Promise<void> {
  await tx(database, async (t) => {
    for (const binary of BINARIES) {
      await upsertService(t, { uuid: newUuid(), binary, host, zone: INTERNAL_ZONE, nowMs: clock.now() });
    }
  });
}
