// Why: what a service refuses is thrown with the service's own words, and with its status for whoever passes it on.

import { Fault, type FaultKind } from '../base/errors.ts';
import type { HttpReply } from './transport.ts';

/** Statuses whose meaning is another than "the request is wrong"; 500 and above: ask again later. */
const kinds: Readonly<Record<number, FaultKind>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'notFound',
  409: 'conflict',
  410: 'gone',
  413: 'tooLarge',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
};

const kindOf = (status: number): FaultKind => kinds[status] ?? (status >= 500 ? 'unavailable' : 'badRequest');

/** An answer that is none: its message ends with `(HTTP 404)`, `words` are the service's alone. */
export class Refusal extends Fault {
  readonly status: number;
  readonly words: string;

  constructor(status: number, words: string, retryAfterSeconds?: number) {
    const later = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    super(kindOf(status), `${words} (HTTP ${status})`, later);
    this.status = status;
    this.words = words;
  }
}

/** The message within a fault's envelope (`{"badRequest": {"message": …}}`), else what a page says of itself. */
function wordsIn({ text }: Pick<HttpReply, 'text'>, body: unknown): string {
  const [envelope] = typeof body === 'object' && body !== null ? (Object.values(body) as unknown[]) : [];
  const message = (envelope as { readonly message?: unknown } | null | undefined)?.message;
  if (typeof message === 'string') return message;
  // Glance's page: its only paragraph stands after the heading
  const [paragraph = ''] = (text.split('</h1>')[1] ?? '').split('<');
  return paragraph.trim() || 'no reason was given';
}

/** @param body the reply's, parsed; null where it is no JSON */
export function refusalOf(reply: HttpReply, body: unknown): Refusal {
  const seconds = Number(reply.headers['retry-after']);
  return new Refusal(reply.status, wordsIn(reply, body), Number.isInteger(seconds) ? seconds : undefined);
}
