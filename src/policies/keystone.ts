// Why: users, projects and roles by Keystone's rules: administrators change them, whoever reads the whole system sees them, and
// users see what is theirs.

import { ADMIN, ANYBODY, rule, type Scope } from './base.ts';

const SYSTEM_READER = '(role:reader and system_scope:all)';
export const READER_OR_ADMIN = `rule:context_is_admin or ${SYSTEM_READER}`;
/** The user concerned. */
export const OWNER = 'user_id:%(target.user.id)s';
export const OWNER_OR_ADMIN = `rule:context_is_admin or ${OWNER}`;
export const OWNER_OR_READER = `${READER_OR_ADMIN} or ${OWNER}`;
export const OF_PROJECT_OR_READER = `${READER_OR_ADMIN} or project_id:%(target.project.id)s`;
export const OF_DOMAIN_OR_READER =
  `${READER_OR_ADMIN} or domain_id:%(target.domain.id)s or project_domain_id:%(target.domain.id)s or ` +
  'user_domain_id:%(target.domain.id)s';
const TOKEN_OWNER = 'user_id:%(target.token.user_id)s';

/** Who may manage identities may do so with any token. */
const scope: readonly Scope[] = ['project', 'domain', 'system'];

const of = <const Name extends string>(name: `identity:${Name}`, check: string, description: string) =>
  rule(name, check, description, { scope });

export const rules = [
  of(
    'identity:validate_token',
    `${READER_OR_ADMIN} or rule:service_api or ${TOKEN_OWNER}`,
    'See what a token stands for.',
  ),
  of('identity:revoke_token', `rule:context_is_admin or ${TOKEN_OWNER}`, 'Revoke a token.'),
  of('identity:get_auth_catalog', ANYBODY, 'See the services and where they are.'),
  of('identity:get_auth_projects', ANYBODY, 'List the projects that one may work in.'),
  of('identity:get_auth_domains', ANYBODY, 'List the domains that one may manage.'),
  of('identity:get_auth_system', ANYBODY, 'See whether one may manage the whole system.'),

  of('identity:list_users', READER_OR_ADMIN, 'List users.'),
  of('identity:get_user', OWNER_OR_READER, 'Show a user.'),
  of('identity:create_user', ADMIN, 'Make a user.'),
  of('identity:update_user', ADMIN, 'Change a user, also the password.'),
  of('identity:delete_user', ADMIN, 'Delete a user.'),
  of('identity:list_groups_for_user', OWNER_OR_READER, "List a user's groups."),
  of('identity:list_user_projects', OWNER_OR_READER, "List a user's projects."),
  of('identity:list_groups', READER_OR_ADMIN, 'List groups.'),
  of('identity:get_group', READER_OR_ADMIN, 'Show a group.'),
  of('identity:create_group', ADMIN, 'Make a group.'),
  of('identity:update_group', ADMIN, 'Change a group.'),
  of('identity:delete_group', ADMIN, 'Delete a group.'),
  of('identity:list_users_in_group', READER_OR_ADMIN, 'List who is in a group.'),
  of('identity:check_user_in_group', READER_OR_ADMIN, 'See whether a user is in a group.'),
  of('identity:add_user_to_group', ADMIN, 'Put a user into a group.'),
  of('identity:remove_user_from_group', ADMIN, 'Take a user out of a group.'),

  of('identity:list_application_credentials', OWNER_OR_READER, "List a user's application credentials."),
  of('identity:get_application_credential', OWNER_OR_READER, "Show one of a user's application credentials."),
  of('identity:create_application_credential', OWNER, 'Make an application credential for oneself.'),
  of('identity:delete_application_credential', OWNER_OR_ADMIN, "Delete one of a user's application credentials."),
  of('identity:list_access_rules', OWNER_OR_READER, "List a user's access rules."),
  of('identity:get_access_rule', OWNER_OR_READER, "Show one of a user's access rules."),
  of('identity:delete_access_rule', OWNER_OR_ADMIN, "Delete one of a user's access rules that no credential uses."),

  of('identity:list_projects', READER_OR_ADMIN, 'List projects.'),
  of('identity:get_project', OF_PROJECT_OR_READER, 'Show a project.'),
  of('identity:create_project', ADMIN, 'Make a project.'),
  of('identity:update_project', ADMIN, 'Change a project.'),
  of('identity:delete_project', ADMIN, 'Delete a project.'),
  of('identity:list_project_tags', OF_PROJECT_OR_READER, "List a project's tags."),
  of('identity:get_project_tag', OF_PROJECT_OR_READER, 'See whether a project has a tag.'),
  of('identity:update_project_tags', ADMIN, 'Give a project other tags.'),
  of('identity:create_project_tag', ADMIN, 'Give a project one more tag.'),
  of('identity:delete_project_tags', ADMIN, 'Take all its tags from a project.'),
  of('identity:delete_project_tag', ADMIN, 'Take a tag from a project.'),

  of('identity:list_domains', READER_OR_ADMIN, 'List domains.'),
  of('identity:get_domain', OF_DOMAIN_OR_READER, 'Show a domain.'),
  of('identity:create_domain', ADMIN, 'Make a domain.'),
  of('identity:update_domain', ADMIN, 'Change a domain.'),
  of('identity:delete_domain', ADMIN, 'Delete a domain.'),

  of('identity:list_roles', READER_OR_ADMIN, 'List roles.'),
  of('identity:get_role', READER_OR_ADMIN, 'Show a role.'),
  of('identity:create_role', ADMIN, 'Make a role.'),
  of('identity:update_role', ADMIN, 'Change a role.'),
  of('identity:delete_role', ADMIN, 'Delete a role.'),
  of('identity:list_implied_roles', READER_OR_ADMIN, 'List the roles that a role implies.'),
  of('identity:get_implied_role', READER_OR_ADMIN, 'See whether a role implies another.'),
  of('identity:create_implied_role', ADMIN, 'Let a role imply another.'),
  of('identity:delete_implied_role', ADMIN, 'Let a role imply another no more.'),
  of('identity:list_role_inference_rules', READER_OR_ADMIN, 'List which roles imply which.'),

  of('identity:list_role_assignments', READER_OR_ADMIN, 'List who has which role where.'),
  of('identity:list_grants', READER_OR_ADMIN, "List a user's or a group's roles on a project or a domain."),
  of('identity:check_grant', READER_OR_ADMIN, 'See whether a user or a group has a role on a project or a domain.'),
  of('identity:create_grant', ADMIN, 'Give a user or a group a role on a project or a domain.'),
  of('identity:revoke_grant', ADMIN, 'Take a role on a project or a domain from a user or a group.'),
  of('identity:list_system_grants_for_user', READER_OR_ADMIN, "List a user's roles on the system."),
  of('identity:check_system_grant_for_user', READER_OR_ADMIN, 'See whether a user has a role on the system.'),
  of('identity:create_system_grant_for_user', ADMIN, 'Give a user a role on the system.'),
  of('identity:revoke_system_grant_for_user', ADMIN, 'Take a role on the system from a user.'),
  of('identity:list_system_grants_for_group', READER_OR_ADMIN, "List a group's roles on the system."),
  of('identity:check_system_grant_for_group', READER_OR_ADMIN, 'See whether a group has a role on the system.'),
  of('identity:create_system_grant_for_group', ADMIN, 'Give a group a role on the system.'),
  of('identity:revoke_system_grant_for_group', ADMIN, 'Take a role on the system from a group.'),

  of('identity:list_services', READER_OR_ADMIN, 'List the services of the catalog.'),
  of('identity:get_service', READER_OR_ADMIN, 'Show a service of the catalog.'),
  of('identity:create_service', ADMIN, 'Add a service to the catalog.'),
  of('identity:update_service', ADMIN, 'Change a service that was added to the catalog.'),
  of('identity:delete_service', ADMIN, 'Take a service that was added, with its endpoints, out of the catalog.'),
  of('identity:list_endpoints', READER_OR_ADMIN, 'List the endpoints of the catalog.'),
  of('identity:get_endpoint', READER_OR_ADMIN, 'Show an endpoint of the catalog.'),
  of('identity:create_endpoint', ADMIN, 'Add an endpoint to the catalog.'),
  of('identity:update_endpoint', ADMIN, 'Change an endpoint that was added to the catalog.'),
  of('identity:delete_endpoint', ADMIN, 'Take an endpoint that was added out of the catalog.'),
  of('identity:list_regions', ANYBODY, 'List regions.'),
  of('identity:get_region', ANYBODY, 'Show a region.'),
  of('identity:create_region', ADMIN, 'Add a region.'),
  of('identity:update_region', ADMIN, 'Change a region that was added.'),
  of('identity:delete_region', ADMIN, 'Delete a region that was added.'),
  of('identity:list_registered_limits', ANYBODY, 'List the limits that services registered: none do.'),
  of('identity:list_limits', ANYBODY, 'List the limits of projects that are kept with their identity: none are.'),
  of('identity:get_limit_model', ANYBODY, 'See how limits of projects within projects hang together.'),
] as const;
