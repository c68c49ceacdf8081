// Why: tests walk over all that may be asked of a server, each by a name.

import { actions, instantActions, unrecorded } from '../../src/ops/actions.ts';
import type { Transition, Transitions } from '../../src/domain/servers/transition.ts';

const named = ({ name, transitions }: { readonly name: string; readonly transitions: Transitions }) =>
  Object.entries(transitions).map(([key, transition]) => [key === 'plain' ? name : key, transition] as const);

/** By the action's name where it has only one. */
export const transitions: ReadonlyMap<string, Transition> = new Map([
  ...[...actions.values(), ...instantActions].flatMap(named),
  ...Object.entries(unrecorded),
]);

/** The one of that name; throws where there is none. */
export function transitionOf(name: string): Transition {
  const found = transitions.get(name);
  if (found === undefined) throw new Error(`there is no transition ${name}`);
  return found;
}
