// Why: every built-in service asks the one policy of this process, by its rules' names; what the program does by itself needs
// nobody's leave.

import { type Caller, systemCaller } from '../base/op.ts';
import type { Target } from '../policies/engine.ts';
import { ownTarget } from '../policies/creds.ts';
import type { RuleName } from '../policies/index.ts';
import type { Policy } from '../policies/load.ts';

/** Whether a caller may do something to what has these attributes; a target's keys are flat, such as `network:project_id`. */
export type Allows = (caller: Caller, rule: RuleName | 'service_api', target: Target) => boolean;

export const makeAllows =
  (policy: Pick<Policy, 'allows'>): Allows =>
  (caller, rule, target) =>
    caller === systemCaller || policy.allows(caller, rule, target);

/** What a caller would own if it were there: who may not even do it to that need not be heard further. */
export const ownThing = (caller: Caller): Target => ({
  ...ownTarget(caller),
  'network:project_id': caller.projectId,
  'target.user.id': caller.userId,
});

/**
 * The rule of a route: `first` is asked before anything else is done, about what would be the caller's own; `of` is asked by
 * the handler about what it found; `also` are rules that may be asked besides. `any token`: whoever has one may.
 */
export type Guard =
  | 'any token'
  | { readonly first: RuleName; readonly also?: readonly RuleName[] }
  | { readonly of: RuleName; readonly also?: readonly RuleName[] };

/** A route as lists and tests see it. */
export interface RouteData {
  readonly method: string;
  readonly path: string;
  readonly guard: Guard | 'no token';
}

/** The rule that a route is named after; null where there is none to ask. */
export const ruleOf = (guard: RouteData['guard']): RuleName | null =>
  typeof guard === 'string' ? null : 'first' in guard ? guard.first : guard.of;

/** The rules that a route may ask. */
export function rulesOf({ guard }: RouteData): readonly RuleName[] {
  if (typeof guard === 'string') return [];
  return ['first' in guard ? guard.first : guard.of, ...(guard.also ?? [])];
}
