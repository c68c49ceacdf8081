// Why: a user of a cloud that falls apart is a good client: what surely never arrived is asked of the other API, what was cut off is looked
// up and not repeated, and what only reads is asked until somebody answers.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../support/cluster.ts';

/** What a client waits for one answer, longer than anything is halted. */
const ASK_MS = 30_000;
const READ_MS = 5_000;
const PAUSE_MS = 200;

export interface Answered {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- whoever asks knows what comes
  readonly body: any;
  readonly requestId: string | null;
  /** The API that answered, from 0. */
  readonly api: number;
}

/** Nobody knows whether it was heard. */
export interface Cut {
  readonly cut: string;
  readonly api: number;
}

export interface Client {
  /** One request that changes something; another API is asked only where the first surely never heard of it. */
  ask(api: number, method: string, path: string, body?: unknown): Promise<Answered | Cut>;
  /** One request that changes nothing, asked of all APIs in turns until one answers; rejects after `ms`. */
  read(path: string, ms: number): Promise<Answered>;
}

/** Requests below `/compute/v2.1` as the administrator. */
export function makeClient(cluster: Cluster): Client {
  let token: string | null = null;
  const urls = cluster.apis.map(({ url }) => `${url}/compute/v2.1`);

  async function send(api: number, method: string, path: string, body: unknown, ms: number): Promise<Answered> {
    token ??= await cluster.token(api);
    const used = token;
    const response = await fetch(`${urls[api]}${path}`, {
      method,
      headers: {
        'X-Auth-Token': used,
        'OpenStack-API-Version': 'compute 2.96',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ms),
    });
    const text = await response.text();
    if (response.status === 401 && token === used) token = null;
    const isJson = response.headers.get('Content-Type')?.includes('json') === true && text !== '';
    const requestId = response.headers.get('X-Compute-Request-Id');
    return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text, requestId, api };
  }

  return {
    async ask(first, method, path, body) {
      for (let turn = 0; ; turn += 1) {
        const api = (first + turn) % urls.length;
        try {
          const answered = await send(api, method, path, body, ASK_MS);
          // it was refused before anything was done: once more, with a new token
          if (answered.status !== 401 || turn >= 2 * urls.length) return answered;
        } catch (error) {
          const { cause } = error as { readonly cause?: { readonly code?: string } };
          const neverHeard = cause?.code === 'ECONNREFUSED';
          if (!neverHeard || turn >= 2 * urls.length) return { cut: cause?.code ?? String(error), api };
        }
        await sleep(PAUSE_MS);
      }
    },
    async read(path, ms) {
      const giveUpAt = Date.now() + ms;
      for (let api = 0; ; api = (api + 1) % urls.length) {
        const answered = await send(api, 'GET', path, undefined, READ_MS).catch(() => null);
        if (answered !== null && answered.status !== 401 && answered.status < 500) return answered;
        if (Date.now() > giveUpAt) throw new Error(`GET ${path}: nobody answered for ${ms} ms`);
        await sleep(PAUSE_MS);
      }
    },
  };
}
