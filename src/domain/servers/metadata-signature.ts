// Why: an agent passes on what guests of its host ask, and says which network and address they ask from. It is believed for its own host
// alone: it has a key that is made of the host's name, and who has one secret can make each host's key.

import { createHash, createHmac } from 'node:crypto';
import { isSameText } from '../../base/same-text.ts';

/** What an agent says of a question that it passes on. */
export interface RelayedFrom {
  readonly host: string;
  readonly networkId: string;
  /** The sender's, in its canonical form. */
  readonly address: string;
  /** When it was asked, milliseconds since the epoch. */
  readonly atMs: number;
}

/** What is asked. */
export interface RelayedQuestion {
  readonly method: string;
  /** With its query, as the guest wrote it. */
  readonly url: string;
  readonly body: string;
}

/** How it is said in a request. */
export const relayHeaders = {
  host: 'x-xloud-host',
  network: 'x-xloud-network',
  address: 'x-xloud-address',
  time: 'x-xloud-time',
  signature: 'x-xloud-signature',
} as const;

/** The key of a host, of the secret that the control plane has. */
export const hostKey = (secret: string, host: string): string =>
  createHmac('sha256', secret).update(`metadata of ${host}`).digest('hex');

export const signatureOf = (key: string, from: RelayedFrom, question: RelayedQuestion): string =>
  createHmac('sha256', key)
    .update(
      JSON.stringify([
        ...[from.host, from.networkId, from.address, from.atMs, question.method, question.url],
        createHash('sha256').update(question.body).digest('hex'),
      ]),
    )
    .digest('hex');

/** Whether who has the key signed this. Takes as long for a signature that is wrong in whatever place. */
export function isSigned(key: string, signature: string, from: RelayedFrom, question: RelayedQuestion): boolean {
  return isSameText(signatureOf(key, from, question), signature);
}
