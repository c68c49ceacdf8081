// Why: the two engines name the same mishaps differently; here they get one name each.

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** A unique or primary key already holds the value. */
export function isDuplicate(error: unknown): boolean {
  return ['ER_DUP_ENTRY', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'].includes(codeOf(error));
}

/** A deadlock or a lock that did not come in time: the same transaction may succeed when run again. */
export function isRetryable(error: unknown): boolean {
  return ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD', 'SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT'].includes(
    codeOf(error),
  );
}

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
export function isAway(error: unknown): boolean {
  if (error instanceof Error && error.name === 'KnexTimeoutError') return true;
  // a missing socket file says ENOENT, as a missing file would: only a connection's counts
  const connecting = typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'connect';
  const code = codeOf(error);
  return AWAY.includes(code) && (code !== 'ENOENT' || connecting);
}
