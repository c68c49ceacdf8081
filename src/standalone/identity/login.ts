// Why: the one way to a token: methods prove the user, a scope names what for. What fails here says as little as Keystone.

import { badRequest, type Fault, forbidden, unauthorized } from '../../base/errors.ts';
import type { TokenClaims, TokenKeys } from '../../cloud/token-keys.ts';
import type { Reader } from '../../db/engine.ts';
import {
  applicationCredentials,
  type ApplicationCredential,
  domains,
  projects,
  type User,
  users,
} from '../../db/identity.ts';
import type { Passwords } from './passwords.ts';
import * as schemas from './schemas.ts';
import type { Turn } from './turns.ts';
import {
  activeCredential,
  activeUser,
  issuedAtOf,
  newAuditId,
  type Subject,
  subjectFor,
  subjectOf,
  type Wanted,
} from './tokens.ts';
import { missing } from './route.ts';

interface Reference {
  readonly id?: string;
  readonly name?: string;
  readonly domain?: Reference;
}

interface UserReference extends Reference {
  readonly password?: string;
}

/** The value of `auth` in the body of `POST /v3/auth/tokens`. */
export interface Auth {
  readonly identity: {
    readonly methods: readonly string[];
    readonly password?: { readonly user?: UserReference };
    readonly token?: { readonly id: string };
    readonly application_credential?: {
      readonly id?: string;
      readonly name?: string;
      readonly secret?: string;
      readonly user?: Reference;
    };
  };
  readonly scope?:
    | string
    | {
        readonly project?: Reference;
        readonly domain?: Reference;
        readonly system?: { readonly all?: boolean };
        readonly unscoped?: object;
      };
}

const text = { type: 'string', maxLength: 255 } as const;
const reference = (properties: schemas.Schema = {}): schemas.Schema => ({
  type: 'object',
  additionalProperties: false,
  properties: { id: text, name: text, ...properties },
});
const domain = reference();
const object = (properties: schemas.Schema, required: readonly string[] = []): schemas.Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});

export const loginBody: schemas.Schema = object(
  {
    auth: object(
      {
        identity: object(
          {
            methods: { type: 'array', maxItems: 8, items: text },
            password: object({ user: reference({ domain, password: schemas.password }) }),
            token: object({ id: { type: 'string', maxLength: 16_384 } }, ['id']),
            application_credential: object({
              id: text,
              name: text,
              secret: schemas.password,
              user: reference({ domain }),
            }),
          },
          ['methods'],
        ),
        scope: {
          anyOf: [
            { type: 'string', maxLength: 32 },
            object({
              project: reference({ domain }),
              domain,
              system: object({ all: { type: 'boolean' } }),
              unscoped: { type: 'object' },
            }),
          ],
        },
      },
      ['identity'],
    ),
  },
  ['auth'],
);

const wanting = (attribute: string, target: string): Fault =>
  badRequest(
    `Expecting to find ${attribute} in ${target}. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.`,
  );

export const refused = (): Fault => unauthorized('The request you have made requires authentication.');

export interface LoginContext {
  readonly reader: Reader;
  readonly passwords: Passwords;
  readonly turnOf: (user: string) => Turn;
  readonly keys: TokenKeys;
  readonly now: number;
  readonly tokenTtlMs: number;
}

/** Who was proved, by one method or all of several. */
interface Proof {
  readonly userId: string;
  readonly methods: readonly string[];
  /** Seconds since the epoch at which the token that was shown ends; a rescoped one ends no later. */
  readonly exp: number | null;
  readonly parentAuditId: string | null;
  readonly credential: ApplicationCredential | null;
  /** Whether what was proved is still so: a password may be changed while another login goes on. */
  readonly holds: (user: User) => boolean;
}

const proofOf = (userId: string, method: string): Proof => ({
  userId,
  methods: [method],
  exp: null,
  parentAuditId: null,
  credential: null,
  holds: () => true,
});

async function domainIdOf(reader: Reader, ref: Reference | undefined, target: string): Promise<string | null> {
  if (ref?.id !== undefined) return ref.id;
  if (ref?.name === undefined) throw wanting('domain', target);
  const [found] = await domains.list(reader, { name: ref.name });
  return found?.id ?? null;
}

async function userIdOf(reader: Reader, ref: Reference): Promise<string | null> {
  if (ref.id !== undefined) return ref.id;
  if (ref.name === undefined) throw wanting('id or name', 'user');
  const domainId = await domainIdOf(reader, ref.domain, 'user');
  if (domainId === null) return null;
  const [found] = await users.list(reader, { domain_id: domainId, name: ref.name });
  return found?.id ?? null;
}

/** Whom a login is about, in the words that it came with: who waits for whom must not tell whether there is such a user. */
const asGiven = ({ id, name }: { readonly id?: string | undefined; readonly name?: string | undefined }): string =>
  id === undefined ? `name ${name ?? ''}` : `id ${id}`;

/** Proves a user by his password, or throws the refusal; what it takes is the same for one whom there is not (null). */
export async function provePassword(
  { reader, passwords }: Pick<LoginContext, 'reader' | 'passwords'>,
  userId: string | null,
  password: string,
  turn: Turn,
): Promise<Proof> {
  const found = userId === null ? null : await users.find(reader, userId);
  const matches = await passwords.matches(password, found?.passwordHash ?? null, turn);
  if (found === null || !matches || (await activeUser(reader, found.id)) === null) throw refused();
  return { ...proofOf(found.id, 'password'), holds: ({ passwordHash }) => passwordHash === found.passwordHash };
}

async function byPassword(context: LoginContext, { identity }: Auth): Promise<Proof> {
  const given = identity.password?.user;
  if (given === undefined) throw wanting(identity.password === undefined ? 'password' : 'user', 'identity');
  if (given.password === undefined) throw wanting('password', 'user');
  const userId = await userIdOf(context.reader, given);
  return provePassword(context, userId, given.password, context.turnOf(asGiven(given)));
}

async function byToken({ reader, keys, now }: LoginContext, { identity }: Auth): Promise<Proof> {
  const given = identity.token;
  if (given === undefined) throw wanting('token', 'identity');
  const verdict = await keys.verify(given.id);
  const claims = verdict.kind === 'good' ? verdict.claims : null;
  if (claims === null || (await subjectOf(reader, claims, now)) === null) throw missing('token');
  if (claims.openstack_app_cred_id !== undefined) {
    // else a credential with few roles could be traded for all that its owner has
    throw forbidden('You are not authorized to perform the requested action: rescope a scoped token.');
  }
  return {
    userId: claims.sub,
    methods: [...new Set([...claims.openstack_methods, 'token'])],
    exp: claims.exp,
    parentAuditId: claims.openstack_audit_ids.at(-1) ?? null,
    credential: null,
    holds: ({ tokensValidFrom }) => issuedAtOf(claims) >= tokensValidFrom,
  };
}

async function byCredential(
  { reader, passwords, turnOf, now }: LoginContext,
  { identity, scope }: Auth,
): Promise<Proof> {
  const given = identity.application_credential;
  if (given === undefined) throw wanting('application_credential', 'identity');
  if (given.secret === undefined) throw wanting('secret', 'application credential');
  if (scope !== undefined) {
    throw unauthorized(
      'Error authenticating with application credential: Application credentials cannot request a scope.',
    );
  }
  let id = given.id ?? null;
  if (id === null) {
    if (given.name === undefined) throw wanting('name or ID', 'application credential');
    if (given.user === undefined) throw wanting('user', 'application credential');
    const userId = await userIdOf(reader, given.user);
    const [named] =
      userId === null ? [] : await applicationCredentials.list(reader, { user_id: userId, name: given.name });
    id = named?.id ?? null;
  }
  const credential = id === null ? null : await activeCredential(reader, id, now);
  const matches = await passwords.matches(
    given.secret,
    credential?.secretHash ?? null,
    turnOf(given.id === undefined ? `${asGiven(given.user ?? {})} ${given.name ?? ''}` : `credential ${given.id}`),
  );
  if (credential === null || !matches) throw refused();
  return { ...proofOf(credential.userId, 'application_credential'), credential };
}

const methods = new Map([
  ['password', byPassword],
  ['token', byToken],
  ['application_credential', byCredential],
]);

const both =
  (one: Proof, other: Proof): Proof['holds'] =>
  (user) =>
    one.holds(user) && other.holds(user);

async function prove(context: LoginContext, auth: Auth): Promise<Proof> {
  let proof: Proof | null = null;
  for (const name of new Set(auth.identity.methods)) {
    const method = methods.get(name);
    if (method === undefined) throw unauthorized('Attempted to authenticate with an unsupported method.');
    const next = await method(context, auth);
    if (proof !== null && proof.userId !== next.userId) throw refused();
    proof =
      proof === null
        ? next
        : {
            userId: next.userId,
            methods: [...new Set([...proof.methods, ...next.methods])],
            exp: proof.exp ?? next.exp,
            parentAuditId: proof.parentAuditId ?? next.parentAuditId,
            credential: proof.credential ?? next.credential,
            holds: both(proof, next),
          };
  }
  if (proof === null) throw refused();
  return proof;
}

async function projectIdOf(reader: Reader, ref: Reference): Promise<string | null> {
  if (ref.id !== undefined) return ref.id;
  if (ref.name === undefined) throw wanting('id or name', 'project');
  const domainId = await domainIdOf(reader, ref.domain, 'project');
  if (domainId === null) return null;
  const [found] = await projects.list(reader, { domain_id: domainId, name: ref.name });
  return found?.id ?? null;
}

const unscopedFor = (userId: string): Wanted => ({
  userId,
  projectId: null,
  domainId: null,
  system: false,
  credentialId: null,
});

/** What the request asks a token for; null when it names something that is not there. */
async function wantedBy({ reader }: LoginContext, proof: Proof, scope: Auth['scope']): Promise<Wanted | null> {
  const wanted = unscopedFor(proof.userId);
  if (proof.credential !== null)
    return { ...wanted, projectId: proof.credential.projectId, credentialId: proof.credential.id };
  if (scope === undefined || typeof scope === 'string') return wanted;
  const asked = [scope.project, scope.domain, scope.system, scope.unscoped].filter((part) => part !== undefined);
  if (asked.length !== 1) throw wanting('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
  if (scope.project !== undefined) {
    const projectId = await projectIdOf(reader, scope.project);
    return projectId === null ? null : { ...wanted, projectId };
  }
  if (scope.domain !== undefined) {
    if (scope.domain.id === undefined && scope.domain.name === undefined) throw wanting('id or name', 'domain');
    const domainId = await domainIdOf(reader, scope.domain, 'scope');
    return domainId === null ? null : { ...wanted, domainId };
  }
  if (scope.system !== undefined) return scope.system.all === true ? { ...wanted, system: true } : null;
  return wanted;
}

/** Without a scope the user's default project is meant, if there is one and the user has a role there. */
async function byDefault({ reader, now }: LoginContext, wanted: Wanted): Promise<Subject | null> {
  const found = await users.find(reader, wanted.userId);
  const projectId = found?.defaultProjectId ?? null;
  return projectId === null ? null : subjectFor(reader, { ...wanted, projectId }, now);
}

/**
 * Authenticates, scopes, and says what the token has to carry.
 * @throws Faults with Keystone's statuses: 400 for what is missing, 401 for who is not proved or has no role there, 404 for a
 * token that is not good
 */
export async function login(context: LoginContext, auth: Auth): Promise<{ claims: TokenClaims; subject: Subject }> {
  const proof = await prove(context, auth);
  const wanted = await wantedBy(context, proof, auth.scope);
  if (wanted === null) throw refused();
  const isSilent = auth.scope === undefined && proof.credential === null;
  const subject =
    (isSilent ? await byDefault(context, wanted) : null) ?? (await subjectFor(context.reader, wanted, context.now));
  if (subject === null || !proof.holds(subject.user)) throw refused();
  // a token made in the very millisecond in which others were ended is none of them
  const issuedAt = Math.max(context.now, subject.validFrom);
  const claims: TokenClaims = {
    sub: subject.user.id,
    iat: issuedAt / 1000,
    exp: proof.exp ?? Math.floor((issuedAt + context.tokenTtlMs) / 1000),
    openstack_methods: proof.methods,
    openstack_audit_ids: [newAuditId(), ...(proof.parentAuditId === null ? [] : [proof.parentAuditId])],
    ...(subject.system ? { openstack_system: 'all' } : {}),
    ...(subject.domain === null ? {} : { openstack_domain_id: subject.domain.id }),
    ...(subject.project === null ? {} : { openstack_project_id: subject.project.project.id }),
    ...(subject.credential === null ? {} : { openstack_app_cred_id: subject.credential.id }),
  };
  return { claims, subject };
}
