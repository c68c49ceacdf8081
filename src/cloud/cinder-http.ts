// Why: a caller's own requests reach Cinder with the caller's token, and what compute does for a server with the service's token;
// Cinder's refusals become the faults of Nova's API.

import { badRequest, conflict, type Fault, forbidden, notFound, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Caller } from '../base/op.ts';
import { record, records, textOf } from './answer-values.ts';
import { makeNeighbour, type NeighbourAnswer, type NeighbourOptions } from './neighbour.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface CinderOptions extends NeighbourOptions {
  /** The project of the service's own token, which is part of its request paths. */
  readonly serviceProject: () => Promise<string>;
  /** Timeout of requests as the service, during which Cinder works on its storage. Default: `limits.volumeServiceMs`. */
  readonly storageMs?: number;
}

/** The first microversion with the attachments API; everything used here has meant the same since. */
export const VERSION = '3.44';
/** The first microversion with os-reimage. */
export const REIMAGE = '3.68';

const versionHeader = (version: string) => ({ 'OpenStack-API-Version': `volume ${version}` });

/** A request for a path below the project. */
export interface CinderRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: Json;
  /** What the request does, for error messages. */
  readonly to: string;
  /** The fault for a 404; absent: Cinder's own message. */
  readonly missing?: () => Fault;
}

export interface CinderHttp {
  /** @param as null: the service itself. Rejects with Nova's faults for refusals. */
  ask(as: Caller | null, request: CinderRequest): Promise<Json>;
  /** As `ask`, as the service itself, in the microversion that has os-reimage. */
  askReimage(request: CinderRequest): Promise<Json>;
  /** As `ask`; null: 404. */
  find(as: Caller | null, request: Pick<CinderRequest, 'path' | 'to'>): Promise<Json | null>;
  /** The newest version that this Cinder speaks, as `3.70`. */
  newest(): Promise<string>;
  close(): Promise<void>;
}

/** The fault for a refused request. */
function refusal(answer: NeighbourAnswer, { to, missing }: CinderRequest): Fault {
  const message = answer.message || `The volume service refused to ${to} (${answer.status}).`;
  const options = { detail: answer.status };
  switch (answer.status) {
    case 403:
      return forbidden(message, options);
    case 404:
      return missing?.() ?? notFound(message, options);
    case 409:
      return conflict(message, options);
    case 413:
      return forbidden(message, { code: 'quota', ...options });
    case 406:
      return unavailable('The volume service is too old.', { detail: `it does not speak ${VERSION}` });
    default:
      return badRequest(message, options);
  }
}

/** Whether one version is at least another: `3.44`. */
export function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

export function cinderHttp(options: CinderOptions): CinderHttp {
  const { serviceProject, storageMs = limits.volumeServiceMs } = options;
  const shared = { ...options, showsService: true };
  const asked = makeNeighbour('volume', { ...shared, headers: versionHeader(VERSION) });
  const own = makeNeighbour('volume', { ...shared, timeoutMs: storageMs, headers: versionHeader(VERSION) });
  const reimaging = makeNeighbour('volume', { ...shared, timeoutMs: storageMs, headers: versionHeader(REIMAGE) });

  const send = async (by: typeof asked, as: Caller | null, { method, path, body }: CinderRequest) => {
    const caller = as?.token == null ? null : as;
    const project = caller?.projectId ?? (await serviceProject());
    return by.ask(caller, method, `/v3/${encodeURIComponent(project)}${path}`, body);
  };
  const accepted = (answer: NeighbourAnswer, request: CinderRequest): Json => {
    if (answer.status >= 300) throw refusal(answer, request);
    return record(answer.body);
  };

  return {
    async ask(as, request) {
      return accepted(await send(as?.token == null ? own : asked, as, request), request);
    },
    async askReimage(request) {
      return accepted(await send(reimaging, null, request), request);
    },
    async find(as, { path, to }) {
      const request: CinderRequest = { method: 'GET', path, to };
      const answer = await send(as?.token == null ? own : asked, as, request);
      return answer.status === 404 ? null : accepted(answer, request);
    },
    async newest() {
      const answer = await asked.ask(null, 'GET', '/');
      const versions = records(record(answer.body)['versions']).map((one) => textOf(one['version']));
      const third = versions.filter((version) => /^3\.\d+$/.test(version));
      return third[0] ?? '3.0';
    },
    async close() {
      await Promise.all([asked.close(), own.close(), reimaging.close()]);
    },
  };
}
