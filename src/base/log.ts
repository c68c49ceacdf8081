// Why: JSON lines everywhere, and secrets never in them. Everything logs through an object made here.

import { type Logger, pino } from 'pino';
import { limits } from './limits.ts';

export type Log = Logger;

/** Key names whose values are secrets, wherever they stand up to three levels deep. */
const SECRET_KEYS = ['password', 'adminPass', 'admin_pass', 'secret', 'token', 'private_key', 'user_data', 'userData'];
const SECRET_HEADERS = ['x-auth-token', 'x-subject-token', 'authorization', 'x-service-token'];

const redact = [
  ...SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
  ...SECRET_HEADERS.flatMap((key) => [`headers["${key}"]`, `*.headers["${key}"]`]),
];

/** An error as pino writes it, without the statement that a database driver hangs on it: its values may be secrets. */
function withoutValues(error: Error): unknown {
  const { sql: _sql, bindings: _bindings, sqlMessage: _sqlMessage, ...rest } = pino.stdSerializers.err(error);
  return rest;
}

/** pino's `isoTime`; lines of the same millisecond share one text, which costs more than most other fields of a line. */
function isoTime(): () => string {
  let at = Number.NaN;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * A logger that writes JSON lines to stderr (stdout belongs to what a command prints). Lines are gathered for a moment, since
 * one write for each request costs more than the request's other logging; pino writes what is left when the process ends or
 * dies of an exception, and what a SIGKILL can swallow is the last `logFlushMs`.
 * @param also is given every line, too
 */
export function makeLog(level: LogLevel, also?: (line: string) => void): Log {
  const stderr = pino.destination({
    ...{ dest: 2, sync: false, minLength: limits.logBufferBytes, periodicFlush: limits.logFlushMs },
  });
  return pino(
    {
      level,
      base: null,
      redact: { paths: redact, censor: '***' },
      timestamp: isoTime(),
      formatters: { level: (name) => ({ level: name }) },
      serializers: { err: withoutValues },
    },
    also === undefined
      ? stderr
      : {
          write(line: string) {
            stderr.write(line);
            also(line);
          },
        },
  );
}

/**
 * The same logger without the search for secrets, which costs more than the rest of a line: for lines whose every field is
 * ours and none is a secret.
 */
export const plainLog = (log: Log, bindings: Readonly<Record<string, string>>): Log =>
  log.child(bindings, { redact: { paths: [] } });

export const silentLog: Log = pino({ level: 'silent' });
