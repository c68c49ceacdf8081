// Why: what a resource looks like is the history of its fields, folded once for a request and applied to each of its rows.

import type { History } from '../base/history.ts';

/** One field of a view; undefined leaves it out. */
export type Field<T, C = undefined> = (value: T, context: C) => unknown;

/** The function that shows a value at a minor version; `context` is what the view needs of the request. */
export function viewOf<T, C>(
  fields: History<Field<T, C>>,
  minor: number,
  context: C,
): (value: T) => Record<string, unknown> {
  const entries = Object.entries(fields.at(minor));
  return (value) => {
    const shown: Record<string, unknown> = {};
    for (const [key, field] of entries) {
      const part = field(value, context);
      if (part !== undefined) shown[key] = part;
    }
    return shown;
  };
}
