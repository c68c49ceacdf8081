// Why: flavors are changed here and nowhere else; a server keeps its own copy, so no change reaches one that exists.

import { badRequest, conflict, internal, notFound } from '../base/errors.ts';
import { newUuid } from '../base/ids.ts';
import type { Op } from '../base/op.ts';
import { isDuplicate } from '../db/errors.ts';
import {
  deleteFlavorProject,
  deleteFlavorRow,
  type FlavorRow,
  findFlavor,
  findFlavorByName,
  insertFlavor,
  insertFlavorProject,
  lockFlavor,
  replaceExtraSpecs,
  updateFlavorDescription,
} from '../db/flavors.ts';
import { type Tx, tx } from '../db/tx.ts';
import { type Flavor, minimumProblem } from '../domain/flavor.ts';
import type { OpsDeps } from './deps.ts';

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

/** Throws Nova's 409 when the name or the id is taken. */
export async function createFlavor(deps: OpsDeps, _op: Op, flavor: NewFlavor): Promise<FlavorRow> {
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
    return reread(t, flavorid);
  });
}

export function updateFlavor(
  deps: OpsDeps,
  _op: Op,
  { flavorid }: Named,
  description: string | null,
): Promise<FlavorRow> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    await updateFlavorDescription(t, flavor.id, description, deps.clock.now());
    return reread(t, flavorid);
  });
}

export function deleteFlavor(deps: OpsDeps, _op: Op, { flavorid }: Named): Promise<void> {
  return tx(deps.database, async (t) => deleteFlavorRow(t, (await locked(t, flavorid)).id));
}

/** Throws Nova's 409 when the project has access. */
export function addFlavorAccess(deps: OpsDeps, _op: Op, { flavorid }: Named, projectId: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    try {
      await insertFlavorProject(t, flavor.id, projectId);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw conflict(`Flavor access already exists for flavor ${flavorid} and project ${projectId} combination.`);
    }
  });
}

/** Throws Nova's 404 when the project has none. */
export function removeFlavorAccess(deps: OpsDeps, _op: Op, { flavorid }: Named, projectId: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    if (await deleteFlavorProject(t, flavor.id, projectId)) return;
    throw notFound(`Flavor access not found for ${flavorid} / ${projectId} combination.`);
  });
}

/** Sets some extra specs; those that are not named stay. Throws 400 where a minimum does not fit the flavor. */
export function setFlavorExtraSpecs(
  deps: OpsDeps,
  _op: Op,
  { flavorid }: Named,
  specs: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    const extraSpecs = { ...flavor.extraSpecs, ...specs };
    const problem = minimumProblem({ ...flavor, extraSpecs });
    if (problem !== null) throw badRequest(problem);
    await replaceExtraSpecs(t, flavor.id, extraSpecs, deps.clock.now());
    return extraSpecs;
  });
}

/** Throws Nova's 404 when there is no such spec. */
export function deleteFlavorExtraSpec(deps: OpsDeps, _op: Op, { flavorid }: Named, key: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const flavor = await locked(t, flavorid);
    if (!Object.hasOwn(flavor.extraSpecs, key)) {
      throw notFound(`Flavor ${flavorid} has no extra specs with key ${key}.`);
    }
    const { [key]: _gone, ...rest } = flavor.extraSpecs;
    await replaceExtraSpecs(t, flavor.id, rest, deps.clock.now());
  });
}
