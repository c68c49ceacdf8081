// Why: an action that is told to stop ends at its next breath, wherever in its steps that is.

/** Why a running action is told to stop. */
export type StopReason = 'cancel' | 'lost' | 'shutdown';

export class Stopped extends Error {
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.reason = reason;
  }
}
