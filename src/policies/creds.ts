// Why: rules speak of credentials by oslo.context's names; this is the one place that knows which field of a caller each is.

import type { Caller } from '../base/op.ts';
import type { Creds, Target } from './engine.ts';

/** A caller about whom `context_is_admin` has not been asked yet. */
export type UnjudgedCaller = Omit<Caller, 'isAdmin'>;

/**
 * The names of `RequestContext.to_policy_values()` with Nova's `is_admin`. Service tokens are not carried by a caller, so the
 * `service_*` ones are as without such a token.
 */
export function credsOf(caller: UnjudgedCaller, isAdmin: boolean | null): Creds {
  return {
    user_id: caller.userId,
    user_domain_id: caller.userDomainId,
    system_scope: caller.systemScope,
    domain_id: caller.domainId,
    project_id: caller.projectId,
    project_domain_id: caller.projectDomainId,
    roles: caller.roles,
    is_admin_project: true,
    service_user_id: null,
    service_user_domain_id: null,
    service_project_id: null,
    service_project_domain_id: null,
    service_roles: [],
    is_admin: isAdmin,
  };
}

/** The credential names that rules may use; any other never matches. */
export const CREDENTIAL_NAMES: ReadonlySet<string> = new Set([
  'user_id',
  'user_domain_id',
  'system_scope',
  'domain_id',
  'project_id',
  'project_domain_id',
  'roles',
  'is_admin_project',
  'service_user_id',
  'service_user_domain_id',
  'service_project_id',
  'service_project_domain_id',
  'service_roles',
  'is_admin',
  'system',
]);

/** What a request is about when it is about nothing in particular: the caller's own project and user, as in Nova. */
export function ownTarget(caller: UnjudgedCaller): Target {
  return { project_id: caller.projectId, user_id: caller.userId };
}
