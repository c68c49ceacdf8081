// Why: tokens are issued, shown, and revoked here, and a caller learns what he may scope to.

import { forbidden, notFound } from '../../base/errors.ts';
import { domains, effectiveAssignments, revoke, rolesOn, SYSTEM } from '../../db/identity.ts';
import { catalogFor } from './catalog.ts';
import { domainView } from './domains.ts';
import { listReply } from './collection.ts';
import { type Auth, login, loginBody } from './login.ts';
import { projectsOf, projectView } from './projects.ts';
import { missing, type Reply, type Route, type Visit } from './route.ts';
import { type Parts, write } from './service.ts';
import { type Subject, subjectOf, tokenBodyOf } from './tokens.ts';
import type { TokenClaims } from '../../cloud/token-keys.ts';

/** What a service that minds access rules sends when it asks about a token. */
const ACCESS_RULES_HEADER = 'OpenStack-Identity-Access-Rules';

interface Found {
  readonly token: string;
  readonly claims: TokenClaims;
  readonly subject: Subject;
}

export function authRoutes(parts: Parts): Route[] {
  const { reader, clock, keys, signing, passwords, tokenTtlMs } = parts;

  /** The token that `X-Subject-Token` names, with whom it stands for. */
  async function subjectToken(visit: Visit): Promise<Found> {
    const token = visit.header('X-Subject-Token');
    if (token === '') throw notFound('No token in the request');
    const verdict = await keys.verify(token);
    const subject = verdict.kind === 'good' ? await subjectOf(reader, verdict.claims, clock.now()) : null;
    if (verdict.kind !== 'good' || subject === null) throw missing('token');
    return { token, claims: verdict.claims, subject };
  }

  const shownCatalog = async (visit: Visit, { user, project }: Subject) =>
    visit.query.has('nocatalog')
      ? null
      : catalogFor(parts, visit, { userId: user.id, projectId: project?.project.id ?? null });

  async function issue(visit: Visit): Promise<Reply> {
    const { auth } = visit.body as { auth: Auth };
    const { claims, subject } = await login(
      { reader, passwords, turnOf: visit.turnOf, keys, now: clock.now(), tokenTtlMs },
      auth,
    );
    return {
      status: 201,
      headers: { 'X-Subject-Token': await signing.sign(claims) },
      body: { token: tokenBodyOf(claims, subject, await shownCatalog(visit, subject)) },
    };
  }

  async function show(visit: Visit): Promise<Reply> {
    const { token, claims, subject } = await subjectToken(visit);
    // whoever does not know of access rules must not take the token for one that may do everything
    if (subject.accessRules !== null && visit.header(ACCESS_RULES_HEADER) === '') throw missing('token');
    visit.mustMay('identity:validate_token', { 'target.token.user_id': subject.user.id });
    return {
      status: 200,
      headers: { 'X-Subject-Token': token },
      body: { token: tokenBodyOf(claims, subject, await shownCatalog(visit, subject)) },
    };
  }

  async function drop(visit: Visit): Promise<Reply> {
    const { claims, subject } = await subjectToken(visit);
    visit.mustMay('identity:revoke_token', { 'target.token.user_id': subject.user.id });
    const auditId = claims.openstack_audit_ids[0] ?? '';
    await write(parts, '', (tx) => revoke(tx, auditId, claims.exp * 1000, clock.now()));
    return { status: 204 };
  }

  return [
    { method: 'POST', path: '/v3/auth/tokens', guard: 'no token', body: loginBody, quiet: true, run: issue },
    { method: 'GET', path: '/v3/auth/tokens', guard: { of: 'identity:validate_token' }, run: show },
    { method: 'DELETE', path: '/v3/auth/tokens', guard: { of: 'identity:revoke_token' }, run: drop },
    {
      method: 'GET',
      path: '/v3/auth/catalog',
      guard: { first: 'identity:get_auth_catalog' },
      run: async ({ urlOf, self, caller }) => {
        if (caller.projectId === null && caller.domainId === null && caller.systemScope === null)
          throw forbidden('You are not authorized to perform the requested action: an unscoped token has no catalog.');
        return { status: 200, body: { catalog: await catalogFor(parts, { urlOf }, caller), links: { self } } };
      },
    },
    {
      method: 'GET',
      path: '/v3/auth/projects',
      guard: { first: 'identity:get_auth_projects' },
      run: async (visit) => {
        const found = (await projectsOf(reader, visit.caller.userId)).filter((project) => project.enabled);
        return listReply(
          visit,
          'projects',
          found.map((project) => projectView(visit.base, project)),
        );
      },
    },
    {
      method: 'GET',
      path: '/v3/auth/domains',
      guard: { first: 'identity:get_auth_domains' },
      run: async (visit) => {
        const { userId } = visit.caller;
        const given = await effectiveAssignments(reader, userId, { type: 'domain' });
        const found = await domains.some(
          reader,
          given.map((assignment) => assignment.target.id),
        );
        const items = found.filter((domain) => domain.enabled).map((domain) => domainView(visit.base, domain));
        return listReply(visit, 'domains', items);
      },
    },
    {
      method: 'GET',
      path: '/v3/auth/system',
      guard: { first: 'identity:get_auth_system' },
      run: async ({ caller, self }) => {
        const hasRole = (await rolesOn(reader, caller.userId, SYSTEM)).length > 0;
        return { status: 200, body: { system: hasRole ? [{ all: true }] : [], links: { self } } };
      },
    },
  ];
}
