// Why: key pairs belong to a user, not to a project, and are found by the user's name for them.

import { badRequest } from '../base/errors.ts';
import type { Reader } from './engine.ts';
import { keyset } from './page.ts';
import { defineNoun, findRow, insertRow } from './table.ts';
import type { Tx } from './tx.ts';

export type KeypairType = 'ssh' | 'x509';

export interface Keypair {
  readonly id: number;
  readonly userId: string;
  readonly name: string;
  readonly type: KeypairType;
  readonly fingerprint: string;
  readonly publicKey: string;
  readonly createdAt: number;
}

const keypairNoun = defineNoun<Keypair>({
  table: 'key_pairs',
  columns: {
    id: ['id', 'number'],
    userId: ['user_id', 'text'],
    name: ['name', 'text'],
    type: ['type', 'text'],
    fingerprint: ['fingerprint', 'text'],
    publicKey: ['public_key', 'text'],
    createdAt: ['created_at', 'time'],
  },
});

export const findKeypair = (reader: Reader, userId: string, name: string): Promise<Keypair | null> =>
  findRow(reader, keypairNoun, { user_id: userId, name });

/** The keys of a user by name. Throws a badRequest Fault for a marker (a name) that is not there. */
export async function listKeypairs(
  reader: Reader,
  userId: string,
  page: { readonly limit: number; readonly marker: string | null },
): Promise<Keypair[]> {
  if (page.limit === 0) return [];
  let marker: Record<string, unknown> | null = null;
  if (page.marker !== null) {
    marker =
      (await reader('key_pairs').select('id', 'name').where({ user_id: userId, name: page.marker }).first()) ?? null;
    if (marker === null) throw badRequest(`marker [${page.marker}] not found`);
  }
  const query = reader('key_pairs').select(keypairNoun.columns).where({ user_id: userId }).limit(page.limit);
  keyset(
    query,
    [
      { column: 'name', dir: 'asc' },
      { column: 'id', dir: 'asc' },
    ],
    marker,
    true,
  );
  return keypairNoun.fromRows(await query);
}

export async function countKeypairs(reader: Reader, userId: string): Promise<number> {
  const [row] = (await reader('key_pairs').count({ count: '*' }).where({ user_id: userId })) as [
    { count: number | string },
  ];
  return Number(row.count);
}

/** Adds a key and returns its number; a taken name is a duplicate (`isDuplicate`). */
export const insertKeypair = (tx: Tx, key: Omit<Keypair, 'id'>): Promise<number> => insertRow(tx, keypairNoun, key);

/** Returns whether there was such a key. */
export async function deleteKeypairRow(tx: Tx, userId: string, name: string): Promise<boolean> {
  return (await tx('key_pairs').where({ user_id: userId, name }).delete()) === 1;
}
