// Why: an agent's refusal must reach the caller as the same refusal, whatever carries it.

import { inspect } from 'node:util';
import { asFault, Fault, type FaultCode, type FaultKind } from '../base/errors.ts';
import { faultCodeOf } from '../base/fault-codes.ts';

/** A fault as plain data. The cause and the stack stay where they arose. */
export interface WireFault {
  readonly kind: FaultKind;
  readonly message: string;
  /** As the other side has it, which may be of another release. */
  readonly code: string;
  readonly detail: unknown;
  readonly retryAfterSeconds: number | null;
}

/** `detail` as plain data: what is none is told in words. */
function plain(detail: unknown): unknown {
  if (detail === undefined || detail === null) return null;
  if (detail instanceof Error) return detail.message;
  try {
    return JSON.parse(JSON.stringify(detail)) as unknown;
  } catch {
    return inspect(detail, { depth: 2 });
  }
}

/** A fault of this process, whose code is known. */
export interface OwnFault extends WireFault {
  readonly code: FaultCode;
}

/** Anything thrown, as data; what is no fault becomes an `internal` one. */
export function faultToWire(error: unknown): OwnFault {
  const { kind, message, code, detail, retryAfterSeconds } = asFault(error);
  return { kind, message, code, detail: plain(detail), retryAfterSeconds: retryAfterSeconds ?? null };
}

export function faultFromWire(wire: WireFault): Fault {
  const { kind, message, code, detail, retryAfterSeconds } = wire;
  return new Fault(kind, message, {
    code: faultCodeOf(code, kind),
    ...(detail === null ? {} : { detail }),
    ...(retryAfterSeconds === null ? {} : { retryAfterSeconds }),
  });
}
