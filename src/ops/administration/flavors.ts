// Why: flavors are changed here and nowhere else; a server keeps its own copy, so no change reaches one that exists.

import { badRequest, conflict, internal, notFound } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Op } from '../../base/op.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  deleteFlavorProject,
  deleteFlavorRow,
  type FlavorRow,
  findFlavor,
  findFlavorByName,
  flavorProjects,
  insertFlavor,
  insertFlavorProject,
  lockFlavor,
  replaceExtraSpecs,
  updateFlavorDescription,
} from '../../db/flavors.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type Flavor, elasticProblem } from '../../domain/machines/flavors.ts';
import { priceSpecsProblem } from '../../domain/metering/prices.ts';
import { profileProblem, withProfile } from '../../domain/machines/profiles.ts';
import { fixedSizeProblem } from '../../domain/numa/numa-request.ts';
import { fixedMemoryProblem } from '../../domain/pci/pci-alias.ts';
import { flavorPayload } from '../../domain/notifications/notifications.ts';
import type { OpsDeps } from '../deps.ts';
import { note } from '../notifications/notify.ts';

export interface NewFlavor {
  readonly name: string;
  /** Null: a new uuid. */
  readonly flavorid: string | null;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly rootGb: number;
  readonly ephemeralGb: number;
  readonly swapMb: number;
  readonly rxtxFactor: number;
  readonly isPublic: boolean;
  readonly description: string | null;
}

type Named = Pick<Flavor, 'flavorid'>;

const gone = (flavorid: string) => notFound(`Flavor ${flavorid} could not be found.`, { code: 'flavor' });

async function locked(t: Tx, flavorid: string): Promise<FlavorRow> {
  const flavor = await lockFlavor(t, flavorid);
  if (flavor === null) throw gone(flavorid);
  return flavor;
}

async function reread(t: Tx, flavorid: string): Promise<FlavorRow> {
  const flavor = await findFlavor(t, flavorid);
  if (flavor === null) throw internal(`Flavor ${flavorid} has no row.`);
  return flavor;
}

/** Tells of a change of a flavor, and gives the flavor as it is now. */
async function noteFlavor(t: Tx, deps: OpsDeps, op: Op, flavorid: string): Promise<FlavorRow> {
  const flavor = await reread(t, flavorid);
  await note(t, deps, op, 'flavor.update', async () =>
    flavorPayload(flavor, { projects: await flavorProjects(t, flavor.id) }),
  );
  return flavor;
}

/** Throws Nova's 409 when the name or the id is taken. */
export async function createFlavor(deps: OpsDeps, op: Op, flavor: NewFlavor): Promise<FlavorRow> {
  const flavorid = flavor.flavorid ?? newUuid();
  const taken = async (t: Tx) => {
    if ((await findFlavor(t, flavorid)) !== null) return conflict(`Flavor with ID ${flavorid} already exists.`);
    const named = await findFlavorByName(t, flavor.name);
    return named === null ? null : conflict(`Flavor with name ${flavor.name} already exists.`);
  };
  return tx(deps.database, async (t) => {
    const fault = await taken(t);
    if (fault !== null) throw fault;
    try {
      await insertFlavor(t, { ...flavor, flavorid, disabled: false, extraSpecs: {} }, deps.clock.now());
    } catch (error) {
      if (isDuplicate(error)) throw conflict(`Flavor with name ${flavor.name} already exists.`);
      throw error;
    }
    const made = await reread(t, flavorid);
    await note(t, deps, op, 'flavor.create', () => flavorPayload(made, { projects: [] }));
    return made;
  });
}

export function updateFlavor(
  deps: OpsDeps,
  op: Op,
  { flavorid }: Named,
  description: string | null,
): Promise<FlavorRow> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    await updateFlavorDescription(t, flavor.id, description, deps.clock.now());
    return noteFlavor(t, deps, op, flavorid);
  });
}

export function deleteFlavor(deps: OpsDeps, op: Op, { flavorid }: Named): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    await note(t, deps, op, 'flavor.delete', () => flavorPayload(flavor));
    await deleteFlavorRow(t, flavor.id);
  });
}

/** Throws Nova's 409 when the project has access. */
export function addFlavorAccess(deps: OpsDeps, op: Op, { flavorid }: Named, projectId: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    try {
      await insertFlavorProject(t, flavor.id, projectId);
      await noteFlavor(t, deps, op, flavorid);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw conflict(`Flavor access already exists for flavor ${flavorid} and project ${projectId} combination.`);
    }
  });
}

/** Throws Nova's 404 when the project has none. */
export function removeFlavorAccess(deps: OpsDeps, op: Op, { flavorid }: Named, projectId: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    if (!(await deleteFlavorProject(t, flavor.id, projectId))) {
      throw notFound(`Flavor access not found for ${flavorid} / ${projectId} combination.`);
    }
    await noteFlavor(t, deps, op, flavorid);
  });
}

/**
 * Sets some extra specs; those that are not named stay. Throws 400 where a minimum, how memory moves, or the profile does not fit the
 * flavor or its other specs.
 */
export function setFlavorExtraSpecs(
  deps: OpsDeps,
  op: Op,
  { flavorid }: Named,
  specs: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    const extraSpecs = { ...flavor.extraSpecs, ...specs };
    const wanted = { ...flavor, extraSpecs: withProfile(extraSpecs) };
    const problem =
      profileProblem(extraSpecs) ??
      priceSpecsProblem(specs) ??
      elasticProblem(wanted) ??
      fixedSizeProblem(wanted) ??
      fixedMemoryProblem(wanted);
    if (problem !== null) throw badRequest(problem);
    await replaceExtraSpecs(t, flavor.id, extraSpecs, deps.clock.now());
    await noteFlavor(t, deps, op, flavorid);
    return extraSpecs;
  });
}

/** Throws Nova's 404 when there is no such spec. */
export function deleteFlavorExtraSpec(deps: OpsDeps, op: Op, { flavorid }: Named, key: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    if (!Object.hasOwn(flavor.extraSpecs, key)) {
      throw notFound(`Flavor ${flavorid} has no extra specs with key ${key}.`);
    }
    const { [key]: _gone, ...rest } = flavor.extraSpecs;
    await replaceExtraSpecs(t, flavor.id, rest, deps.clock.now());
    await noteFlavor(t, deps, op, flavorid);
  });
}
