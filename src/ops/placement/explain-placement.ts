// Why: administrators ask where a server would go, and why not elsewhere, before or after somebody asked for it. Reads what a
// placement reads; claims nothing.

import type { Op } from '../../base/op.ts';
import { listCandidates } from '../../db/candidates.ts';
import { placementInGroup } from '../../db/server-groups.ts';
import { startSizeOf } from '../../domain/machines/flavors.ts';
import { type ExplainedHost, explain } from '../../scheduler/explain.ts';
import type { PlacementSpec } from '../../scheduler/spec.ts';
import { activeImage } from '../servers/boot-source.ts';
import { flavorFor } from '../servers/new-server.ts';
import type { OpsDeps } from '../deps.ts';
import { type Destination, optionsOf, placementOf, specOf } from './place.ts';
import { hintedGroup } from '../administration/server-groups.ts';

/** A server that somebody may ask for. */
export interface PlacementQuestion extends Destination {
  readonly flavorRef: string;
  /** Empty: any. */
  readonly imageRef: string;
  readonly zone: string | null;
  readonly projectId: string;
  readonly schedulerHints: Readonly<Record<string, unknown>>;
}

export interface PlacementAnswer {
  readonly spec: PlacementSpec;
  readonly hosts: readonly ExplainedHost[];
}

/** What the scheduler says of every host. Throws 400 for a flavor, image or group that there is not. */
export async function explainPlacement(deps: OpsDeps, op: Op, asked: PlacementQuestion): Promise<PlacementAnswer> {
  const { imageRef, schedulerHints } = asked;
  const { read } = deps.database;
  const flavor = await flavorFor(deps, op, asked.flavorRef);
  const image =
    imageRef === '' ? null : await activeImage(deps, op.caller, imageRef, `Image ${imageRef} could not be found.`);
  const group = await hintedGroup(deps, op.caller, schedulerHints);
  const { vcpus, memoryMb } = startSizeOf(flavor);
  const subject = { ...asked, flavor, image, bootVcpus: vcpus, bootMemoryMb: memoryMb, requestedZone: asked.zone };
  const spec = await specOf(
    deps,
    placementOf(deps, subject, asked, flavor),
    group === null ? null : await placementInGroup(read, group),
  );
  return { spec, hosts: explain(await listCandidates(read, 'all'), spec, optionsOf(deps)) };
}
