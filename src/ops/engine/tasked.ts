// Why: of an action in the log only the name is known; whether it has given its server a task follows from its definition.

import type { Transitions } from '../../domain/servers/transition.ts';

const names = new Set<string>();

/** Notes an action as it is defined. */
export function noteTask({ name, transitions }: { readonly name: string; readonly transitions: Transitions }): void {
  if (Object.values(transitions).some(({ task }) => task !== null)) names.add(name);
}

/** Whether an action of this name gives its server a task, and takes it away in the end. */
export const hasTask = (name: string): boolean => names.has(name);
