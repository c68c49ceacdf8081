// Why: parts of a server that only their own routes read.

import type { Reader } from './engine.ts';
import type { Tx } from './tx.ts';

/** The encrypted password as it was stored; null: there is none. */
export async function findPassword(reader: Reader, serverId: number): Promise<string | null> {
  const row: { password: string } | undefined = await reader('server_passwords')
    .select('password')
    .where({ server_id: serverId })
    .first();
  return row?.password ?? null;
}

/** Keeps an encrypted password of at most `limits.sealedPasswordCharacters`, or forgets it (null). */
export async function writePassword(tx: Tx, serverId: number, password: string | null): Promise<void> {
  if (password === null) await tx('server_passwords').where({ server_id: serverId }).delete();
  else await tx('server_passwords').insert({ server_id: serverId, password }).onConflict('server_id').merge();
}
