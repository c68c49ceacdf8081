// Why: passwords are kept so that whoever steals the database still has to guess them one by one, and so that a login tells
// nobody which users exist.

import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { limits } from '../../base/limits.ts';
import { makeFairGate, type Turn } from './turns.ts';

export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** 16 MiB and about 0.15 s of one core: OWASP's equal of 2^17/8/1 for machines whose memory belongs to guests. */
const DEFAULT_COST: ScryptCost = { N: 2 ** 14, r: 8, p: 5 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;

export interface Passwords {
  /** Both wait for their turn, and reject as `Gate` does. The text to store: `scrypt$N$r$p$salt$hash`. */
  hash(password: string, turn: Turn): Promise<string>;
  /** Whether a password is the stored one; takes as long when there is none stored. */
  matches(password: string, stored: string | null, turn: Turn): Promise<boolean>;
}

/** One processor is left to everything else. */
export const HASHES_AT_ONCE = Math.max(1, Math.min(limits.passwordHashesAtOnce, availableParallelism() - 1));

/** Makes the hash of a password, in so many bytes. */
export type Derive = (password: string, salt: Buffer, cost: ScryptCost, bytes: number) => Promise<Buffer>;

const byScrypt: Derive = (password, salt, { N, r, p }, bytes) => {
  const options: ScryptOptions = { N, r, p, maxmem: 128 * r * (N + p + 2) + 65_536 };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, bytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
};

export function makePasswords(cost: ScryptCost = DEFAULT_COST, derive = byScrypt): Passwords {
  const gate = makeFairGate({
    atOnce: HASHES_AT_ONCE,
    perUser: limits.passwordHashesPerUser,
    perAddress: limits.passwordHashesPerAddress,
    total: limits.passwordHashesWaiting,
  });
  const nobody = { salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES), cost };

  const read = (stored: string) => {
    const [scheme, N, r, p, salt, hash] = stored.split('$');
    if (scheme !== 'scrypt' || salt === undefined || hash === undefined) throw new Error('unknown password scheme');
    return {
      salt: Buffer.from(salt, 'base64url'),
      hash: Buffer.from(hash, 'base64url'),
      cost: { N: Number(N), r: Number(r), p: Number(p) },
    };
  };

  return {
    async hash(password, turn) {
      const salt = randomBytes(SALT_BYTES);
      const hash = await gate(turn, () => derive(password, salt, cost, HASH_BYTES));
      return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
    },
    async matches(password, stored, turn) {
      const wanted = stored === null ? nobody : read(stored);
      const found = await gate(turn, () => derive(password, wanted.salt, wanted.cost, wanted.hash.length));
      return timingSafeEqual(found, wanted.hash) && stored !== null;
    },
  };
}
