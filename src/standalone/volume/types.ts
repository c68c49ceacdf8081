// Why: which types of volumes there are, and which a caller may use; there is always one for who names none.

import { badRequest, notFound } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  allTypes,
  findType,
  findTypeNamed,
  insertType,
  type StoredType,
  typesForProject,
} from '../../db/volume-types.ts';
import { tx } from '../../db/tx.ts';
import type { VolumeParts } from './parts.ts';

/** As Cinder calls it. */
export const DEFAULT_TYPE = '__DEFAULT__';
const DEFAULT_TYPE_ID = '6b7d2a40-0c1e-4f8e-9d57-2b1c6a3e5d10';

/** To be called before serving. */
export async function ensureDefaultType({ database, clock }: Pick<VolumeParts, 'database' | 'clock'>): Promise<void> {
  if ((await findTypeNamed(database.read, DEFAULT_TYPE)) !== null) return;
  const now = clock.now();
  const type: StoredType = {
    ...{ id: DEFAULT_TYPE_ID, name: DEFAULT_TYPE, description: 'Default Volume Type', isPublic: true, qosId: null },
    ...{ extraSpecs: {}, createdAt: now, updatedAt: now },
  };
  try {
    await tx(database, (t) => insertType(t, type));
  } catch (error) {
    // another process made it meanwhile
    if (!isDuplicate(error)) throw error;
  }
}

export const multiattachNotOffered = () =>
  badRequest('Invalid input received: volumes for several servers at once (multiattach) are not offered here.');

/** @throws badRequest for a type whose extra specs promise what no volume here is */
export function checkPromises({ extraSpecs }: StoredType): void {
  if (/^<is> true$/i.test((extraSpecs['multiattach'] ?? '').trim())) throw multiattachNotOffered();
}

const typeMissing = (word: string) => notFound(`Volume type ${word} could not be found.`);

/** The types that a caller may use. */
export async function typesFor(reader: Reader, caller: Caller): Promise<StoredType[]> {
  const types = await allTypes(reader);
  if (caller.isAdmin) return types;
  const own = await typesForProject(reader, caller.projectId ?? '');
  return types.filter(({ id, isPublic }) => isPublic || own.has(id));
}

/** The type with this id, or of this name. @throws notFound, also for one that the caller may not use */
export async function typeFor(reader: Reader, caller: Caller, word: string): Promise<StoredType> {
  const found = (await findType(reader, word)) ?? (await findTypeNamed(reader, word));
  if (found === null) throw typeMissing(word);
  const may = found.isPublic || caller.isAdmin || (await typesForProject(reader, caller.projectId ?? '')).has(found.id);
  if (!may) throw typeMissing(word);
  return found;
}

export const typeNamesOf = async (reader: Reader): Promise<ReadonlyMap<string, string>> =>
  new Map((await allTypes(reader)).map(({ id, name }) => [id, name]));
