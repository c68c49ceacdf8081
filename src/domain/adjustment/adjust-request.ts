// Why: the wire form of an adjustment is XLoud Nova's, and so are its words of refusal; what was silently coerced there is a
// 400 here (adjust.md rows 3, 4, 12).

import { badRequest } from '../../base/errors.ts';

export interface AdjustRequest {
  /** Null: leave it as it is. */
  readonly vcpus: number | null;
  /** MiB; null: leave it as it is. */
  readonly memoryMb: number | null;
  /** Also for the next power cycles; false: until the next one. */
  readonly persist: boolean;
  /** Whether it may move to another host where its own has no room; null or absent: as the operator says. */
  readonly mayMigrate?: boolean | null;
}

const FIELDS = ['current_vcpus', 'current_memory_mb', 'persist', 'may_migrate'] as const;

/** The largest number either field may carry: what a column holds. */
const MAXIMUM = 0x7fffffff;

function count(body: Record<string, unknown>, field: string): number | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^[0-9]{1,15}$/.test(value)
        ? Number(value)
        : Number.NaN;
  if (!Number.isInteger(number)) throw badRequest(`${field} must be int`);
  if (number < 1) throw badRequest(`${field} must be >= 1`);
  if (number > MAXIMUM) throw badRequest(`${field} must be <= ${MAXIMUM}`);
  return number;
}

/**
 * The body of POST /os-xloud-adjust/{server_id}.
 * @throws badRequest for anything but an object with at least one of the two sizes, whole numbers (or strings of ASCII
 *   digits) from 1, booleans `persist` and `may_migrate`, and no other member
 */
export function parseAdjust(body: unknown): AdjustRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badRequest('Body must be JSON object');
  const given = body as Record<string, unknown>;
  const unknown = Object.keys(given).filter((key) => !(FIELDS as readonly string[]).includes(key));
  if (unknown.length > 0) {
    throw badRequest(
      `Additional properties are not allowed (${unknown.map((key) => `'${key}'`).join(', ')} ${unknown.length === 1 ? 'was' : 'were'} unexpected)`,
    );
  }
  const vcpus = count(given, 'current_vcpus');
  const memoryMb = count(given, 'current_memory_mb');
  if (vcpus === null && memoryMb === null) throw badRequest('Provide current_vcpus and/or current_memory_mb');
  const { persist = true } = given;
  if (typeof persist !== 'boolean') throw badRequest('persist must be boolean');
  const { may_migrate: mayMigrate = null } = given;
  if (mayMigrate !== null && typeof mayMigrate !== 'boolean') throw badRequest('may_migrate must be boolean');
  return { vcpus, memoryMb, persist, mayMigrate };
}
