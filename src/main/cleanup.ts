// Why: what was started is ended in the opposite order, whether all of it came to stand or not.

/** Ends the things started, the last first, each once. */
export class Cleanup {
  readonly #steps: (() => Promise<unknown> | void)[] = [];

  defer(step: () => Promise<unknown> | void): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }
}
