// Why: the kind of a failure decides what the caller does: a refused transaction is wrong, one that met a newer row is retried with that
// row's content, and the result of one whose connection broke is unknown.

export type OvsdbFailure = 'away' | 'refused' | 'taken' | 'stale' | 'late';

/**
 * `away`: nothing answers, or the connection broke before an answer; `refused`: the server says no, in `message`; `taken`: a name
 * that the transaction gives is another row's, which somebody may have made just now; `stale`: what the
 * transaction required was not so, and nothing of it happened; `late`: no answer came in time.
 */
export class OvsdbError extends Error {
  override readonly name = 'OvsdbError';
  readonly failure: OvsdbFailure;

  constructor(failure: OvsdbFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}
