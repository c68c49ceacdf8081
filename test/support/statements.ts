// Why: a cloud's loops make statements of their own at any moment. What a piece of work costs is counted by who asked, not by when.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Database } from '../../src/db/engine.ts';

/** The statements of one flow of calls, and of nobody else in the process. */
export class OwnStatements {
  /** Their texts so far, in order. */
  readonly seen: string[] = [];
  readonly #flow = new AsyncLocalStorage<object>();
  #counted: object = {};

  constructor(database: Database) {
    for (const handle of new Set([database.read, database.write])) {
      handle.on('query', ({ sql }: { sql: string }) => {
        if (this.#flow.getStore() === this.#counted) this.seen.push(sql);
      });
    }
  }

  /** Counts from nothing, and what the function that called this asks for from here on. */
  begin(): void {
    this.#flow.enterWith(this.#anew());
  }

  /** What some work asks for. */
  async of(work: () => Promise<unknown>): Promise<readonly string[]> {
    await this.#flow.run(this.#anew(), work);
    return this.seen;
  }

  /** What earlier flows started and left running is not counted any more. */
  #anew(): object {
    this.seen.length = 0;
    this.#counted = {};
    return this.#counted;
  }
}
