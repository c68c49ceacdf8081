// Why: a user may describe the host in a small language (hint `query`): `["and", [">=", "$free_ram_mb", 1024], …]`. The text is
// read once for a request; what it can't mean refuses every host.

import { limits } from '../../base/limits.ts';
import type { Candidate } from '../../domain/placement/hosts.ts';
import { attributeOf } from '../attributes.ts';
import { hintOf } from '../hints.ts';
import type { Filter } from '../spec.ts';

type Term = (host: Candidate) => unknown;
type Command = (values: readonly unknown[]) => unknown;

/** As Nova's words for truth: an empty list, text or number is none. */
const holds = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : Boolean(value));

/** The first value against each other one; alone it says nothing. */
const compared =
  (test: (first: unknown, other: unknown) => boolean): Command =>
  ([first, ...others]) =>
    others.length > 0 && others.every((other) => test(first, other));

/** Values of different kinds have no order. */
const ordered = (test: (first: string | number, other: string | number) => boolean): Command =>
  compared(
    (first, other) =>
      typeof first === typeof other &&
      (typeof first === 'number' || typeof first === 'string') &&
      test(first, other as typeof first),
  );

const commands: Readonly<Record<string, Command>> = {
  '=': compared((first, other) => first === other),
  '<': ordered((first, other) => first < other),
  '>': ordered((first, other) => first > other),
  '<=': ordered((first, other) => first <= other),
  '>=': ordered((first, other) => first >= other),
  in: ([first, ...others]) => others.includes(first),
  not: (values) => values.map((value) => !holds(value)),
  or: (values) => values.some(holds),
  and: (values) => values.every(holds),
};

function termOf(part: unknown, depth: number): Term {
  if (typeof part === 'string') {
    if (part === '') return () => undefined;
    if (!part.startsWith('$')) return () => part;
    const path = part.slice(1).split('.');
    return (host) => attributeOf(host, path);
  }
  if (!Array.isArray(part)) return () => part ?? undefined;
  if (part.length === 0) return () => true;
  const [name, ...rest] = part as readonly unknown[];
  const command = typeof name === 'string' && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined || depth >= limits.hostQueryDepth)
    throw new SyntaxError(`${JSON.stringify(name)} is no command`);
  const terms = rest.map((one) => termOf(one, depth + 1));
  return (host) => command(terms.map((term) => term(host)).filter((value) => value !== undefined));
}

function parse(query: unknown): Term | null {
  if (typeof query !== 'string' || query.length > limits.hostQueryCharacters) return null;
  try {
    const read: unknown = JSON.parse(query);
    return Array.isArray(read) ? termOf(read, 0) : null;
  } catch {
    return null;
  }
}

export const jsonFilter: Filter = ({ hints }) => {
  const query = hintOf(hints, 'query');
  if (query === undefined) return null;
  const term = parse(query);
  if (term === null) return () => 'cannot be asked: the query is not understood';
  return (host) => {
    const answer = term(host);
    return (Array.isArray(answer) ? answer.some(holds) : holds(answer)) ? null : 'does not answer to the query';
  };
};
