// Why: key pairs belong to a user, not to a project, and are found by the user's name for them.

import { badRequest } from '../base/errors.ts';
import type { Reader } from './engine.ts';
import { keyset } from './page.ts';
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

interface Row {
  readonly id: number;
  readonly user_id: string;
  readonly name: string;
  readonly type: string;
  readonly fingerprint: string;
  readonly public_key: string;
  readonly created_at: number | string;
}

const columns = ['id', 'user_id', 'name', 'type', 'fingerprint', 'public_key', 'created_at'];

const decode = (row: Row): Keypair => ({
  id: row.id,
  userId: row.user_id,
  name: row.name,
  type: row.type as KeypairType,
  fingerprint: row.fingerprint,
  publicKey: row.public_key,
  createdAt: Number(row.created_at),
});

export async function findKeypair(reader: Reader, userId: string, name: string): Promise<Keypair | null> {
  const row: Row | undefined = await reader('key_pairs').select(columns).where({ user_id: userId, name }).first();
  return row === undefined ? null : decode(row);
}

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
  const query = reader('key_pairs').select(columns).where({ user_id: userId }).limit(page.limit);
  keyset(
    query,
    [
      { column: 'name', dir: 'asc' },
      { column: 'id', dir: 'asc' },
    ],
    marker,
    true,
  );
  return ((await query) as Row[]).map(decode);
}

export async function countKeypairs(reader: Reader, userId: string): Promise<number> {
  const [row] = (await reader('key_pairs').count({ count: '*' }).where({ user_id: userId })) as [
    { count: number | string },
  ];
  return Number(row.count);
}

/** Adds a key and returns its number; a taken name is a duplicate (`isDuplicate`). */
export async function insertKeypair(tx: Tx, key: Omit<Keypair, 'id'>): Promise<number> {
  const [id] = (await tx('key_pairs').insert({
    user_id: key.userId,
    name: key.name,
    type: key.type,
    fingerprint: key.fingerprint,
    public_key: key.publicKey,
    created_at: key.createdAt,
  })) as [number];
  return id;
}

/** Returns whether there was such a key. */
export async function deleteKeypairRow(tx: Tx, userId: string, name: string): Promise<boolean> {
  return (await tx('key_pairs').where({ user_id: userId, name }).delete()) === 1;
}
