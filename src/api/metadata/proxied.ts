// Why: Neutron's metadata agents know their networks' guests, and name the one that asks to Nova in headers, which they sign with a secret
// that both have. Whoever has it may name any guest.

import { createHmac } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { isCanonicalUuid } from '../../base/ids.ts';
import { isSameText } from '../../base/same-text.ts';
import type { WebObserver } from '../../web/app.ts';
import { type AnswerAsked, type Answered, bodyOf, refusal, sendAnswer } from './handler.ts';

export interface ProxiedOptions {
  readonly answers: AnswerAsked;
  /** `metadata_proxy_shared_secret` of Neutron's agents. */
  readonly secret: string;
  readonly observer: WebObserver;
}

const BAD_SIGNATURE = 'Invalid proxy request signature.';

/** Whether the secret's owner named this server: HMAC-SHA256 of its id, in hexadecimal digits. */
const isSigned = (secret: string, uuid: string, signature: string): boolean =>
  isSameText(createHmac('sha256', secret).update(uuid).digest('hex'), signature);

/** Answers what Neutron's agents pass on. Whom they name wrongly is told nothing; the texts are Nova's. */
export function answerProxied({ answers, secret, observer }: ProxiedOptions): RequestListener {
  const answerOf = async (request: Parameters<RequestListener>[0]): Promise<Answered> => {
    const word = (name: string): string => String(request.headers[name] ?? '');
    const [uuid, projectId] = [word('x-instance-id'), word('x-tenant-id')];
    if (uuid === '') return refusal(400, 'X-Instance-ID header is missing from request.');
    if (projectId === '') return refusal(400, 'X-Tenant-ID header is missing from request.');
    if (!isSigned(secret, uuid, word('x-instance-id-signature'))) return refusal(403, BAD_SIGNATURE);
    if (!isCanonicalUuid(uuid)) return refusal(404, 'Not Found');
    return answers({
      ...{ networkId: '', address: null, host: null, named: { uuid, projectId } },
      ...{ method: request.method ?? '', url: request.url ?? '', body: (most) => bodyOf(request, most) },
    });
  };
  return (request, response) => {
    const began = performance.now();
    answerOf(request)
      .then((answered) => {
        const seconds = (performance.now() - began) / 1000;
        observer.answered('metadata', '', request.method ?? '', answered.status, seconds);
        sendAnswer(request, response, answered);
      })
      .catch(() => response.destroy());
  };
}
