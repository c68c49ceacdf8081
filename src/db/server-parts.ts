// Why: parts of a server that only their own routes read.

import type { PhoneHome } from '../domain/servers/phone-home.ts';
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

export interface PhonedHome {
  readonly atMs: number;
  readonly told: PhoneHome;
}

/** What its guest told last; null: nothing. */
export async function findPhonedHome(reader: Reader, serverId: number): Promise<PhonedHome | null> {
  const row: { at: number; told: string } | undefined = await reader('phone_homes')
    .select('at', 'told')
    .where({ server_id: serverId })
    .first();
  return row === undefined ? null : { atMs: Number(row.at), told: JSON.parse(row.told) as PhoneHome };
}

export async function writePhonedHome(tx: Tx, serverId: number, { atMs, told }: PhonedHome): Promise<void> {
  const row = { server_id: serverId, at: atMs, told: JSON.stringify(told) };
  await tx('phone_homes').insert(row).onConflict('server_id').merge();
}
