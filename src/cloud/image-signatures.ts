// Why: whoever can write to the image service can replace an image together with its hash. A signature is verified with a certificate that is
// stored elsewhere, in the key manager (Barbican), while the image is downloaded.
// Facts: Nova's `verify_glance_signatures`; the properties and the algorithms are those of OpenStack's cursive, Apache License 2.0.

import { constants, createVerify, type KeyObject, type Verify, X509Certificate } from 'node:crypto';
import { badRequest, type Fault, messageOf, unavailable } from '../base/errors.ts';
import { isUuidLike } from '../base/ids.ts';
import type { ImageFacts } from '../domain/machines/images.ts';
import { record, textOf } from './answer-values.ts';
import type { Neighbour } from './neighbour.ts';

/** The X.509 certificate with this id, as PEM or DER; null: there is none. Rejects with `unavailable` if the key manager cannot be reached. */
export type Certificates = (id: string) => Promise<Buffer | null>;

/** Verifies one image's signature while its data is read. */
export interface SignatureCheck {
  update(piece: Uint8Array): void;
  /** Throws `badRequest` (image.signature) if the data is not what was signed. */
  end(): void;
}

/** Rejects with `badRequest` (image.signature) if the image has no signature, or one that cannot be verified. */
export type ImageSignatures = (image: ImageFacts) => Promise<SignatureCheck>;

/** A Map, since the names come from images and an object would also have inherited ones such as `constructor`. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['SHA-224', 'sha224'],
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]);

interface Signature {
  readonly bytes: Buffer;
  readonly hash: string;
  readonly keyType: string;
  readonly certificateId: string;
}

const refusal = (image: ImageFacts, why: string): Fault =>
  badRequest(`Signature verification for the image ${image.id} failed: ${why}.`, { code: 'image.signature' });

/** Reads an image's signature properties. @throws badRequest if one is missing or cannot be verified */
function signatureOf(image: ImageFacts): Signature {
  const of = (name: string): string => textOf(image.properties[`img_signature${name}`]);
  const [signature, method, keyType, certificateId] = [
    of(''),
    of('_hash_method'),
    of('_key_type'),
    of('_certificate_uuid'),
  ];
  if ([signature, method, keyType, certificateId].includes(''))
    throw refusal(image, 'required image properties for signature verification do not exist');
  const hash = HASHES.get(method);
  if (hash === undefined) throw refusal(image, `the hash method ${method} is not known`);
  return { bytes: Buffer.from(signature, 'base64'), hash, keyType, certificateId };
}

/** Node's `asymmetricKeyType` for a key type of Glance. */
const kindOf = (keyType: string): string =>
  keyType === 'RSA-PSS' ? 'rsa' : keyType === 'DSA' ? 'dsa' : keyType.startsWith('ECC_') ? 'ec' : 'unknown';

/** Whether the signature matches the data given to `verify`. RSA uses PSS padding with any salt length. */
function isGood(verify: Verify, key: KeyObject, { bytes, keyType }: Signature): boolean {
  if (keyType !== 'RSA-PSS') return verify.verify(key, bytes);
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  return verify.verify({ key, ...padding }, bytes);
}

function publicKeyOf(image: ImageFacts, { keyType }: Signature, certificate: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = new X509Certificate(certificate).publicKey;
  } catch (error) {
    throw refusal(image, `its certificate cannot be read (${messageOf(error)})`);
  }
  if (key.asymmetricKeyType !== kindOf(keyType))
    throw refusal(image, `its certificate has a key of kind ${key.asymmetricKeyType}, and ${keyType} is wanted`);
  return key;
}

/** Signatures by certificates of a key manager. */
export const imageSignatures =
  (certificates: Certificates): ImageSignatures =>
  async (image) => {
    const signature = signatureOf(image);
    const certificate = await certificates(signature.certificateId);
    if (certificate === null) throw refusal(image, `its certificate ${signature.certificateId} is not there`);
    const key = publicKeyOf(image, signature, certificate);
    const verify = createVerify(signature.hash);
    return {
      update: (piece) => void verify.update(piece),
      end() {
        if (!isGood(verify, key, signature)) throw refusal(image, 'the signature is not that of its data');
      },
    };
  };

/** Bytes; far more than a certificate with its chain has. */
const MOST_BYTES = 65_536;

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.byteLength;
    if (bytes > MOST_BYTES) break;
    all.push(piece);
  }
  return Buffer.concat(all);
}

/** Certificates from an operator's Barbican, read with the service's own token. */
export const barbicanCertificates =
  (barbican: Pick<Neighbour, 'ask' | 'stream'>): Certificates =>
  async (id) => {
    // it comes from an image, which its owner writes: nothing but a secret is asked for with our rights
    if (!isUuidLike(id)) return null;
    const path = `/v1/secrets/${encodeURIComponent(id)}`;
    const { status, body, message } = await barbican.ask(null, 'GET', path);
    if (status === 404) return null;
    if (status !== 200)
      throw unavailable('The key-manager service is not available now.', { detail: `${status} ${message}` });
    // Barbican returns a secret only as the content type that it was stored with
    const type = textOf(record(record(body)['content_types'])['default']);
    return bytesOf(await barbican.stream(`${path}/payload`, type === '' ? undefined : type));
  };
