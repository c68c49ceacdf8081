// Why: whoever can write to the broker could ask a hypervisor for anything. So calls are signed by the control plane (Ed25519, JWS), and a
// host believes nothing else: not for another host, not too late, not twice.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, CompactSign, compactVerify, decodeProtectedHeader, exportJWK } from 'jose';
import { Fault, messageOf } from '../../base/errors.ts';
import type { Asker } from '../contract.ts';
import { encode, type Fields, fieldsOf, VERSION } from './message.ts';

const ALGORITHM = 'EdDSA';

/** A call as it is signed. */
export interface Call {
  /** Its own, and its answer's. */
  readonly id: string;
  readonly host: string;
  /** Known or not: a newer control plane may ask for what this program has not. */
  readonly method: string;
  readonly args: unknown;
  readonly asker: Asker | null;
  /** Milliseconds since the epoch, when nobody waits any more. */
  readonly expiresAt: number;
  /** Where the answer goes. */
  readonly reply: string;
}

export type Seal = (call: Call) => Promise<Buffer>;

/** `version`: signed and for this host, in words that this program does not know. */
export type Opened =
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'version'; readonly id: string; readonly reply: string; readonly version: unknown }
  | { readonly kind: 'refused'; readonly why: Refusal; readonly detail?: string };

/** Why a call is refused, in few words. */
export type Refusal = 'not signed' | 'not trusted' | 'no call' | 'for another host' | 'too late' | 'asked twice';

/** @param nowMs milliseconds since the epoch, the expiry's tolerance taken off */
export type Unseal = (content: Buffer, host: string, nowMs: number) => Promise<Opened>;

function readKey(pem: string, where: string, read: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read(pem);
  } catch (error) {
    throw new Fault('internal', `${where}: no key can be read (${messageOf(error)})`, { code: 'config' });
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new Fault('internal', `${where}: an Ed25519 key is wanted, not ${key.asymmetricKeyType}`, { code: 'config' });
}

const idOf = async (key: KeyObject): Promise<string> => calculateJwkThumbprint(await exportJWK(key));

/** What signs calls. `where`: the file's name, for messages. */
export async function makeSeal(privatePem: string, where: string): Promise<Seal> {
  const key = readKey(privatePem, where, (pem) => createPrivateKey(pem));
  const header = { alg: ALGORITHM, kid: await idOf(createPublicKey(key)) };
  return async (call) => Buffer.from(await new CompactSign(encode({ ...call })).setProtectedHeader(header).sign(key));
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const isRefused = (
  what: Fields | (Opened & { readonly kind: 'refused' }),
): what is Opened & { readonly kind: 'refused' } => what['kind'] === 'refused';

function isCall(fields: Fields): boolean {
  const { id, host, method, args, asker, expiresAt, reply } = fields;
  const texts = [id, host, method, reply].every(isText);
  return texts && typeof args === 'object' && typeof asker === 'object' && Number.isSafeInteger(expiresAt);
}

/** What judges calls, by public keys: more than one while the one replaces the other. */
export async function makeUnseal(keys: readonly { readonly pem: string; readonly where: string }[]): Promise<Unseal> {
  const trusted = new Map<string, KeyObject>();
  for (const { pem, where } of keys) {
    const key = readKey(pem, where, (text) => createPublicKey(text));
    trusted.set(await idOf(key), key);
  }

  async function verified(content: Buffer): Promise<Fields | (Opened & { readonly kind: 'refused' })> {
    try {
      const jws = content.toString('latin1');
      const key = trusted.get(decodeProtectedHeader(jws).kid ?? '');
      if (key === undefined) return { kind: 'refused', why: 'not trusted' };
      const { payload } = await compactVerify(jws, key, { algorithms: [ALGORITHM] });
      return fieldsOf(payload) ?? { kind: 'refused', why: 'no call' };
    } catch (error) {
      return { kind: 'refused', why: 'not signed', detail: messageOf(error) };
    }
  }

  return async (content, host, nowMs) => {
    const refused = (why: Refusal): Opened => ({ kind: 'refused', why });
    const fields = await verified(content);
    if (isRefused(fields)) return fields;
    if (fields['host'] !== host) return refused('for another host');
    const { v: version, id, reply } = fields;
    if (version !== VERSION && isText(id) && isText(reply)) return { kind: 'version', id, reply, version };
    if (version !== VERSION || !isCall(fields)) return refused('no call');
    // its fields were looked at one by one
    const call = fields as unknown as Call;
    return call.expiresAt < nowMs ? refused('too late') : { kind: 'call', call };
  };
}

/** A new key of the control plane, as PEM texts. */
export function newKeys(): { readonly signing: string; readonly trusted: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    signing: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    trusted: String(publicKey.export({ type: 'spki', format: 'pem' })),
  };
}
