// Why: networks, subnets, ports, groups and rules are served by one piece of code; this is what it needs to know of each.

import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import type { listRows, StoredPort } from '../../db/networks.ts';
import type { Tx } from '../../db/tx.ts';
import type { Target } from '../../policies/engine.ts';
import type { Unit } from '../../cloud/ovn/northbound.ts';
import type { Attributes, Values } from './attributes.ts';
import type { NetworkEngine } from './engine.ts';
import type { SubnetRanges } from './subnet-ranges.ts';

/** How a query parameter filters: by a column, by a constant that all rows have, or in a way of its own. */
export interface Filter {
  readonly column?: string;
  readonly as?: 'text' | 'bool' | 'number';
  /** Every row has this value. */
  readonly always?: string;
}

export interface Owned {
  readonly id: string;
  readonly projectId: string;
}

export type RowsOf<T> = Parameters<typeof listRows<T>>[1];

/** A write: who asks, when, and the transaction in which it happens. */
export interface Act {
  readonly tx: Tx;
  readonly caller: Caller;
  /** Whether the caller is not bound to one project. */
  readonly everywhere: boolean;
  /** What subnets may be made of. */
  readonly ranges: SubnetRanges;
  readonly engine: NetworkEngine;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Noun<T extends Owned> {
  readonly singular: string;
  readonly collection: string;
  /** What rules call it, where that is not `singular`. */
  readonly ruled?: string;
  /** Columns that all of these have, being of one other object. */
  readonly within?: Readonly<Record<string, string>>;
  /** The quota's name. */
  readonly quota: string;
  readonly rows: RowsOf<T>;
  readonly attributes: Attributes;
  readonly filters: Readonly<Record<string, Filter>>;
  /** Columns that order a list; NULL sorts before everything. */
  readonly sortable: readonly string[];
  /** Whether a project that does not own the object may know of it all the same. */
  sees(reader: Reader, caller: Caller, object: T): Promise<boolean>;
  views(reader: Reader, caller: Caller, objects: readonly T[]): Promise<Record<string, unknown>[]>;
  /** The values have passed the attribute table. */
  create(act: Act, values: Values): Promise<T>;
  /** The object is locked and the caller may change it. */
  update(act: Act, object: T, values: Values): Promise<T>;
  remove(act: Act, object: T): Promise<void>;
  /** What rules may say of objects to a caller, beside whose they are. */
  targets?(reader: Reader, objects: readonly T[], caller: Caller): Promise<readonly Target[]>;
  /** What rules may say of one that is to be made. Throws for what it names and the caller may not know of. */
  wanted?(act: Act, values: Values): Promise<Target>;
  /** What rules about attributes may say of the values that are to be set. */
  wished?(values: Values): Target;
  /** The ports that show what became of an object: `before` null, it is new; `after` null, it is gone. */
  concerns?(reader: Reader, before: T | null, after: T | null): Promise<readonly StoredPort[]>;
  /** What the network engine has to be told of when an object is made, changed or removed (as for `concerns`). */
  units?(reader: Reader, before: T | null, after: T | null): Promise<readonly Unit[]>;
  /** Replaces the object's tags; absent where it has none. */
  readonly retag?: (act: Act, object: T, tags: readonly string[]) => Promise<T>;
  readonly tagsOf?: (object: T) => readonly string[];
}
