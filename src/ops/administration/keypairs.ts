// Why: a user's keys are added and removed here; servers keep their own copy of the public half.

import { conflict, internal, notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  countKeypairs,
  deleteKeypairRow,
  findKeypair,
  insertKeypair,
  type Keypair,
  type KeypairType,
} from '../../db/keypairs.ts';
import { tx } from '../../db/tx.ts';
import { keypairPayload } from '../../domain/notifications/notifications.ts';
import type { OpsDeps } from '../deps.ts';
import { note } from '../notifications/notify.ts';
import { type KeyMaterial, makeSshKey, makeX509Key, sshFingerprint, x509Fingerprint } from '../servers/key-material.ts';
import { checkBounds, lockQuota } from './quota-sets.ts';

export interface NewKeypair {
  /** Whose key it will be; the API checked that the caller may. */
  readonly userId: string;
  readonly name: string;
  readonly type: KeypairType;
  /** Null: one is made, and its private half is in the answer only. */
  readonly publicKey: string | null;
}

export interface CreatedKeypair {
  readonly keypair: Keypair;
  readonly privateKey: string | null;
}

/** Throws 400 for what is no key. */
function imported(type: KeypairType, publicKey: string): KeyMaterial {
  const fingerprint = type === 'ssh' ? sshFingerprint(publicKey) : x509Fingerprint(publicKey);
  return { publicKey, privateKey: null, fingerprint };
}

const made = async (deps: OpsDeps, { userId, type }: NewKeypair): Promise<KeyMaterial> =>
  type === 'ssh' ? makeSshKey('Generated-by-xloud') : makeX509Key(userId, deps.clock.now());

/** Imports or makes a key. Throws 403 (quota), 400 (no key) and 409 (the name is taken). */
export async function createKeypair(deps: OpsDeps, op: Op, wanted: NewKeypair): Promise<CreatedKeypair> {
  const { userId, name, type, publicKey: given } = wanted;
  // what takes long takes no lock
  const own = given === null ? await made(deps, wanted) : null;
  return tx(deps.database, async (t) => {
    // keys count per user, so the user's row is what is moved on
    await lockQuota(t, userId);
    await checkBounds(t, deps.config.quota, op, { keypairs: (await countKeypairs(t, userId)) + 1 });
    const material = own ?? imported(type, given ?? '');
    const { publicKey, fingerprint } = material;
    try {
      await insertKeypair(t, { userId, name, type, publicKey, fingerprint, createdAt: deps.clock.now() });
    } catch (error) {
      if (isDuplicate(error)) throw conflict(`Key pair '${name}' already exists.`);
      throw error;
    }
    const keypair = await findKeypair(t, userId, name);
    if (keypair === null) throw internal(`Key pair ${name} has no row.`);
    const verb = wanted.publicKey === null ? 'create' : 'import';
    await note(t, deps, op, `keypair.${verb}.start`, () =>
      keypairPayload({ ...keypair, fingerprint: null, publicKey: wanted.publicKey }),
    );
    await note(t, deps, op, `keypair.${verb}.end`, () => keypairPayload(keypair));
    return { keypair, privateKey: material.privateKey };
  });
}

/** Throws Nova's 404 when there is none. */
export function deleteKeypair(deps: OpsDeps, op: Op, userId: string, name: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const keypair = await findKeypair(t, userId, name);
    if (keypair === null || !(await deleteKeypairRow(t, userId, name))) {
      throw notFound(`Keypair ${name} not found for user ${userId}`);
    }
    for (const phase of ['start', 'end'])
      await note(t, deps, op, `keypair.delete.${phase}`, () => keypairPayload(keypair));
  });
}
