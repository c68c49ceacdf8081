// Why: commands ask NovaCron's API; where that is and who asks is found as for any client of the cloud.

import { badRequest, Fault } from '../../base/errors.ts';
import { type AuthWord, cloudOfWords, findCloud, wordsOfEnv } from '../../client/clouds.ts';
import { fetchTransport } from '../../client/fetch-transport.ts';
import { sendJson } from '../../client/send.ts';
import { type Cloud, openSession } from '../../client/session.ts';

export interface Face {
  /** The body of an answer; `path` begins below /api/v1. Throws a `Refusal`, and `unavailable` where nobody answers. */
  ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
}

export interface FaceRequest {
  /** Of clouds.yaml. */
  readonly cloud?: string | undefined;
  /** Where the API is; undefined: as the catalog says. */
  readonly url?: string | undefined;
  readonly region?: string | undefined;
  readonly dataDir: string;
  /** What flags say of the caller. */
  readonly words: Partial<Record<AuthWord, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Who asks: flags before a named cloud, that before variables, those before the default cloud; null: nobody is named. */
function callerOf({ cloud: name, region, dataDir, words, env }: FaceRequest): Cloud | null {
  const said = cloudOfWords(words, region);
  if (said !== null) return said;
  const named = name ?? env['OS_CLOUD'];
  if (named === undefined) {
    const ofEnv = cloudOfWords({ ...wordsOfEnv(env), ...words }, region ?? env['OS_REGION_NAME']);
    if (ofEnv !== null) return ofEnv;
  }
  try {
    return findCloud({ ...(named === undefined ? {} : { name: named }), dataDir, env });
  } catch (error) {
    if (named !== undefined || !(error instanceof Fault)) throw error;
    return null;
  }
}

const withoutEnd = (url: string): string => url.replace(/\/$/, '');

/** Throws `badRequest` where neither a caller nor an address is named. */
export async function openFace(request: FaceRequest): Promise<Face> {
  const url = request.url ?? request.env['NOVACRON_URL'];
  const caller = callerOf(request);
  if (caller === null) {
    if (url === undefined)
      throw badRequest('who asks? Name a cloud of clouds.yaml (--os-cloud), or set OS_AUTH_URL and its siblings');
    // as one of this machine, where the operator lets those do without a token
    const base = withoutEnd(url);
    return {
      ask: async <T>(method: string, path: string, body?: unknown) =>
        (await sendJson(fetchTransport, { method, url: `${base}${path}`, body })).body as T,
    };
  }
  const session = await openSession(caller, fetchTransport, url === undefined ? {} : { novacron: withoutEnd(url) });
  return {
    ask: async <T>(method: string, path: string, body?: unknown) =>
      (await session.ask('novacron', { method, path, body })).body as T,
  };
}
