// Why: what a client may put into a query string is bounded in one place, before any list makes SQL of it.

import { badRequest } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

const tooMany = (name: string, bound: number) =>
  badRequest(`Invalid input for query parameters ${name}. More than ${bound} values are too long.`);

/**
 * The parameters of a query string, each with all its values in order.
 * @throws badRequest for more than `limits.queryValues` values in all
 */
export function parseQuery(querystring: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  let count = 0;
  for (const [name, value] of new URLSearchParams(querystring)) {
    count += 1;
    if (count > limits.queryValues) throw tooMany(name, limits.queryValues);
    const values = query.get(name);
    if (values === undefined) query.set(name, [value]);
    else values.push(value);
  }
  return query;
}

/**
 * The distinct ones of the words that one filter asks for: each becomes a condition in SQL.
 * @throws badRequest for more than `limits.queryWords`
 */
export function distinctWords(name: string, words: Iterable<string>): string[] {
  const distinct = [...new Set(words)];
  if (distinct.length > limits.queryWords) throw tooMany(name, limits.queryWords);
  return distinct;
}
