// Why: keys are read, fingerprinted and (up to 2.91) made here: OpenSSH public keys and X.509 certificates, as Nova does.

import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPair,
  publicEncrypt,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import { badRequest } from '../../base/errors.ts';

const generate = promisify(generateKeyPair);

/** Nova's size of the keys that it makes. */
const MODULUS_BITS = 2048;
const CERTIFICATE_DAYS = 3650;
const DAY_MS = 86_400_000;

export interface KeyMaterial {
  readonly publicKey: string;
  readonly privateKey: string | null;
  readonly fingerprint: string;
}

const colons = (hex: string): string => (hex.match(/../g) ?? []).join(':');

const invalid = (why: string) => badRequest(`Keypair data is invalid: ${why}`);

const sshTypes =
  /^(ssh-rsa|ssh-dss|ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/** The MD5 fingerprint of an OpenSSH public key, as `ssh-keygen -E md5 -l` shows it. Throws a 400 for anything else. */
export function sshFingerprint(publicKey: string): string {
  const [type = '', body = ''] = publicKey.trim().split(/\s+/);
  const blob = Buffer.from(body, 'base64');
  const nameBytes = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  const name = blob.subarray(4, 4 + nameBytes).toString('latin1');
  const canonical = /^[A-Za-z0-9+/]+={0,2}$/.test(body);
  if (!sshTypes.test(type) || !canonical || name !== type || blob.length <= 4 + nameBytes) {
    throw invalid('failed to generate fingerprint');
  }
  return colons(createHash('md5').update(blob).digest('hex'));
}

/** The SHA-1 fingerprint of a PEM certificate. Throws a 400 for anything else. */
export function x509Fingerprint(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint.toLowerCase();
  } catch {
    throw invalid('failed to generate X509 fingerprint. Error message: not a certificate in PEM form');
  }
}

const sized = (value: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, value]);
};

/** A positive big-endian number: a leading zero keeps its sign. */
const positive = (value: Buffer): Buffer =>
  (value[0] as number) >= 0x80 ? Buffer.concat([Buffer.from([0]), value]) : value;

/** A new RSA key: the public half in OpenSSH's form, the private one as PEM (PKCS#1). */
export async function makeSshKey(comment: string): Promise<KeyMaterial> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: MODULUS_BITS });
  const { n, e } = publicKey.export({ format: 'jwk' });
  const number = (text: string | undefined) => positive(Buffer.from(text ?? '', 'base64url'));
  const blob = Buffer.concat([sized(Buffer.from('ssh-rsa')), sized(number(e)), sized(number(n))]);
  const text = `ssh-rsa ${blob.toString('base64')} ${comment}`;
  return {
    publicKey: text,
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs1' }) as string,
    fingerprint: sshFingerprint(text),
  };
}

/** The fields of a blob, each with its length before it. */
function fieldsOf(blob: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at + 4 <= blob.length; ) {
    const length = blob.readUInt32BE(at);
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

/**
 * Text that only the owner of an RSA key can read (PKCS#1 v1.5, base64), as Nova and its clients have it. Null for a key of
 * another kind, and for text that is too long for the key.
 */
export function sealedFor(publicKey: string, text: string): string | null {
  const [type, body = ''] = publicKey.trim().split(/\s+/);
  if (type !== 'ssh-rsa') return null;
  const [, e, n] = fieldsOf(Buffer.from(body, 'base64'));
  if (e === undefined || n === undefined) return null;
  try {
    const jwk = { kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') };
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(text)).toString('base64');
  } catch {
    return null;
  }
}

// --- DER, as much of it as one certificate needs --------------------------------------------------------------------

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const set = (...parts: readonly Buffer[]): Buffer => der(0x31, ...parts);
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const bits = (value: Buffer): Buffer => der(0x03, Buffer.from([0]), value);
const octets = (value: Buffer): Buffer => der(0x04, value);
const explicit = (number: number, ...parts: readonly Buffer[]): Buffer => der(0xa0 | number, ...parts);

function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

/** YYYYMMDDHHMMSSZ; years before 2050 in the short form, as RFC 5280 wants. */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  return Number(text.slice(0, 4)) < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

const COMMON_NAME = '2.5.4.3';
const SHA256_WITH_RSA = '1.2.840.113549.1.1.11';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SUBJECT_ALT_NAME = '2.5.29.17';
const USER_PRINCIPAL_NAME = '1.3.6.1.4.1.311.20.2.3';
/** X.520's bound on a common name. */
const COMMON_NAME_CHARACTERS = 64;

function pem(label: string, body: Buffer): string {
  const lines = body.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** A new key with a self-signed certificate to log in to Windows as the user (WinRM), as Nova makes it. */
export async function makeX509Key(userId: string, nowMs: number): Promise<KeyMaterial> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: MODULUS_BITS });
  const algorithm = sequence(oid(SHA256_WITH_RSA), der(0x05));
  const name = sequence(set(sequence(oid(COMMON_NAME), utf8(userId.slice(0, COMMON_NAME_CHARACTERS)))));
  const principal = sequence(explicit(0, oid(USER_PRINCIPAL_NAME), explicit(0, utf8(`${userId}@localhost`))));
  const extensions = sequence(
    sequence(oid(EXTENDED_KEY_USAGE), octets(sequence(oid(CLIENT_AUTH)))),
    sequence(oid(SUBJECT_ALT_NAME), octets(principal)),
  );
  const toBeSigned = sequence(
    explicit(0, der(0x02, Buffer.from([2]))),
    der(0x02, positive(randomBytes(16).fill(1, 0, 1))),
    algorithm,
    name,
    sequence(time(nowMs), time(nowMs + CERTIFICATE_DAYS * DAY_MS)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    explicit(3, extensions),
  );
  const certificate = pem('CERTIFICATE', sequence(toBeSigned, algorithm, bits(sign('sha256', toBeSigned, privateKey))));
  return {
    publicKey: certificate,
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    fingerprint: x509Fingerprint(certificate),
  };
}
