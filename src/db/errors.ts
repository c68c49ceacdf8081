// Why: the two engines name the same mishaps differently; here they get one name each.

import { badRequest, conflict, type Fault, type FaultCode, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** A unique or primary key already holds the value. */
export function isDuplicate(error: unknown): boolean {
  return ['ER_DUP_ENTRY', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'].includes(codeOf(error));
}

/** Another process has SQLite's file at this moment: writes it, or reads a log that one which was killed left (`_RECOVERY`). */
export const isBusy = (error: unknown): boolean => ['SQLITE_BUSY', 'SQLITE_BUSY_RECOVERY'].includes(codeOf(error));

/** A row is not as it was read in the same transaction: somebody changed it meanwhile, and all must be thought over. */
export class StaleRow extends Error {
  readonly code = 'XLOUD_STALE_ROW';
}

const AGAIN = ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD', 'SQLITE_BUSY_SNAPSHOT', 'XLOUD_STALE_ROW'];

/** A deadlock, a lock that did not come in time, a row that moved: the same transaction may succeed when run again. */
export const isRetryable = (error: unknown): boolean => isBusy(error) || AGAIN.includes(codeOf(error));

const AWAY = [
  'PROTOCOL_CONNECTION_LOST',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'ER_SERVER_SHUTDOWN',
  'ER_CON_COUNT_ERROR',
];

/** The database could not be reached, or the connection to it was lost: what was asked is undone and may be asked again. */
function isAway(error: unknown): boolean {
  if (error instanceof Error && error.name === 'KnexTimeoutError') return true;
  // a missing socket file says ENOENT, as a missing file would: only a connection's counts
  const connecting = typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'connect';
  const code = codeOf(error);
  return AWAY.includes(code) && (code !== 'ENOENT' || connecting);
}

const FULL = ['SQLITE_FULL', 'ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 'ENOSPC', 'EDQUOT'];

/** There is no room for what shall be written, or the disk refuses it. */
const isFull = (error: unknown): boolean => FULL.includes(codeOf(error)) || codeOf(error).startsWith('SQLITE_IOERR');

/** A text that a column of MariaDB has no room for; SQLite takes any. */
export const isTooLong = (error: unknown): boolean => codeOf(error) === 'ER_DATA_TOO_LONG';

/**
 * What the world, not the program, did wrong with the database: to be asked for again later; or what only the engine could find
 * wrong with a request. Null: it is something else.
 */
export function databaseFault(error: unknown): Fault | null {
  // to MySQL, keys that differ in trailing blanks alone are one
  if (codeOf(error) === 'ER_DUP_ENTRY') {
    return conflict('Something is named twice, or is there already.', { code: 'db.duplicate', cause: error });
  }
  // a pattern that our engine takes may be none to MariaDB's
  if (codeOf(error) === 'ER_REGEXP_ERROR') {
    return badRequest('Invalid filter: it is not a regular expression.', { code: 'db.pattern', cause: error });
  }
  const later = (message: string, code: FaultCode): Fault =>
    unavailable(message, { code, cause: error, retryAfterSeconds: limits.databaseRetrySeconds });
  if (isAway(error)) return later('The database did not answer.', 'db.away');
  if (isRetryable(error)) return later('The database is busy.', 'db.busy');
  return isFull(error) ? later('There is no room to store anything.', 'db.full') : null;
}
