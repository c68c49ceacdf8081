// Why: a project that a request names is looked up at identity, so that a mistyped id is refused and not kept for ever.

import { badRequest } from '../base/errors.ts';
import type { Call } from './resource.ts';

/** Throws Nova's 400 for what Keystone could not have given out as a project's id, and for a project that it does not know. */
export async function checkProject({ op, services }: Pick<Call, 'op' | 'services'>, id: string): Promise<void> {
  if (/^[\w-]{1,64}$/.test(id) && (await services.knowsProject(op.caller, id))) return;
  throw badRequest(`Project ID ${id} is not a valid project.`);
}
