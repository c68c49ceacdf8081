// Why: webhooks need a certificate that the API server trusts. cert-manager brings one as files; without it the operator makes its own, keeps it
// in a Secret that all its replicas share, and names it in the webhooks' configurations.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { Cluster } from './cluster.ts';
import type { KeyPair } from './webhook.ts';

const DAY_MS = 86_400_000;
const GOOD_MS = 3_650 * DAY_MS;

/** `tls.crt` and `tls.key` of a folder, as a mounted Secret has them. */
export const readPair = async (folder: string): Promise<KeyPair> => ({
  cert: await readFile(join(folder, 'tls.crt'), 'utf8'),
  key: await readFile(join(folder, 'tls.key'), 'utf8'),
});

/** A certificate for names of a service that is its own authority. */
async function makePair(names: readonly string[]): Promise<KeyPair> {
  const [commonName = ''] = names;
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    ...{ keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notAfterDate: new Date(Date.now() + GOOD_MS) },
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) },
    ],
  });
  return { cert, key };
}

export interface OwnCertificate {
  readonly namespace: string;
  readonly service: string;
  readonly secret: string;
  /** The validating and the mutating configuration. */
  readonly configuration: string;
}

/** The pair that all replicas share; made by whoever comes first. The webhooks' configurations trust it from then on. */
export async function ownPair(cluster: Cluster, own: OwnCertificate): Promise<KeyPair> {
  const { namespace, service, secret, configuration } = own;
  // localhost: the API server of a developer's machine calls an operator beside it
  const made = await makePair([
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
    'localhost',
  ]);
  const pair = await cluster.keepPair(namespace, secret, made);
  await cluster.trust(configuration, pair.cert);
  return pair;
}
