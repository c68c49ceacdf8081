// Why: what all network objects begin with, carry in answers and change by in the same way.

import { newUuid } from '../../base/ids.ts';
import { isoSeconds } from '../../base/clock.ts';
import type { Stored } from '../../db/networks.ts';
import { type Attribute, type Attributes, textOrNull, type Values } from './attributes.ts';
import type { Filter } from './noun.ts';

const both: Pick<Attribute, 'onCreate' | 'onUpdate'> = { onCreate: true, onUpdate: true };

/** An attribute that is set at creation and later. */
export const changeable = (parse: Attribute['parse'], byDefault?: unknown): Attribute =>
  byDefault === undefined ? { ...both, parse } : { ...both, parse, byDefault };

/** An attribute that is set at creation alone. */
export const fixed = (parse: Attribute['parse'], byDefault?: unknown): Attribute => ({
  ...changeable(parse, byDefault),
  onUpdate: false,
});

export const required = (parse: Attribute['parse']): Attribute => ({ ...fixed(parse), required: true });

export const forAdmins = (attribute: Attribute): Attribute => ({ ...attribute, adminOnly: true });

export const nameAndDescription: Attributes = {
  name: changeable(textOrNull(255), ''),
  description: changeable(textOrNull(255), ''),
};

const text: Filter = { as: 'text' };

/** Filters that every object has. */
export const commonFilters: Readonly<Record<string, Filter>> = {
  id: { ...text, column: 'id' },
  name: { ...text, column: 'name' },
  description: { ...text, column: 'description' },
  project_id: { ...text, column: 'project_id' },
  tenant_id: { ...text, column: 'project_id' },
};

export const commonSortable: readonly string[] = ['id', 'name', 'project_id', 'tenant_id', 'created_at', 'updated_at'];

/** A new object's own fields. */
export const born = (values: Values, now: number, id: string = newUuid()): Stored => ({
  id,
  projectId: values['project_id'] as string,
  name: values['name'] as string,
  description: values['description'] as string,
  tags: [],
  revision: 1,
  createdAt: now,
  updatedAt: now,
});

/** The object one revision later; only the fields whose attribute came are replaced. */
export function changed<T extends Stored>(
  object: T,
  now: number,
  values: Values,
  fields: Readonly<Record<string, keyof T>>,
): T {
  const next: Partial<Record<keyof T, unknown>> = { ...object, revision: object.revision + 1, updatedAt: now };
  const all: Readonly<Record<string, keyof T>> = { name: 'name', description: 'description', ...fields };
  for (const [attribute, field] of Object.entries(all)) {
    if (values[attribute] !== undefined) next[field] = values[attribute];
  }
  return next as T;
}

export const commonView = (object: Stored): Record<string, unknown> => ({
  id: object.id,
  name: object.name,
  tenant_id: object.projectId,
  project_id: object.projectId,
  description: object.description,
  tags: object.tags,
  created_at: isoSeconds(object.createdAt),
  updated_at: isoSeconds(object.updatedAt),
  revision_number: object.revision,
});
