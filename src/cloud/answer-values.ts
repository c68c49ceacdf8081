// Why: another service's answer may have any shape: each value is read as the expected type, or as empty. The object or list that was
// asked for must be there: otherwise the error page of a proxy would be read as "there is nothing".

import { unavailable } from '../base/errors.ts';

/** An object's members; `{}` for anything else. */
export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** The objects of a list; `[]` for anything else. */
export const records = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.map(record) : [];

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
export const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
/** A number of things, bytes among them; JSON may have `1e999`, `-1` and `0.5` where it belongs. */
export const countOrNull = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;

/** A value of any kind as a text: what is none is JSON. */
export const anyText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** @param service as `unavailable` names it */
const unusable = (service: string, name: string) =>
  unavailable(`The ${service} service is not available now.`, { detail: `its answer has no ${name}` });

/** @throws unavailable where the answer is none of the service's */
export function mustHaveObject(service: string, body: unknown, name: string): Readonly<Record<string, unknown>> {
  const value = record(body)[name];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusable(service, name);
  return record(value);
}

/** As `mustHaveObject`, of a list: an empty one is an answer, none is not. */
export function mustHaveList(
  service: string,
  body: unknown,
  name: string,
): readonly Readonly<Record<string, unknown>>[] {
  const value = record(body)[name];
  if (!Array.isArray(value)) throw unusable(service, name);
  return records(value);
}

/** An object that has an id, by which it is asked for from then on. */
export function mustHaveId<T extends { readonly id: string }>(service: string, object: T): T {
  if (object.id === '') throw unusable(service, 'id');
  return object;
}
