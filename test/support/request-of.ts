// Why: tests ask for plain actions by their keys, as users do.

import { plainRequests } from '../../src/ops/actions.ts';
import type { PlainRequest } from '../../src/ops/engine/action.ts';

/** What is asked for by a key: `os-stop`. */
export function requestOf(key: string): PlainRequest {
  const found = plainRequests.find((request) => request.key === key);
  if (found === undefined) throw new Error(`nothing is asked for by ${key}`);
  return found;
}

/** The verb that was called, and of plain requests, which are one verb, the key. */
export const askedOf = (verb: string, args: readonly unknown[]): string =>
  verb === 'requestAction' ? (args[2] as PlainRequest).key : verb;
