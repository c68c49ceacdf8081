// Why: a forged or expired Keystone JWS can be refused without a request. The public keys are in a directory that an operator may change at any
// time; this reads it.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errors, jwtVerify } from 'jose';
import type { Clock } from '../base/clock.ts';
import { messageOf, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';

/** The private claims that Keystone's jws provider writes; those that do not apply are absent. */
export interface TokenClaims {
  readonly sub: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly exp: number;
  readonly openstack_methods: readonly string[];
  readonly openstack_audit_ids: readonly string[];
  readonly openstack_system?: string;
  readonly openstack_domain_id?: string;
  readonly openstack_project_id?: string;
  readonly openstack_app_cred_id?: string;
}

export type Verdict =
  | { readonly kind: 'good'; readonly claims: TokenClaims }
  | { readonly kind: 'expired' }
  | { readonly kind: 'forged' };

export interface TokenKeys {
  /**
   * Checks signature and expiry of a token for which `looksLikeJws` holds.
   * @throws a Fault `unavailable` when the directory cannot be read or holds no key
   */
  verify(token: string): Promise<Verdict>;
  /** Null, or why no token can be verified. */
  problem(): Promise<string | null>;
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === 'string' && entry !== '');

/** Whether all required claims are present, with the right types. */
function isClaims(payload: object): payload is TokenClaims {
  const claims = payload as Readonly<Record<string, unknown>>;
  const optional = ['system', 'domain_id', 'project_id', 'app_cred_id'].map((name) => claims[`openstack_${name}`]);
  return (
    typeof claims['sub'] === 'string' &&
    Number.isFinite(claims['iat']) &&
    Number.isFinite(claims['exp']) &&
    isTexts(claims['openstack_methods']) &&
    isTexts(claims['openstack_audit_ids']) &&
    optional.every((value) => value === undefined || typeof value === 'string')
  );
}

/** Three base64url parts separated by dots, which a fernet token or a UUID never is. */
export const looksLikeJws = (token: string): boolean => /^[\w-]+\.[\w-]*\.[\w-]*$/.test(token);

interface Loaded {
  readonly stamp: string;
  readonly keys: readonly KeyObject[];
}

/**
 * Verifies ES256 tokens with every `*.pem` (SubjectPublicKeyInfo) of a directory. The directory is read again at most
 * once per `limits.tokenKeysCheckMs`, so a key that is added or removed takes effect within that time.
 */
export function makeTokenKeys(options: {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
}): TokenKeys {
  const { directory, clock, log } = options;
  let loaded: Loaded = { stamp: '', keys: [] };
  let checkedAt = Number.NEGATIVE_INFINITY;
  let failure: string | null = null;
  let checking: Promise<void> | null = null;

  async function readKey(path: string): Promise<KeyObject | null> {
    try {
      const key = createPublicKey(await readFile(path, 'utf8'));
      if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
      log.warn({ path }, 'token key is not an EC key on P-256; ignored');
    } catch (error) {
      log.warn({ path, reason: messageOf(error) }, 'token key cannot be read; ignored');
    }
    return null;
  }

  async function look(): Promise<void> {
    try {
      const names = (await readdir(directory)).filter((name) => name.endsWith('.pem')).toSorted();
      const paths = names.map((name) => join(directory, name));
      const stats = await Promise.all(paths.map((path) => stat(path, { bigint: true })));
      const stamp = stats.map((s, i) => `${names[i]}:${s.ino}:${s.mtimeNs}:${s.size}`).join('\n');
      if (stamp !== loaded.stamp) {
        const keys = (await Promise.all(paths.map(readKey))).filter((key) => key !== null);
        loaded = { stamp, keys };
        log.info({ directory, keys: keys.length }, 'token keys read');
      }
      failure = loaded.keys.length === 0 ? `no public key (*.pem) in ${directory}` : null;
    } catch (error) {
      failure = `token keys in ${directory} cannot be read: ${messageOf(error)}`;
    }
    checkedAt = clock.now();
  }

  async function refresh(): Promise<void> {
    if (clock.now() - checkedAt < limits.tokenKeysCheckMs) return;
    checking ??= look().finally(() => {
      checking = null;
    });
    await checking;
  }

  async function verifyWith(token: string, key: KeyObject): Promise<Verdict> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['ES256'],
        currentDate: new Date(clock.now()),
        requiredClaims: ['sub', 'exp', 'iat'],
      });
      // a signed token that lacks required claims identifies nobody
      return isClaims(payload) ? { kind: 'good', claims: payload } : { kind: 'forged' };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return { kind: 'expired' };
      if (error instanceof errors.JOSEError) return { kind: 'forged' };
      throw error;
    }
  }

  return {
    async verify(token) {
      await refresh();
      if (failure !== null) throw unavailable('The identity keys cannot be read.', { detail: failure });
      for (const key of loaded.keys) {
        const verdict = await verifyWith(token, key);
        if (verdict.kind !== 'forged') return verdict;
      }
      return { kind: 'forged' };
    },
    async problem() {
      await refresh();
      return failure;
    },
  };
}
