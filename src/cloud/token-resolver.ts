// Why: every request carries a token and few tokens differ, so answers are remembered: bounded in number, short enough that
// a revoked token dies, and never beyond the token's own end.

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
  /** Drops everything remembered, also what is being asked right now. */
  forget(): void;
}

export interface TokenResolverOptions {
  readonly clock: Clock;
  readonly wwwAuthenticateUri: string | null;
  /** For refusing a JWS without a call; null where the keys are not at hand. */
  readonly keys: TokenKeys | null;
  /** Asks for whom the token stands; null when it is not good. Rejects with `unavailable` when it cannot be asked. */
  readonly lookup: (token: string, expired: boolean) => Promise<ResolvedToken | null>;
  readonly cacheEntries?: number;
  readonly cacheMs?: number;
  readonly refusedMs?: number;
}

/**
 * The fault of a token that is not good, with the header that clients look for.
 * @param uri null: the built-in identity service's, which the answer names as the caller reaches it
 */
export const refusal = (uri: string | null): Fault =>
  unauthorized('The request you have made requires authentication.', {
    headers: uri === null ? {} : { 'WWW-Authenticate': `Keystone uri="${uri}"` },
  });

/** A map that keeps the `limit` entries used last. */
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

/** What a header can carry: visible ASCII. */
const isTokenText = (token: string): boolean => /^[\x21-\x7e]+$/.test(token);

interface Known {
  /** The same object for every request of the token: others remember what they derived from it. */
  readonly identity: Identity;
  readonly untilMs: number;
}

/** Tokens to identities: cache, then the JWS's own word (only to refuse), then the lookup, shared by those who ask at once. */
export function makeTokenResolver(options: TokenResolverOptions): TokenResolver {
  const { clock, keys, lookup, wwwAuthenticateUri } = options;
  const entries = options.cacheEntries ?? limits.tokenCacheEntries;
  const cacheMs = options.cacheMs ?? limits.tokenCacheMs;
  const refusedMs = options.refusedMs ?? limits.tokenRefusedCacheMs;
  const known = new Recent<Known>(entries);
  // apart, so that a flood of wrong tokens does not push out the right ones; by hash, so that long ones do not fill the memory
  const refused = new Recent<number>(entries);
  const asking = new Map<string, Promise<Identity | null>>();
  let generation = 0;

  async function ask(token: string, key: string): Promise<Identity | null> {
    const asked = generation;
    // A refused signature is not remembered: its key may be on its way into the directory.
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

  /** Such a token is seldom shown twice: it is not remembered. */
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
