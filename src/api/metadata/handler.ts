// Why: guests are answered here. Who asks is told by whoever took the connection, out of the network that it came from; nothing that a
// guest writes into its request says who it is.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { asFault, badRequest, Fault } from '../../base/errors.ts';
import { canonicalIp } from '../../base/ip.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { databaseFault } from '../../db/errors.ts';
import type { Ec2Facts } from '../../domain/servers/ec2-metadata.ts';
import { SEED_BYTES } from '../../domain/servers/guest-metadata.ts';
import { type MetadataAnswer, metadataAt } from '../../domain/servers/metadata-paths.ts';
import { readPhoneHome } from '../../domain/servers/phone-home.ts';
import type { GuestMetadataSource } from '../../ops/index.ts';
import type { WebObserver } from '../../web/app.ts';
import { statusOfFault } from '../../web/faults.ts';

export interface MetadataOptions {
  readonly source: GuestMetadataSource;
  /** Counts a request of a guest; throws 429 with the seconds after which there is room again. */
  readonly count: (guest: string, writes: boolean) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
}

/** Who sent something by a socket; null: that cannot be told. */
export function senderOf(socket: Pick<Socket, 'remoteAddress'>): string | null {
  try {
    return canonicalIp((socket.remoteAddress ?? '').replace(/%.*$/s, '').replace(/^::ffff:(?=\d+\.)/, ''));
  } catch {
    // of a link-local address with an interface that has no name here
    return null;
  }
}

/** Answers one request that came from a network. */
export type AnswerGuest = (networkId: string, request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What is asked, and from where. */
export interface Asked {
  readonly networkId: string;
  /** The sender's, in its canonical form; null: that cannot be told. */
  readonly address: string | null;
  /** The host from which it was passed on, which is believed of its own guests alone; null: it came from the network itself. */
  readonly host: string | null;
  /** Who asks, where somebody who is believed says so; absent: who has the address in the network. */
  readonly named?: { readonly uuid: string; readonly projectId: string };
  readonly method: string;
  readonly url: string;
  /** @throws 400 where it is longer than that, empty, or no text */
  readonly body: (most: number) => Promise<string>;
}

/** Answers one question; a fault is an answer too. */
export type AnswerAsked = (asked: Asked) => Promise<Answered>;

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const PLAIN = 'text/plain; charset=UTF-8';
export const refusal = (status: number, words: string, headers: Readonly<Record<string, string>> = {}): Answered => ({
  ...{ status, type: PLAIN, headers },
  body: `${status} ${words}\n`,
});
const notHere = (): Answered => refusal(404, 'Not Found');

/** The body of a request. @throws 400 where it is longer than that, empty, or no text */
export async function bodyOf(request: IncomingMessage, most: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > most) throw badRequest('Request is too large.');
      pieces.push(piece);
    }
  } catch (error) {
    // too long, too slow, or gone: in any case the guest's affair
    throw error instanceof Fault ? error : badRequest('The request did not come to its end.');
  }
  if (bytes === 0) throw badRequest('A body is wanted.');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch {
    throw badRequest('The body is no text.');
  }
}

/** The last facts of guests: one that starts asks for ten files in a second. */
function makeKept(source: GuestMetadataSource, clock: Clock) {
  const kept = new Map<string, { readonly atMs: number; readonly facts: Promise<Ec2Facts | null> }>();
  return (uuid: string): Promise<Ec2Facts | null> => {
    const now = clock.now();
    const found = kept.get(uuid);
    if (found !== undefined && now - found.atMs < limits.metadataCacheMs) return found.facts;
    kept.delete(uuid);
    for (const [oldest, { atMs }] of kept) {
      if (kept.size < limits.metadataCacheEntries && now - atMs < limits.metadataCacheMs) break;
      kept.delete(oldest);
    }
    const facts = source.facts(uuid);
    kept.set(uuid, { atMs: now, facts });
    // what could not be read is asked for again
    facts.catch(() => kept.delete(uuid));
    return facts;
  };
}

/** Who answers questions, however they came. */
export function makeMetadataAnswers({ source, count, clock, log }: Omit<MetadataOptions, 'observer'>): AnswerAsked {
  const factsOf = makeKept(source, clock);

  async function password(facts: Ec2Facts, request: Asked): Promise<Answered> {
    if (request.method === 'GET' || request.method === 'HEAD')
      return { status: 200, type: PLAIN, body: (await source.password(facts)) ?? '' };
    if (request.method !== 'POST') return refusal(400, 'GET and POST only are supported.');
    await source.keepPassword(facts, await request.body(limits.sealedPasswordCharacters));
    return { status: 200, type: PLAIN, body: '' };
  }

  async function phoneHome(facts: Ec2Facts, request: Asked): Promise<Answered> {
    if (request.method !== 'POST') return refusal(405, 'Method Not Allowed', { Allow: 'POST' });
    await source.phonedHome(facts, readPhoneHome(await request.body(limits.phoneHomeBytes)));
    return { status: 200, type: PLAIN, body: '' };
  }

  async function answerOf(request: Asked): Promise<Answered> {
    const { networkId, address, host, named, method, url } = request;
    if (url.length > limits.metadataPathChars) return notHere();
    const reads = method === 'GET' || method === 'HEAD';
    await count(named === undefined ? `${networkId} ${address}` : named.uuid, !reads);
    const uuid = named?.uuid ?? (address === null ? null : await source.asker({ networkId, address, host }));
    const facts = uuid === null ? null : await factsOf(uuid);
    if (facts === null || (named !== undefined && named.projectId !== facts.server.projectId)) return notHere();
    const found: MetadataAnswer | null = metadataAt(facts, url.replace(/[?#].*$/s, ''), () => randomBytes(SEED_BYTES));
    if (found === null) return notHere();
    if (found.kind === 'password') return password(facts, request);
    if (found.kind === 'phone-home') return phoneHome(facts, request);
    if (!reads) return refusal(405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    const type = found.type === 'text/plain' ? PLAIN : found.type;
    return { status: 200, type, body: found.body };
  }

  function refused(error: unknown, networkId: string): Answered {
    const fault = error instanceof Fault ? error : (databaseFault(error) ?? asFault(error));
    const status = statusOfFault(fault);
    if (fault.kind === 'internal') log.error({ err: error, network: networkId }, 'a guest was not told its metadata');
    const again = fault.retryAfterSeconds;
    const words = status >= 500 ? 'Try again later.' : fault.message;
    return refusal(status, words, again === undefined ? {} : { 'Retry-After': String(again) });
  }

  return (asked) => answerOf(asked).catch((error: unknown) => refused(error, asked.networkId));
}

/** Writes an answer. */
export function sendAnswer(request: IncomingMessage, response: ServerResponse, answered: Answered): void {
  const { status, type, body, headers } = answered;
  if (response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    // whatever else comes is not read
    ...(request.complete ? {} : { Connection: 'close' }),
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Answers those who come to a network's socket. */
export function answerGuests(answers: AnswerAsked, observer: WebObserver): AnswerGuest {
  return async (networkId, request, response) => {
    const began = performance.now();
    const answered = await answers({
      ...{ networkId, address: senderOf(request.socket), host: null },
      ...{ method: request.method ?? '', url: request.url ?? '', body: (most) => bodyOf(request, most) },
    });
    const seconds = (performance.now() - began) / 1000;
    observer.answered('metadata', '', request.method ?? '', answered.status, seconds);
    sendAnswer(request, response, answered);
  };
}

export const makeMetadata = ({ observer, ...options }: MetadataOptions): AnswerGuest =>
  answerGuests(makeMetadataAnswers(options), observer);
