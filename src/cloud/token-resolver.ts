// Why: every request carries a token and most repeat, so validations are cached: bounded in number, for a time short enough that a revoked
// token stops working, and never beyond the token's expiry.

import { hash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { type Fault, unauthorized } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Identity } from './identity.ts';
import type { ResolvedToken } from './token-body.ts';
import { looksLikeJws, type TokenKeys } from './token-keys.ts';

export interface TokenResolver {
  /** As `IdentityService.authenticate`. */
  authenticate(token: string, how?: { readonly expired: boolean }): Promise<Identity>;
  /** Clears the cache, and keeps lookups in progress from being cached. */
  forget(): void;
}

export interface TokenResolverOptions {
  readonly clock: Clock;
  readonly wwwAuthenticateUri: string | null;
  /** For refusing a JWS without a request; null: no keys are configured. */
  readonly keys: TokenKeys | null;
  /** Validates a token at the identity service; null: it is invalid. Rejects with `unavailable` if the service cannot be reached. */
  readonly lookup: (token: string, expired: boolean) => Promise<ResolvedToken | null>;
  readonly cacheEntries?: number;
  readonly cacheMs?: number;
  readonly refusedMs?: number;
}

/**
 * The fault for an invalid token, with the header that clients expect.
 * @param uri null: the built-in identity service, whose address the web layer adds as the caller sees it
 */
export const refusal = (uri: string | null): Fault =>
  unauthorized('The request you have made requires authentication.', {
    headers: uri === null ? {} : { 'WWW-Authenticate': `Keystone uri="${uri}"` },
  });

/** A map that keeps the `limit` most recently used entries (LRU). */
class Recent<T> {
  readonly #entries = new Map<string, T>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) this.#entries.delete(this.#entries.keys().next().value as string);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** Whether a token can be sent in a header: visible ASCII. */
const isTokenText = (token: string): boolean => /^[\x21-\x7e]+$/.test(token);

interface Known {
  /** The same object for every request of the token: others cache what they derive from it. */
  readonly identity: Identity;
  readonly untilMs: number;
}

/** Resolves tokens: cache, then JWS verification (only to refuse), then the lookup, shared by concurrent requests. */
export function makeTokenResolver(options: TokenResolverOptions): TokenResolver {
  const { clock, keys, lookup, wwwAuthenticateUri } = options;
  const entries = options.cacheEntries ?? limits.tokenCacheEntries;
  const cacheMs = options.cacheMs ?? limits.tokenCacheMs;
  const refusedMs = options.refusedMs ?? limits.tokenRefusedCacheMs;
  const known = new Recent<Known>(entries);
  // separate, so that a flood of invalid tokens does not evict valid ones; by hash, so that long ones do not fill the memory
  const refused = new Recent<number>(entries);
  const asking = new Map<string, Promise<Identity | null>>();
  let generation = 0;

  async function ask(token: string, key: string): Promise<Identity | null> {
    const asked = generation;
    // not cached: the key may be added to the directory at any moment
    if (keys !== null && looksLikeJws(token) && (await keys.verify(token)).kind !== 'good') return null;
    const resolved = await lookup(token, false);
    const now = clock.now();
    const identity = resolved === null || resolved.expiresAt <= now ? null : { ...resolved, token };
    if (generation !== asked) return identity;
    if (identity === null) {
      refused.set(key, now + refusedMs);
      return null;
    }
    known.set(token, { identity, untilMs: Math.min(now + cacheMs, identity.expiresAt) });
    return identity;
  }

  /** An expired token is seldom used twice: it is not cached. */
  async function askExpired(token: string): Promise<Identity | null> {
    if (keys !== null && looksLikeJws(token) && (await keys.verify(token)).kind === 'forged') return null;
    const resolved = await lookup(token, true);
    return resolved === null ? null : { ...resolved, token };
  }

  return {
    async authenticate(token, { expired } = { expired: false }) {
      if (!isTokenText(token)) throw refusal(wwwAuthenticateUri);
      const now = clock.now();
      const hit = known.get(token);
      if (hit !== undefined) {
        if (hit.untilMs > now) return hit.identity;
        known.delete(token);
      }
      if (expired) {
        const late = await askExpired(token);
        if (late === null) throw refusal(wwwAuthenticateUri);
        return late;
      }
      const key = hash('sha256', token, 'base64');
      const refusedUntil = refused.get(key);
      if (refusedUntil !== undefined) {
        if (refusedUntil > now) throw refusal(wwwAuthenticateUri);
        refused.delete(key);
      }
      let answer = asking.get(key);
      if (answer === undefined) {
        const question = ask(token, key).finally(() => {
          if (asking.get(key) === question) asking.delete(key);
        });
        answer = question;
        asking.set(key, question);
      }
      const identity = await answer;
      if (identity === null) throw refusal(wwwAuthenticateUri);
      return identity;
    },
    forget() {
      generation += 1;
      known.clear();
      refused.clear();
      asking.clear();
    },
  };
}
