// Why: what all network objects begin with, carry in answers and change by in the same way.

import { newUuid } from '../../base/ids.ts';
import { isoSeconds } from '../../base/clock.ts';
import type { Stored, Unnamed } from '../../db/networks.ts';
import type { Attribute, Attributes, Values } from './attributes.ts';
import { type Form, textOrNull } from './forms.ts';
import type { Filter } from './noun.ts';

const both: Pick<Attribute, 'onCreate' | 'onUpdate'> = { onCreate: true, onUpdate: true };

/** An attribute that is set at creation and later. */
export const changeable = (form: Form, byDefault?: unknown): Attribute =>
  byDefault === undefined ? { ...both, form } : { ...both, form, byDefault };

/** An attribute that is set at creation alone. */
export const fixed = (form: Form, byDefault?: unknown): Attribute => ({
  ...changeable(form, byDefault),
  onUpdate: false,
});

export const required = (form: Form): Attribute => ({ ...fixed(form), required: true });

export const description = changeable(textOrNull(255), '');

export const nameAndDescription: Attributes = { name: changeable(textOrNull(255), ''), description };

const text: Filter = { as: 'text' };

export const unnamedFilters: Readonly<Record<string, Filter>> = {
  id: { ...text, column: 'id' },
  description: { ...text, column: 'description' },
  project_id: { ...text, column: 'project_id' },
  tenant_id: { ...text, column: 'project_id' },
};

/** Filters that every object with a name has. */
export const commonFilters: Readonly<Record<string, Filter>> = {
  ...unnamedFilters,
  name: { ...text, column: 'name' },
};

export const unnamedSortable: readonly string[] = ['id', 'project_id', 'tenant_id', 'created_at', 'updated_at'];

export const commonSortable: readonly string[] = [...unnamedSortable, 'name'];

export const bornUnnamed = (values: Values, now: number, id: string = newUuid()): Unnamed => ({
  id,
  projectId: values['project_id'] as string,
  description: values['description'] as string,
  tags: [],
  revision: 1,
  createdAt: now,
  updatedAt: now,
});

/** A new object's own fields. */
export const born = (values: Values, now: number, id?: string): Stored => ({
  ...bornUnnamed(values, now, id),
  name: values['name'] as string,
});

/** The object one revision later; only the fields whose attribute came are replaced. */
export function changedUnnamed<T extends Unnamed>(
  object: T,
  now: number,
  values: Values,
  fields: Readonly<Record<string, keyof T>>,
): T {
  const next: Partial<Record<keyof T, unknown>> = { ...object, revision: object.revision + 1, updatedAt: now };
  const all: Readonly<Record<string, keyof T>> = { description: 'description', ...fields };
  for (const [attribute, field] of Object.entries(all)) {
    if (values[attribute] !== undefined) next[field] = values[attribute];
  }
  return next as T;
}

export const changed = <T extends Stored>(
  object: T,
  now: number,
  values: Values,
  fields: Readonly<Record<string, keyof T>>,
): T => changedUnnamed(object, now, values, { name: 'name', ...fields });

export const unnamedView = (object: Unnamed): Record<string, unknown> => ({
  id: object.id,
  tenant_id: object.projectId,
  project_id: object.projectId,
  description: object.description,
  tags: object.tags,
  created_at: isoSeconds(object.createdAt),
  updated_at: isoSeconds(object.updatedAt),
  revision_number: object.revision,
});

export const commonView = (object: Stored): Record<string, unknown> => ({ ...unnamedView(object), name: object.name });
