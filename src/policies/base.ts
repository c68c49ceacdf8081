// Why: what a policy rule is, and the few rules that all others are made of, under Nova's names, since operators' policy
// files override and cite them.

/** The kinds of token for which a rule may hold; a token of any other kind is refused before the check is looked at. */
export type Scope = 'project' | 'domain' | 'system';

export interface Rule<Name extends string = string> {
  readonly name: Name;
  /** In oslo.policy's language. */
  readonly check: string;
  /** One or more sentences for the operator. */
  readonly description: string;
  /** Empty: any token. */
  readonly scope: readonly Scope[];
  /** The name under which older policy files override it; such an override counts unless the new name is overridden too. */
  readonly replaces: string | null;
}

export interface RuleOptions {
  readonly scope?: readonly Scope[];
  readonly replaces?: string;
}

/** A rule for tokens of a project unless `scope` says otherwise. */
export function rule<const Name extends string>(
  name: Name,
  check: string,
  description: string,
  options: RuleOptions = {},
): Rule<Name> {
  return { name, check, description, scope: options.scope ?? ['project'], replaces: options.replaces ?? null };
}

/** Anybody with a token. */
export const ANYBODY = '@';
export const ADMIN = 'rule:context_is_admin';
export const PROJECT_MANAGER_OR_ADMIN = 'rule:project_manager_or_admin';
export const PROJECT_MEMBER_OR_ADMIN = 'rule:project_member_or_admin';
export const PROJECT_READER_OR_ADMIN = 'rule:project_reader_or_admin';
/** Another service of the cloud. */
export const SERVICE_OR_ADMIN = 'rule:service_or_admin';
/** The user whom it concerns, written as Nova writes it. */
export const USER_OR_ADMIN = `(${ADMIN}) or user_id:%(user_id)s`;

const macro = <const Name extends string>(name: Name, check: string, description: string): Rule<Name> =>
  rule(name, check, description, { scope: [] });

/** The rules that others are made of. They are never enforced by themselves, but for `context_is_admin`. */
export const macros = [
  macro(
    'context_is_admin',
    'role:admin',
    'Who is an administrator: sees every project and is_admin:True holds for them. Decided once for each caller.',
  ),
  macro(
    'admin_or_owner',
    'is_admin:True or project_id:%(project_id)s',
    'Kept for older policy files; no default uses it.',
  ),
  macro('admin_api', 'is_admin:True', 'Kept for older policy files; no default uses it.'),
  macro('project_manager_api', 'role:manager and project_id:%(project_id)s', 'A manager of the project concerned.'),
  macro('project_member_api', 'role:member and project_id:%(project_id)s', 'A member of the project concerned.'),
  macro('project_reader_api', 'role:reader and project_id:%(project_id)s', 'Who may look at the project concerned.'),
  macro('service_api', 'role:service', 'Another service of the cloud.'),
  macro('network_owner', 'project_id:%(network:project_id)s', 'Of the project whose network it is.'),
  macro('shared', 'True:%(shared)s', 'A network that all projects use, or what is on it.'),
  macro('external', 'True:%(router:external)s', 'An external network.'),
  macro(
    'restrict_wildcard',
    'not True:%(target_all)s or rule:context_is_admin',
    'Only administrators give to everybody.',
  ),
  macro('network_device', 'True:%(network_device)s', "A port whose device is a part of the network, as a router's is."),
  macro(
    'project_manager_or_admin',
    'rule:project_manager_api or rule:context_is_admin',
    'A manager of the project, or an administrator.',
  ),
  macro(
    'project_member_or_admin',
    'rule:project_member_api or rule:context_is_admin',
    'A member of the project, or an administrator.',
  ),
  macro(
    'project_reader_or_admin',
    'rule:project_reader_api or rule:context_is_admin',
    'Who may look at the project, or an administrator.',
  ),
  macro(
    'service_or_admin',
    'rule:service_api or rule:context_is_admin',
    'Another service of the cloud, or an administrator.',
  ),
] as const;
