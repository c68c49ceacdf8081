// Why: making flavors is for administrators, since a flavor says what a server may have and what it costs. A flavor of a size that a project
// asks for says nothing of its own: what else stands in it is the deployment's, and how large and how many is bounded.

import { badRequest, conflict, forbidden, notImplemented } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  countFlavorsOf,
  findFlavor,
  type FlavorRow,
  flavorProjects,
  insertFlavor,
  insertFlavorProject,
  isAnyPriced,
} from '../../db/flavors.ts';
import { lockQuota } from '../../db/quota-sets.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type Flavor, minimumOf, snapshotOf } from '../../domain/machines/flavors.ts';
import { pricesForFloor } from '../../domain/metering/prices.ts';
import {
  baseProblem,
  isTheSame,
  SIZED,
  sizedFlavor,
  sizeProblem,
  type WantedSize,
} from '../../domain/machines/sized-flavors.ts';
import { flavorPayload } from '../../domain/notifications/notifications.ts';
import type { OpsDeps } from '../deps.ts';
import { note } from '../notifications/notify.ts';

/** The flavor of a size by the terms of a base, whose price follows from what it guarantees. */
function sizedOf(base: FlavorRow, size: WantedSize): Omit<Flavor, 'id'> {
  const floor = minimumOf(snapshotOf({ ...sizedFlavor(size, base.extraSpecs), id: base.id }));
  const prices = pricesForFloor(snapshotOf(base), floor);
  if (prices === null) throw badRequest('floor: an hour of so much would cost more than a flavor may.');
  return sizedFlavor(size, { ...base.extraSpecs, ...prices });
}

/** The flavor that is meant. Throws where the deployment's terms do not allow it. */
async function wantedFlavor(deps: OpsDeps, size: WantedSize): Promise<Omit<Flavor, 'id'>> {
  const { perProject, most, base } = deps.config.sizedFlavors;
  if (perProject === 0) throw notImplemented('There are no flavors by size here (compute.sized_flavors).');
  const problem = sizeProblem(size, most);
  if (problem !== null) throw badRequest(problem);
  const { read } = deps.database;
  const named = base === null ? null : await findFlavor(read, base);
  if (base !== null && named === null) {
    throw notImplemented(`The flavor ${base}, of which flavors by size have their extra specs, is not there.`);
  }
  // or a project would have for nothing what others pay for
  if (named === null && (await isAnyPriced(read))) {
    throw forbidden(
      'Flavors cost something here, and what flavors by size cost was not said (compute.sized_flavor_base).',
    );
  }
  const flavor = named === null ? sizedFlavor(size, {}) : sizedOf(named, size);
  const unfit = baseProblem(flavor);
  if (unfit !== null) throw badRequest(unfit);
  return flavor;
}

/** The flavor, made where it is not there yet. */
async function foundOrMade(t: Tx, deps: OpsDeps, op: Op, wanted: Omit<Flavor, 'id'>): Promise<FlavorRow> {
  const found = await findFlavor(t, wanted.flavorid);
  if (found === null) {
    await insertFlavor(t, wanted, deps.clock.now());
    const made = (await findFlavor(t, wanted.flavorid)) as FlavorRow;
    await note(t, deps, op, 'flavor.create', () => flavorPayload(made, { projects: [] }));
    return made;
  }
  if (!isTheSame(found, wanted)) throw conflict(`The flavor ${wanted.flavorid} is another one than its name says.`);
  return found;
}

/**
 * Finds or makes the private flavor of a size and lets the caller's project use it. The same as often as it is asked for.
 * Throws 400 for a size beyond the bounds, 403 where the project has as many as it may, and 501 where there are none.
 */
export async function sizedFlavorFor(deps: OpsDeps, op: Op, size: WantedSize): Promise<FlavorRow> {
  const { projectId } = op.caller;
  if (projectId === null) throw badRequest('Flavors by size are for a project: the token is scoped to none.');
  const wanted = await wantedFlavor(deps, size);
  const attempt = () =>
    tx(deps.database, async (t) => {
      await lockQuota(t, projectId);
      const flavor = await foundOrMade(t, deps, op, wanted);
      const projects = await flavorProjects(t, flavor.id);
      if (projects.includes(projectId)) return flavor;
      const { perProject } = deps.config.sizedFlavors;
      if ((await countFlavorsOf(t, projectId, SIZED)) >= perProject) {
        throw forbidden(
          `The project has ${perProject} flavors by size, as many as it may: ask for a size that it has.`,
        );
      }
      await insertFlavorProject(t, flavor.id, projectId);
      await note(t, deps, op, 'flavor.update', () => flavorPayload(flavor, { projects: [...projects, projectId] }));
      return flavor;
    });
  try {
    return await attempt();
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    // another project asked for the same at the same time
    return attempt();
  }
}
