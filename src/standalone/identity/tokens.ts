// Why: a token says who and for what; whether that still holds is asked of the database each time it is resolved, so that a
// disabled user, a deleted project or a role taken away counts at once.

import { randomBytes } from 'node:crypto';
import { type Clock, isoMicros } from '../../base/clock.ts';
import { unauthorized } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { NamedRef, ScopedRef, TokenBody } from '../../cloud/token-body.ts';
import type { TokenClaims, TokenKeys } from '../../cloud/token-keys.ts';
import type { Reader } from '../../db/engine.ts';
import {
  type AccessRuleRow,
  accessRules,
  type ApplicationCredential,
  applicationCredentials,
  type Domain,
  domains,
  isRevoked,
  type Project,
  projects,
  type Role,
  rolesOn,
  SYSTEM,
  type Target,
  tokensValidFrom,
  type User,
  users,
} from '../../db/identity.ts';

/** An enabled project with its enabled domain. */
export interface ProjectScope {
  readonly project: Project;
  readonly domain: Domain;
}

/** Everything a token stands for, as it is now. */
export interface Subject {
  readonly user: User;
  readonly userDomain: Domain;
  readonly project: ProjectScope | null;
  readonly domain: Domain | null;
  readonly system: boolean;
  readonly roles: readonly Role[];
  readonly credential: ApplicationCredential | null;
  /** What the credential's tokens may ask for; null: whatever its roles allow. */
  readonly accessRules: readonly AccessRuleRow[] | null;
  /** Milliseconds since the epoch: tokens for this that were issued before were ended. */
  readonly validFrom: number;
}

/** Sixteen random bytes as Keystone writes them: base64url without padding. */
export const newAuditId = (): string => randomBytes(16).toString('base64url');

/** Milliseconds since the epoch; `iat` has a fraction, so that a password change tells tokens of one second apart. */
export const issuedAtOf = (claims: TokenClaims): number => Math.round(claims.iat * 1000);

const enabled = <T extends { readonly enabled: boolean }>(row: T | null): T | null => (row?.enabled ? row : null);

/** An enabled user of an enabled domain, or null. */
export async function activeUser(reader: Reader, id: string): Promise<{ user: User; domain: Domain } | null> {
  const user = enabled(await users.find(reader, id));
  const domain = user === null ? null : enabled(await domains.find(reader, user.domainId));
  return user === null || domain === null ? null : { user, domain };
}

/** An enabled project of an enabled domain, or null. */
async function activeProject(reader: Reader, id: string): Promise<ProjectScope | null> {
  const project = enabled(await projects.find(reader, id));
  const domain = project === null ? null : enabled(await domains.find(reader, project.domainId));
  return project === null || domain === null ? null : { project, domain };
}

/** A credential that has not expired, or null. */
export async function activeCredential(reader: Reader, id: string, now: number): Promise<ApplicationCredential | null> {
  const found = await applicationCredentials.find(reader, id);
  return found !== null && (found.expiresAt === null || found.expiresAt > now) ? found : null;
}

/** The rules of a credential in their order; null where it has none. */
export async function accessRulesOf(
  reader: Reader,
  { accessRuleIds }: Pick<ApplicationCredential, 'accessRuleIds'>,
): Promise<readonly AccessRuleRow[] | null> {
  if (accessRuleIds === null) return null;
  const found = new Map((await accessRules.some(reader, accessRuleIds)).map((rule) => [rule.id, rule]));
  return accessRuleIds.flatMap((id) => found.get(id) ?? []);
}

/** A rule as it stands in a credential and in a token. */
export const bareRuleView = ({ id, service, method, path }: AccessRuleRow) => ({ id, service, method, path });

export interface Wanted {
  readonly userId: string;
  readonly projectId: string | null;
  readonly domainId: string | null;
  readonly system: boolean;
  readonly credentialId: string | null;
}

/** What a scope rests on: when tokens on any of these are ended, those of the scope are. */
function targetsOf(
  { projectId, domainId, system }: Wanted,
  userDomain: Domain,
  project: ProjectScope | null,
): Target[] {
  return [
    { type: 'domain', id: userDomain.id },
    ...(project === null ? [] : [{ type: 'domain', id: project.domain.id } as const]),
    ...(projectId === null ? [] : [{ type: 'project', id: projectId } as const]),
    ...(domainId === null ? [] : [{ type: 'domain', id: domainId } as const]),
    ...(system ? [SYSTEM] : []),
  ];
}

/** The subject of a scope, or null when the user has no role there or something in it is disabled or gone. */
export async function subjectFor(reader: Reader, wanted: Wanted, now: number): Promise<Subject | null> {
  const found = await activeUser(reader, wanted.userId);
  if (found === null) return null;
  const credential = wanted.credentialId === null ? null : await activeCredential(reader, wanted.credentialId, now);
  if (wanted.credentialId !== null && credential?.userId !== found.user.id) return null;
  const { projectId, domainId, system } = wanted;
  const project = projectId === null ? null : await activeProject(reader, projectId);
  const validFrom = await tokensValidFrom(reader, found.user.id, targetsOf(wanted, found.domain, project));
  const base = {
    validFrom: Math.max(found.user.tokensValidFrom, validFrom),
    user: found.user,
    userDomain: found.domain,
    project: null,
    domain: null,
    system: false,
    roles: [],
    credential,
    accessRules: credential === null ? null : await accessRulesOf(reader, credential),
  };
  if (projectId !== null) {
    const given = await rolesOn(reader, found.user.id, { type: 'project', id: projectId });
    const roles = credential === null ? given : given.filter((role) => credential.roleIds.includes(role.id));
    return project === null || roles.length === 0 ? null : { ...base, project, roles };
  }
  if (domainId !== null) {
    const domain = enabled(await domains.find(reader, domainId));
    const roles = await rolesOn(reader, found.user.id, { type: 'domain', id: domainId });
    return domain === null || roles.length === 0 ? null : { ...base, domain, roles };
  }
  if (system) {
    const roles = await rolesOn(reader, found.user.id, SYSTEM);
    return roles.length === 0 ? null : { ...base, system: true, roles };
  }
  return base;
}

/** For whom a verified token stands now; null when it was revoked or what it rests on is gone. */
export async function subjectOf(reader: Reader, claims: TokenClaims, now: number): Promise<Subject | null> {
  const auditId = claims.openstack_audit_ids[0];
  if (auditId === undefined || claims.exp * 1000 <= now || (await isRevoked(reader, auditId))) return null;
  const wanted = {
    userId: claims.sub,
    projectId: claims.openstack_project_id ?? null,
    domainId: claims.openstack_domain_id ?? null,
    system: claims.openstack_system === 'all',
    credentialId: claims.openstack_app_cred_id ?? null,
  };
  const subject = await subjectFor(reader, wanted, now);
  return subject === null || issuedAtOf(claims) < subject.validFrom ? null : subject;
}

/**
 * For whom a caller's token stands when something is written for him at last: what is long in the making (a hash waits for its turn)
 * may have begun while the token was still good.
 * @throws the refusal of a token that no longer is
 */
export async function standingOf(
  { keys, clock }: { readonly keys: TokenKeys; readonly clock: Clock },
  reader: Reader,
  { token }: Pick<Caller, 'token'>,
): Promise<Subject> {
  const verdict = await keys.verify(token ?? '');
  const subject = verdict.kind === 'good' ? await subjectOf(reader, verdict.claims, clock.now()) : null;
  if (subject === null) throw unauthorized('The request you have made requires authentication.');
  return subject;
}

const refOf = ({ id, name }: NamedRef): NamedRef => ({ id, name });

const scopedRefOf = (row: NamedRef, domain: NamedRef): ScopedRef => ({ ...refOf(row), domain: refOf(domain) });

const isoZ = (ms: number): string => `${isoMicros(ms)}Z`;

/** What stands under `token` in an answer; an unscoped token has no catalog. */
export function tokenBodyOf(claims: TokenClaims, subject: Subject, catalog: readonly unknown[] | null): TokenBody {
  const { user, userDomain, project, domain, system, credential } = subject;
  const roles = subject.roles.map(refOf);
  const isScoped = project !== null || domain !== null || system;
  return {
    methods: claims.openstack_methods,
    user: { ...scopedRefOf(user, userDomain), password_expires_at: null },
    audit_ids: claims.openstack_audit_ids,
    expires_at: isoZ(claims.exp * 1000),
    issued_at: isoZ(issuedAtOf(claims)),
    ...(project === null ? {} : { project: scopedRefOf(project.project, project.domain), is_domain: false, roles }),
    ...(domain === null ? {} : { domain: refOf(domain), roles }),
    ...(system ? { system: { all: true }, roles } : {}),
    ...(isScoped && catalog !== null ? { catalog } : {}),
    ...(credential === null
      ? {}
      : {
          application_credential: {
            ...refOf(credential),
            restricted: !credential.unrestricted,
            ...(subject.accessRules === null ? {} : { access_rules: subject.accessRules.map(bareRuleView) }),
          },
        }),
  };
}
