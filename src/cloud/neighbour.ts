// Why: every call to another OpenStack service (a neighbour) has a timeout and ends with an answer or a fault that names the service.
// An unreachable service gives 503, never a wrong answer.

import { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { Fault, messageOf, unauthorized, unavailable } from '../base/errors.ts';
import { withoutEndSlashes } from '../base/slashes.ts';
import { limits } from '../base/limits.ts';
import type { Caller } from '../base/op.ts';
import { record, textOf } from './answer-values.ts';

export interface NeighbourOptions {
  /** The endpoint without a version: `http://host:9292`; or a function that looks it up for each call. */
  readonly endpoint: string | (() => Promise<string>);
  /** The service's own token; `renew` after it was refused. */
  readonly serviceToken: (renew: boolean) => Promise<string>;
  readonly timeoutMs?: number;
  /** PEM certificates to trust instead of the system's, for https. */
  readonly ca?: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the service's own token is sent too (X-Service-Token), for actions that users may only do through a service. */
  readonly showsService?: boolean;
}

/** Options of one call. */
export interface CallOptions {
  readonly contentType?: string;
  /** Aborts the call, which then fails. */
  readonly until?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface NeighbourAnswer {
  readonly status: number;
  /** The JSON body; null where there is none. */
  readonly body: unknown;
  /** The service's error message; or empty. */
  readonly message: string;
  /** Neutron's error type, or the code of a service that follows the guidelines of the API working group; or empty. */
  readonly type: string;
}

/** What is kept of a refusal: its body may be as long as it likes, and have what is nobody's to read. */
export const wordsOf = ({ status, message, type }: NeighbourAnswer): Omit<NeighbourAnswer, 'body'> => ({
  ...{ status, message, type },
});

export interface Neighbour {
  /**
   * One call. Idempotent methods (GET, PUT, DELETE) are repeated once after a broken connection.
   * @param as the caller with whose token to ask; null: with the service's own
   * @throws unavailable if there is no answer, or a 5xx (`cause` has its status, message and type); unauthorized if the caller's token is refused
   */
  ask(
    as: Caller | null,
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<NeighbourAnswer>;
  /** A PUT of binary data, as the service itself; never repeated, since the data can be read only once. */
  send(path: string, pieces: AsyncIterable<Uint8Array>): Promise<NeighbourAnswer>;
  /** The binary body of a GET, as the service itself. @param accept its media type */
  stream(path: string, accept?: string): Promise<AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

const ATTEMPTS = 2;
/** Methods that may be sent again when nobody knows whether the first request arrived. */
const IDEMPOTENT: ReadonlySet<Dispatcher.HttpMethod> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'", '#39': "'" };

/** The message of an HTML error page, as Glance's framework (webob) sends it: the text below its title. */
function wordsOfPage(text: string): string {
  const words = /<\/h1>([^<]*)<br/.exec(text)?.[1]?.trim() ?? '';
  return words.replaceAll(/&([#\w]+);/g, (whole, name: string) => entities[name] ?? whole);
}

function described(body: unknown): { message: string; type: string } {
  const outer = typeof body === 'object' && body !== null ? body : {};
  if ('errors' in outer && Array.isArray(outer.errors)) {
    const first = record(outer.errors[0]);
    return { message: textOf(first['detail']), type: textOf(first['code']) };
  }
  // Cinder uses another key for each kind of error
  const [only] = Object.values(outer) as unknown[];
  const error: unknown = 'NeutronError' in outer ? outer.NeutronError : 'error' in outer ? outer.error : only;
  if (typeof error === 'string') return { message: error, type: '' };
  if (typeof error !== 'object' || error === null) return { message: '', type: '' };
  return {
    message: 'message' in error && typeof error.message === 'string' ? error.message : '',
    type: 'type' in error && typeof error.type === 'string' ? error.type : '',
  };
}

/** What a service says goes into answers, faults and logs: no more of it than somebody reads, on one line and in whole characters. */
const quotable = (text: string): string =>
  text
    .slice(0, limits.neighbourWords)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();

/** Statuses in which there is no word of the service's: somebody else answers at its address, or it is asked for something later. */
const NO_WORD: ReadonlySet<number> = new Set([301, 302, 303, 307, 308, 408, 425, 429]);
/** What they mean is that something is not there, which is believed of the service alone. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 410]);

function parsed(text: string): unknown {
  try {
    return text === '' ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

/** Sends requests; transport errors become the fault that `failed` makes. */
interface Sender {
  readonly failed: (why: string, cause?: unknown) => Fault;
  send(
    token: string,
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    signal?: AbortSignal,
    options?: CallOptions,
  ): Promise<Dispatcher.ResponseData>;
  /** With the service's own token, renewed once when it is refused. */
  sendAsService(
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    signal?: AbortSignal,
    options?: CallOptions,
  ): Promise<Dispatcher.ResponseData>;
  /** Uploads data with the service's own token; the answer comes when all is stored. */
  sendPieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

interface Place {
  readonly origin: string;
  /** The service's base path; may be empty. */
  readonly prefix: string;
}

/** @throws Error for an invalid URL */
function placeOf(endpoint: string): Place {
  const { origin, pathname } = new URL(endpoint);
  return { origin, prefix: withoutEndSlashes(pathname) };
}

function makeSender(service: string, options: NeighbourOptions, timeoutMs: number): Sender {
  const { endpoint, serviceToken, ca, headers: common, showsService = false } = options;
  const failed: Sender['failed'] = (why, cause) =>
    unavailable(`The ${service} service is not available now.`, { detail: why, cause });
  const fixed = typeof endpoint === 'string' ? placeOf(endpoint) : null;
  const place = async (): Promise<Place> => {
    if (fixed !== null) return fixed;
    const told = await (endpoint as () => Promise<string>)();
    try {
      return placeOf(told);
    } catch (error) {
      throw failed(`${told} is not a valid URL`, error);
    }
  };
  const agent = new Agent({
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    ...(ca === undefined ? {} : { connect: { ca } }),
  });
  const send: Sender['send'] = async (token, method, path, body, signal, options = {}) => {
    const repeatable = IDEMPOTENT.has(method);
    const { origin, prefix } = await place();
    const { contentType = 'application/json', headers = {} } = options;
    const type = body === undefined ? {} : { 'Content-Type': contentType };
    const shown = showsService ? { 'X-Service-Token': await serviceToken(false) } : {};
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await agent.request({
          ...{ origin, path: `${prefix}${path}`, method },
          headers: { ...common, 'X-Auth-Token': token, Accept: '*/*', ...type, ...shown, ...headers },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (error) {
        if (!repeatable || attempt === ATTEMPTS || signal?.aborted) throw failed(messageOf(error), error);
      }
    }
  };

  return {
    failed,
    send,
    async sendAsService(method, path, body, signal, options) {
      const answer = await send(await serviceToken(false), method, path, body, signal, options);
      if (answer.statusCode !== 401) return answer;
      await answer.body.dump();
      return send(await serviceToken(true), method, path, body, signal, options);
    },
    async sendPieces(path, pieces) {
      const { origin, prefix } = await place();
      // a fresh token: a refused one could not be replaced once the data is read
      const request = {
        ...{ origin, path: `${prefix}${path}`, method: 'PUT' as const },
        headers: { 'X-Auth-Token': await serviceToken(true), 'Content-Type': 'application/octet-stream' },
        body: Readable.from(pieces, { objectMode: false }),
        headersTimeout: limits.imageTransferMs,
      };
      return agent.request(request).catch((error: unknown) => {
        throw failed(messageOf(error), error);
      });
    },
    close: () => agent.close(),
  };
}

/** A body as text. @throws Error if it is longer than `most` bytes */
async function textWithin(body: Dispatcher.ResponseData['body'], most: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // leaving the loop closes the connection
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.byteLength;
    if (bytes > most) throw new Error(`the answer is longer than ${most} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Parses an answer; `own`: the request used the service's own token. */
async function understood(
  { failed }: Sender,
  what: string,
  answer: Dispatcher.ResponseData,
  own: boolean,
): Promise<NeighbourAnswer> {
  let text: string;
  try {
    text = await textWithin(answer.body, limits.neighbourListBytes);
  } catch (error) {
    throw failed(messageOf(error), error);
  }
  const { statusCode: status } = answer;
  const value = parsed(text);
  const said = value === null ? { message: wordsOfPage(text), type: '' } : described(value);
  const { message, type } = { message: quotable(said.message), type: quotable(said.type) };
  if (status >= 500) throw failed(`${what}: ${status} ${message}`, { status, message, type });
  const isStranger =
    NO_WORD.has(status) ||
    (status < 300 && value === null && text !== '') ||
    (NOT_THERE.has(status) && value === null && message === '');
  if (isStranger) throw failed(`${what}: ${status}, which is no answer of the service`);
  if (status === 401 && !own) throw unauthorized('The request you have made requires authentication.');
  if (status === 401) throw failed(`${what}: the service's own credentials are refused`);
  return { status, body: value, message, type };
}

/** @param service the name of the service in messages, e.g. `image` */
export function makeNeighbour(service: string, options: NeighbourOptions): Neighbour {
  const { timeoutMs = limits.neighbourMs } = options;
  const sender = makeSender(service, options, timeoutMs);
  /** A 401 may be caused by our X-Service-Token: it is renewed once. */
  const asUser: Sender['send'] = async (...request) => {
    const answer = await sender.send(...request);
    if (answer.statusCode !== 401 || options.showsService !== true) return answer;
    await answer.body.dump();
    await options.serviceToken(true);
    return sender.send(...request);
  };
  return {
    async ask(as, method, path, body, options = {}) {
      const late = AbortSignal.timeout(timeoutMs);
      const signal = options.until === undefined ? late : AbortSignal.any([late, options.until]);
      const token = as?.token ?? null;
      const answer =
        token === null
          ? await sender.sendAsService(method, path, body, signal, options)
          : await asUser(token, method, path, body, signal, options);
      return understood(sender, `${method} ${path}`, answer, token === null);
    },
    async send(path, pieces) {
      return understood(sender, `PUT ${path}`, await sender.sendPieces(path, pieces), true);
    },
    async stream(path, accept = '*/*') {
      const answer = await sender.sendAsService('GET', path, undefined, undefined, { headers: { Accept: accept } });
      if (answer.statusCode === 200) return answer.body as AsyncIterable<Uint8Array>;
      await answer.body.dump();
      if (answer.statusCode >= 500 || answer.statusCode === 401)
        throw sender.failed(`GET ${path}: ${answer.statusCode}`);
      throw new Fault('notFound', `The ${service} service has no data there.`, {
        detail: `${path}: ${answer.statusCode}`,
      });
    },
    close: () => sender.close(),
  };
}
