// Why: what happened must be readable where a seed failed, and comparable where it was run twice.

import { createHash } from 'node:crypto';

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #elapsed: () => number;
  readonly #names = new Map<string, string>();

  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** From now on a uuid is told by this name. */
  name(uuid: string, name: string): void {
    this.#names.set(uuid, name);
  }

  nameOf(uuid: string): string {
    return this.#names.get(uuid) ?? uuid;
  }

  tell(who: string, what: string): void {
    const line = `${(this.#elapsed() / 1000).toFixed(3).padStart(9)}s ${who.padEnd(9)} ${what}`;
    this.#hash.update(line);
    this.#lines.push(line);
  }

  /** With the names of things instead of their uuids. */
  named(text: string): string {
    return text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uuid) => this.nameOf(uuid));
  }

  text(): string {
    return this.named(this.#lines.join('\n'));
  }

  /** The same for the same course of things. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
