// Why: one closed set of expected failures. A fault says what went wrong for whom (message for the caller, detail for the
// log); only src/web/faults.ts knows which HTTP status and envelope a kind becomes.

import { type FaultCode, type FaultKind, isInnerCode } from './fault-codes.ts';

export type { FaultCode, FaultKind } from './fault-codes.ts';

export interface FaultOptions {
  /** What programs compare, of `fault-codes.ts`; defaults to the kind. */
  readonly code?: FaultCode;
  /** More for the log and for administrators; never sent to an ordinary caller. */
  readonly detail?: unknown;
  readonly cause?: unknown;
  /** Seconds after which a retry makes sense; sent as Retry-After. */
  readonly retryAfterSeconds?: number;
  /** Additional response headers, e.g. WWW-Authenticate. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An expected failure with a message that may be shown to the caller. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: FaultKind;
  readonly code: FaultCode;
  readonly detail: unknown;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: FaultKind, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = options.code ?? kind;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
  }
}

const maker =
  (kind: FaultKind) =>
  (message: string, options?: FaultOptions): Fault =>
    new Fault(kind, message, options);

export const badRequest = maker('badRequest');
export const unauthorized = maker('unauthorized');
export const forbidden = maker('forbidden');
export const notFound = maker('notFound');
export const conflict = maker('conflict');
export const unavailable = maker('unavailable');
export const notImplemented = maker('notImplemented');
export const overLimit = maker('overLimit');
export const internal = maker('internal');

/** The fault itself, or an `internal` one around anything else that was thrown. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('internal', 'Unexpected API Error. Please report this to the operator with the request id.', {
    detail: error instanceof Error ? error.message : String(error),
    cause: error,
  });
}

/** What a caller, or a server's owner, may read of a failure; the words behind it are for the log and for administrators. */
export const outwardMessage = ({ code, message }: { readonly code: FaultCode; readonly message: string }): string =>
  isInnerCode(code) ? `The host could not carry out the request (${code}).` : message;

/** The text of anything thrown, for messages and logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
