// Why: what a program's own credential may do with credentials.

import { forbidden } from '../../base/errors.ts';
import { applicationCredentials } from '../../db/identity.ts';
import type { Visit } from './route.ts';
import type { Parts } from './service.ts';

/**
 * A credential must not make or delete credentials, unless it was made to: a stolen one could outlive itself. One with access rules never
 * does, since the other one could do more.
 */
export async function refuseRestricted({ reader, keys }: Parts, { caller }: Visit): Promise<void> {
  const verdict = await keys.verify(caller.token ?? '');
  const id = verdict.kind === 'good' ? verdict.claims.openstack_app_cred_id : undefined;
  if (id === undefined) return;
  const credential = await applicationCredentials.find(reader, id);
  if (credential?.unrestricted !== true || credential.accessRuleIds !== null) {
    throw forbidden(
      "You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing additional application credentials.",
    );
  }
}
