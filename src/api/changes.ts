// Why: what each microversion changed can be read off the histories of the routes; nobody has to write it down, and it cannot
// be wrong about this program.

import type { JsonSchema } from './schema.ts';
import type { RouteEntry } from './resource.ts';
import { lifeOf, type Span, spans } from './spans.ts';

/** One thing that a microversion brought, took or changed. */
export interface ApiChange {
  readonly minor: number;
  /** `GET /servers/{server_id}`, with `#action` for actions. */
  readonly where: string;
  /** A clause such as `shows locked` or `takes tags`. */
  readonly what: string;
}

/** `POST /servers/{server_id}/action#pause` */
export const nameOf = ({ method, path, action }: Pick<RouteEntry, 'method' | 'path' | 'action'>): string =>
  `${method} ${path.replace(/:(\w+)/g, '{$1}')}${action === null ? '' : `#${action}`}`;

/** The properties of a body: those of its only member (`{"server": {…}}`), else of each member under its name. */
function propertiesOf(schema: JsonSchema | null): Readonly<Record<string, unknown>> {
  const own = Object.entries((schema?.properties ?? {}) as Record<string, JsonSchema>);
  return Object.fromEntries(
    own.flatMap(([key, member]) => {
      const inner = Object.entries((member.properties ?? {}) as Record<string, unknown>);
      if (inner.length === 0) return [[key, member]];
      return inner.map(([name, value]) => [own.length === 1 ? name : `${key}.${name}`, value]);
    }),
  );
}

/** What differs between two sets of named things, as clauses: `takes a, b`, `takes no c`, `takes d in another form`. */
function differences(
  verb: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = (keys: readonly string[]) => keys.join(', ');
  const added = Object.keys(after).filter((key) => !Object.hasOwn(before, key));
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const other = Object.keys(after).filter(
    (key) => Object.hasOwn(before, key) && before[key] !== after[key] && !same(before[key], after[key]),
  );
  return [
    ...(added.length === 0 ? [] : [`${verb} ${names(added)}`]),
    ...(gone.length === 0 ? [] : [`${verb} no ${names(gone)} any more`]),
    ...(other.length === 0 ? [] : [`${verb} ${names(other)} in another form`]),
  ];
}

/** Functions (fields of views) are the same only if they are one; schemas if they say the same. */
const same = (a: unknown, b: unknown): boolean =>
  typeof a !== 'function' && typeof b !== 'function' && JSON.stringify(a) === JSON.stringify(b);

function* changePoints<T>(
  list: readonly Span<T>[],
  read: (before: T, after: T) => readonly string[],
): Generator<{ minor: number; what: string }> {
  for (const [index, { from, value }] of list.entries()) {
    const before = list[index - 1];
    if (before === undefined) continue;
    for (const what of read(before.value, value)) yield { minor: from, what };
  }
}

const strictness = (before: JsonSchema, after: JsonSchema): string[] =>
  before.additionalProperties !== after.additionalProperties && after.additionalProperties === false
    ? ['refuses what it does not know']
    : [];

function* changesOf(route: RouteEntry): Generator<{ minor: number; what: string }> {
  const { first, last } = lifeOf(route);
  if (first > 1) yield { minor: first, what: 'begins' };
  if (route.until !== undefined) yield { minor: last + 1, what: 'is no more' };
  if (route.body !== undefined) {
    yield* changePoints(spans(route.body, route), (before, after) =>
      differences('takes', propertiesOf(before), propertiesOf(after)),
    );
  }
  if (route.query !== undefined) {
    yield* changePoints(spans(route.query, route), (before, after) => [
      ...differences('takes the query', propertiesOf(before), propertiesOf(after)),
      ...strictness(before, after),
    ]);
  }
  yield* changePoints(spans(route.status, route), (before, after) =>
    before === after ? [] : [`answers ${after} instead of ${before}`],
  );
  if (route.shows !== undefined) {
    const shown = { changePoints: route.shows.changePoints, at: (minor: number) => route.shows?.at(minor) ?? {} };
    yield* changePoints(spans(shown, route), (before, after) => differences('shows', before, after));
  }
}

/** Routes of one path that follow each other are one route that changed: what begins where another ended is no news. */
function withoutRelays(changes: readonly ApiChange[]): ApiChange[] {
  const key = ({ minor, where }: ApiChange): string => `${minor} ${where}`;
  const begun = new Set(changes.filter(({ what }) => what === 'begins').map(key));
  const ended = new Set(changes.filter(({ what }) => what === 'is no more').map(key));
  return changes.flatMap((change) => {
    const relay = begun.has(key(change)) && ended.has(key(change));
    if (!relay || (change.what !== 'begins' && change.what !== 'is no more')) return [change];
    return change.what === 'begins' ? [{ ...change, what: 'takes another body' }] : [];
  });
}

/** Everything that the microversions changed, in their order. */
export function apiChanges(routes: readonly RouteEntry[]): readonly ApiChange[] {
  const all = routes
    .filter((route) => !route.gone)
    .flatMap((route) => [...changesOf(route)].map((change) => ({ ...change, where: nameOf(route) })));
  return withoutRelays(all).toSorted((a, b) => a.minor - b.minor || (a.where < b.where ? -1 : 1));
}
