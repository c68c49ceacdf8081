// Why: the body of a token validation is parsed in one place, for a real Keystone and for the built-in identity service.

import { parseDateTime } from '../base/date-time.ts';
import type { AccessRule } from './access-rules.ts';
import type { Identity } from './identity.ts';

/** A reference with the domain it lives in, as Keystone nests it. */
export interface NamedRef {
  readonly id: string;
  readonly name: string;
}

export interface ScopedRef extends NamedRef {
  readonly domain: NamedRef;
}

/** `token` in the answers of `/v3/auth/tokens`. Times are ISO 8601 with microseconds and a Z. */
export interface TokenBody {
  readonly methods: readonly string[];
  readonly user: ScopedRef & { readonly password_expires_at: string | null };
  readonly audit_ids: readonly string[];
  readonly expires_at: string;
  readonly issued_at: string;
  readonly project?: ScopedRef;
  readonly is_domain?: boolean;
  readonly domain?: NamedRef;
  readonly system?: { readonly all: true };
  readonly roles?: readonly NamedRef[];
  readonly catalog?: readonly unknown[];
  readonly application_credential?: NamedRef & {
    readonly restricted: boolean;
    readonly access_rules?: readonly (AccessRule & { readonly id: string })[];
  };
}

/** An identity without the token itself, as it may be cached. */
export type ResolvedToken = Omit<Identity, 'token'>;

type Json = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Json | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** The access rules of the token's application credential; unreadable rules are dropped and so allow nothing. Null: it has none. */
function accessRulesOf(token: Json): readonly AccessRule[] | null {
  const rules = objectOf(token['application_credential'])?.['access_rules'];
  if (rules === undefined || rules === null) return null;
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((value: unknown) => {
    const rule = objectOf(value);
    const [service, method, path] = [textOf(rule?.['service']), textOf(rule?.['method']), textOf(rule?.['path'])];
    return service === null || method === null || path === null ? [] : [{ service, method, path }];
  });
}

/**
 * Reads `{"token": {...}}`.
 * @returns null for any other body, so that a broken answer never counts as valid
 */
export function readTokenAnswer(answer: unknown): ResolvedToken | null {
  const token = objectOf(objectOf(answer)?.['token']);
  const user = objectOf(token?.['user']);
  if (token === null || user === null) return null;
  const userId = textOf(user['id']);
  const userName = textOf(user['name']);
  const userDomainId = textOf(objectOf(user['domain'])?.['id']);
  const expiresAt = parseDateTime(textOf(token['expires_at']) ?? '');
  if (userId === null || userName === null || userDomainId === null || expiresAt === null) return null;
  const accessRules = accessRulesOf(token);
  const project = objectOf(token['project']);
  const roles = Array.isArray(token['roles']) ? token['roles'] : [];
  return {
    userId,
    userName,
    userDomainId,
    projectId: textOf(project?.['id']),
    projectName: textOf(project?.['name']),
    projectDomainId: textOf(objectOf(project?.['domain'])?.['id']),
    domainId: textOf(objectOf(token['domain'])?.['id']),
    roles: roles.flatMap((role) => textOf(objectOf(role)?.['name']) ?? []),
    systemScope: objectOf(token['system'])?.['all'] === true ? 'all' : null,
    expiresAt,
    ...(accessRules === null ? {} : { accessRules }),
  };
}
