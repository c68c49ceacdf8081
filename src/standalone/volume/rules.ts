// Why: what a caller may do to what is a project's, by one question; what he may not see is as what is not there.

import { notFound } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Target } from '../../policies/engine.ts';
import type { Allows } from '../access.ts';
import { refusal } from './web.ts';

interface Owned {
  readonly projectId: string;
  readonly userId?: string;
}

export const targetOf = ({ projectId, userId }: Owned): Target => ({
  project_id: projectId,
  ...(userId === undefined ? {} : { user_id: userId }),
});

export const volumeMissing = (id: string) => notFound(`Volume ${id} could not be found.`);
export const snapshotMissing = (id: string) => notFound(`Snapshot ${id} could not be found.`);
export const attachmentMissing = (id: string) =>
  notFound(`Volume attachment could not be found with filter: attachment_id = ${id}.`);
export const transferMissing = (id: string) => notFound(`Transfer ${id} could not be found.`);
export const messageMissing = (id: string) => notFound(`Message ${id} could not be found.`);

/** What was found, if the caller may know of it. @throws what is said where there is none */
export function seen<T extends Owned>(
  allows: Allows,
  caller: Caller,
  see: RuleName,
  found: T | null,
  missing: Error,
): T {
  if (found === null || !allows(caller, see, targetOf(found))) throw missing;
  return found;
}

/** @throws forbidden unless the rule lets the caller */
export function mustMay(allows: Allows, caller: Caller, rule: RuleName, owned: Owned): void {
  if (!allows(caller, rule, targetOf(owned))) throw refusal(rule);
}
