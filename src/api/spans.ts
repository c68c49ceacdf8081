// Why: what describes the API to people (OpenAPI, the reference, the table of microversions) reads the same histories, each
// span of versions with what holds in it.

import { isVersioned, minorOf } from '../base/history.ts';
import { MAX_MINOR } from '../domain/microversions.ts';
import type { MaybeVersioned, RouteEntry } from './resource.ts';

export interface Span<T> {
  readonly from: number;
  readonly to: number;
  readonly value: T;
}

/** The first and the last minor version at which a route exists. */
export const lifeOf = ({ since, until }: Pick<RouteEntry, 'since' | 'until'>): { first: number; last: number } => ({
  first: since === undefined ? 1 : minorOf(since),
  last: until === undefined ? MAX_MINOR : minorOf(until),
});

/** The values of a history within a route's life, each with the minor versions it holds for. */
export function spans<T>(value: MaybeVersioned<T>, route: Pick<RouteEntry, 'since' | 'until'>): Span<T>[] {
  const { first, last } = lifeOf(route);
  if (!isVersioned<T>(value as never)) return [{ from: first, to: last, value: value as T }];
  const history = value as { at(minor: number): T; changePoints: readonly number[] };
  const starts = [first, ...history.changePoints.filter((turn) => turn > first && turn <= last)];
  return starts.map((start, index) => ({
    from: start,
    to: (starts[index + 1] ?? last + 1) - 1,
    value: history.at(start),
  }));
}

export const newest = <T>(list: readonly Span<T>[]): T | undefined => list.at(-1)?.value;

/** `2.26` */
export const versionText = (minor: number): string => `2.${minor}`;
