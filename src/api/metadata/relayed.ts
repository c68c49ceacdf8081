// Why: where agents are processes of their own they take what guests ask and pass it on. Whose agent it is stands in its signature, and of
// other hosts' guests it is told nothing.

import type { RequestListener } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/errors.ts';
import { isCanonicalUuid } from '../../base/ids.ts';
import { canonicalIp } from '../../base/ip.ts';
import { limits } from '../../base/limits.ts';
import { hostKey, isSigned, relayHeaders, type RelayedFrom } from '../../domain/servers/metadata-signature.ts';
import type { WebObserver } from '../../web/app.ts';
import { type AnswerAsked, type Answered, bodyOf, refusal, sendAnswer } from './handler.ts';

export interface RelayedOptions {
  readonly answers: AnswerAsked;
  /** Of which the keys of hosts are made. */
  readonly secret: string;
  readonly clock: Clock;
  readonly observer: WebObserver;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the headers say; null: nothing that could be so. */
function fromHeaders(headers: Headers): { readonly from: RelayedFrom; readonly signature: string } | null {
  const word = (name: keyof typeof relayHeaders): string => String(headers[relayHeaders[name]] ?? '');
  const [host, networkId, address, time] = [word('host'), word('network'), word('address'), word('time')];
  if (host === '' || !isCanonicalUuid(networkId) || canonicalIp(address) !== address) return null;
  if (!/^\d{1,15}$/.test(time)) return null;
  return { from: { host, networkId, address, atMs: Number(time) }, signature: word('signature') };
}

export function answerRelayed({ answers, secret, clock, observer }: RelayedOptions): RequestListener {
  const answerOf: (request: Parameters<RequestListener>[0]) => Promise<Answered> = async (request) => {
    const { method = '', url = '' } = request;
    const told = fromHeaders(request.headers);
    if (told === null || url.length > limits.metadataPathChars) return refusal(403, 'Forbidden');
    const { from, signature } = told;
    const body = method === 'POST' ? await bodyOf(request, limits.metadataBodyBytes) : '';
    const isRecent = Math.abs(clock.now() - from.atMs) < limits.metadataRelayMs;
    if (!isRecent || !isSigned(hostKey(secret, from.host), signature, from, { method, url, body }))
      return refusal(403, 'Forbidden');
    return answers({ ...from, method, url, body: async (most) => within(body, most) });
  };
  return (request, response) => {
    const began = performance.now();
    answerOf(request)
      .catch((error: unknown) => refusal(400, error instanceof Fault ? error.message : 'Bad Request'))
      .then((answered) => {
        const seconds = (performance.now() - began) / 1000;
        observer.answered('metadata', '', request.method ?? '', answered.status, seconds);
        sendAnswer(request, response, answered);
      })
      .catch(() => response.destroy());
  };
}

/** @throws 400 as `bodyOf` */
function within(body: string, most: number): string {
  if (body === '') throw new Fault('badRequest', 'A body is wanted.');
  if (Buffer.byteLength(body) > most) throw new Fault('badRequest', 'Request is too large.');
  return body;
}
