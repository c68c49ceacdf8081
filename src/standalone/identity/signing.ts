// Why: tokens are signed with a key of this installation. The private half is a file only its owner may read and not a row,
// so that a copy of the database cannot make tokens; the public half lies where a Keystone's would, for whoever verifies.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, SignJWT } from 'jose';
import { newHexId } from '../../base/ids.ts';
import type { TokenClaims } from '../../cloud/token-keys.ts';

export interface Signing {
  /** The directory of public keys, `*.pem`; more than one while a key is being replaced. */
  readonly publicKeysDir: string;
  /** A token in the form of Keystone's jws provider. */
  sign(claims: TokenClaims): Promise<string>;
}

/** Writes a file whole: either all of it is there under its name, or nothing. */
export async function writeWhole(path: string, content: string, mode: number, replace: boolean): Promise<void> {
  const draft = `${path}.${newHexId()}`;
  const file = await open(draft, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  if (replace) return rename(draft, path);
  // a link does not replace what another process has just put there
  try {
    await link(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

async function loadPrivateKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(path, 'utf8'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  try {
    await writeWhole(path, String(privateKey.export({ type: 'pkcs8', format: 'pem' })), 0o600, false);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return createPrivateKey(await readFile(path, 'utf8'));
}

/**
 * The installation's key: `<dataDir>/identity-private/private.pem` (mode 0600) and `<dataDir>/identity-keys/<thumbprint>.pem`.
 * Both are made on first use. To replace the key, delete `private.pem` and restart: tokens signed with the old one are good
 * until they expire, or until its public half is deleted.
 */
export async function openSigning(dataDir: string): Promise<Signing> {
  const publicKeysDir = join(dataDir, 'identity-keys');
  const privateDir = join(dataDir, 'identity-private');
  await mkdir(publicKeysDir, { recursive: true });
  await mkdir(privateDir, { recursive: true, mode: 0o700 });
  const key = await loadPrivateKey(join(privateDir, 'private.pem'));
  const publicKey = createPublicKey(key);
  const name = await calculateJwkThumbprint(await exportJWK(publicKey));
  const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
  await writeWhole(join(publicKeysDir, `${name}.pem`), pem, 0o644, true);
  return {
    publicKeysDir,
    sign: (claims) => new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', typ: 'JWT' }).sign(key),
  };
}
