// Why: what a step threw is kept as text while the action is undone: an error does not survive its process.

import type { Fault, FaultCode } from '../../base/errors.ts';

/** Why an action failed, as it is kept while its steps are undone. */
export interface Failure {
  readonly step: string;
  readonly kind: Fault['kind'];
  readonly code: FaultCode;
  readonly message: string;
  readonly detail: string | null;
  /** An undo that failed for good, by its step; then what came before it still stands. */
  readonly stuck: string | null;
}

function textOf(detail: unknown): string {
  if (detail instanceof Error) return detail.stack ?? detail.message;
  return JSON.stringify(detail) ?? '';
}

/** Why an action failed: at this step, by this fault. */
export function failureOf(step: string, fault: Fault): Failure {
  const detail = fault.detail === undefined ? fault.cause : fault.detail;
  return {
    step,
    kind: fault.kind,
    code: fault.code,
    message: fault.message,
    detail: detail === undefined ? null : typeof detail === 'string' ? detail : textOf(detail),
    stuck: null,
  };
}
