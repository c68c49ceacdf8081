// Why: what Nova declares of its compute API, as data in nova/: endpoints, their schemas, policies, published samples. Tests that hold
// us against Nova read it from here.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_MINOR } from '../../src/domain/microversions.ts';

/** What holds from each version on; `null`: nothing does any more. `{"2.1": 200, "2.2": 201}` */
type History<T> = Readonly<Record<string, T | null>>;

export interface NovaEndpoint {
  /** `POST /flavors/{id}/action#addTenantAccess`; `GET (root) /` stands before there is a version. */
  readonly id: string;
  readonly min: string;
  /** Absent: up to now. */
  readonly max?: string;
  /** The release that removed it. */
  readonly removed?: string;
  /** Statuses of success. */
  readonly success: History<number>;
  /** Statuses of success beside that, at any version. */
  readonly alsoReturns?: readonly number[];
  /** Statuses that it declares for failures; absent: no more is declared of this endpoint than what stands above. */
  readonly errors?: History<readonly number[]>;
  /** Names of schemas. */
  readonly request?: History<string>;
  readonly query?: History<string>;
  readonly response?: History<string>;
  /** Rules that its code asks by name. */
  readonly policies?: readonly string[];
}

export interface NovaRule {
  readonly name: string;
  readonly check: string;
  readonly scopeTypes: readonly string[];
  /** Older names. */
  readonly replaces?: readonly string[];
}

export type Schema = Readonly<Record<string, unknown>>;

const DATA = join(import.meta.dirname, 'nova');

export const readNova = <T>(name: string): T => JSON.parse(readFileSync(join(DATA, name), 'utf8')) as T;

const numberOf = (version: string): number => Number(version.slice('2.'.length));

/** What a history says of a minor version; null: nothing. */
export function at<T>(history: History<T> | undefined, minor: number): T | null {
  const last = Object.keys(history ?? {}).findLast((version) => numberOf(version) <= minor);
  return last === undefined ? null : ((history as History<T>)[last] ?? null);
}

/** The minor versions at which something begins to hold. */
export const beginningsOf = (history: History<unknown> | undefined): readonly number[] =>
  Object.entries(history ?? {}).flatMap(([version, value]) => (value === null ? [] : [numberOf(version)]));

/** The first and the last minor version of an endpoint. */
export const spanOf = ({ min, max }: NovaEndpoint): readonly [first: number, last: number] => [
  numberOf(min),
  max === undefined ? MAX_MINOR : numberOf(max),
];

let endpoints: readonly NovaEndpoint[] | undefined;

/** All endpoints that Nova has or had, in its order. */
export const novaEndpoints = (): readonly NovaEndpoint[] =>
  (endpoints ??= readNova<{ endpoints: readonly NovaEndpoint[] }>('endpoints.json').endpoints);

interface Schemas {
  readonly parts: Readonly<Record<string, unknown>>;
  /** A text is the name of a schema that is the same. */
  readonly schemas: Readonly<Record<string, Schema | string>>;
}

let schemas: ReadonlyMap<string, Schema> | undefined;

/** The schemas in full: `{"$part": NAME}` is replaced by that part. */
function expanded({ parts, schemas: told }: Schemas): ReadonlyMap<string, Schema> {
  const whole = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(whole);
    if (typeof value !== 'object' || value === null) return value;
    const { $part } = value as { readonly $part?: string };
    if ($part !== undefined) return whole(parts[$part]);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, whole(part)]));
  };
  const made = new Map<string, Schema>();
  for (const [name, schema] of Object.entries(told))
    if (typeof schema !== 'string') made.set(name, whole(schema) as Schema);
  for (const [name, same] of Object.entries(told))
    if (typeof same === 'string') made.set(name, made.get(same) as Schema);
  return made;
}

/** All of Nova's schemas by name; the same object for the same schema. */
export const novaSchemas = (): ReadonlyMap<string, Schema> => (schemas ??= expanded(readNova<Schemas>('schemas.json')));

/** A schema by its name. Throws where there is none. */
export function schemaNamed(name: string): Schema {
  const schema = novaSchemas().get(name);
  if (schema === undefined) throw new Error(`Nova has no schema ${name}`);
  return schema;
}
