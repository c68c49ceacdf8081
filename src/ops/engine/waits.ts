// Why: an action that waits for something that may come in hours is run by nobody meanwhile.

/** Thrown by a step that lets go of its lease: it is begun again at `untilMs`, or earlier if somebody wakes the action. */
export class Waits extends Error {
  readonly untilMs: number;
  constructor(untilMs: number) {
    super('waits');
    this.untilMs = untilMs;
  }
}
