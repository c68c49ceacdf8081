// Why: what the routes of the identity service need, handed to each noun as one value.

import type { Clock } from '../../base/clock.ts';
import { conflict } from '../../base/errors.ts';
import type { TokenKeys } from '../../cloud/token-keys.ts';
import type { Database, Reader } from '../../db/engine.ts';
import { isDuplicate } from '../../db/errors.ts';
import type { Table } from '../../db/identity.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { Reached } from '../../web/reached.ts';
import type { Passwords } from './passwords.ts';
import { missing } from './route.ts';
import type { Signing } from './signing.ts';

export interface CatalogEndpoint {
  readonly id: string;
  readonly interface: 'public' | 'internal' | 'admin';
  readonly region_id: string | null;
  readonly region: string | null;
  readonly url: string;
}

/** One service of the catalog, in Keystone's form. */
export interface CatalogEntry {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly endpoints: readonly CatalogEndpoint[];
}

/** The catalog for who reaches the services at these addresses. */
export type Catalog = (urlOf: Reached['urlOf']) => readonly CatalogEntry[];

export interface Parts {
  readonly database: Database;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly passwords: Passwords;
  readonly keys: TokenKeys;
  readonly signing: Signing;
  readonly catalog: Catalog;
  readonly tokenTtlMs: number;
}

/** The row that is about to be changed, as it is until then; `missing` where there is none. */
export async function hold<T extends { readonly id: string }>(
  tx: Tx,
  table: Table<T>,
  noun: string,
  id: string,
): Promise<T> {
  const found = await table.hold(tx, id);
  if (found === null) throw missing(`${noun}: ${id}`);
  return found;
}

/** One transaction in which a name that is taken becomes a `conflict` Fault with these words. */
export async function write<T>(parts: Parts, taken: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await tx(parts.database, work);
  } catch (error) {
    if (isDuplicate(error)) throw conflict(taken, { cause: error });
    throw error;
  }
}
