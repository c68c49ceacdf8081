// Why: who is signed in, and in which project, decides what every view shows; all read it here. The token lives as long as the tab does.

import { computed, signal } from '@preact/signals';
import { allowed, ask, get, Refusal, useTokens } from './api.ts';
import { askOthers, share, tellLeft } from './tabs.ts';

export interface Project {
  readonly id: string;
  readonly name: string;
}

export interface Session {
  readonly token: string;
  readonly expiresAt: string;
  readonly userId: string;
  readonly userName: string;
  readonly project: Project;
  readonly roles: readonly string[];
}

export interface SignIn {
  readonly user: string;
  readonly password: string;
  readonly domain: string;
}

interface TokenBody {
  readonly token: {
    readonly expires_at: string;
    readonly user: { readonly id: string; readonly name: string };
    readonly project?: Project;
    readonly roles?: readonly { readonly name: string }[];
  };
}

const KEY = 'xloud.session';
const LAST_PROJECT = 'xloud.project';

/** Storage may be switched off; then a reload asks to sign in again. */
function stored<T>(kind: 'session' | 'local', key: string): T | null {
  try {
    const text = (kind === 'session' ? sessionStorage : localStorage).getItem(key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

export function store(kind: 'session' | 'local', key: string, value: unknown): void {
  try {
    const where = kind === 'session' ? sessionStorage : localStorage;
    if (value === null) where.removeItem(key);
    else where.setItem(key, JSON.stringify(value));
  } catch {
    // then it is not kept
  }
}

export const remembered = <T>(key: string): T | null => stored<T>('local', key);

const isFresh = (session: Session | null): boolean =>
  session !== null && new Date(session.expiresAt).getTime() > Date.now();

const kept = stored<Session>('session', KEY);

export const session = signal<Session | null>(isFresh(kept) ? kept : null);
/** The token is no longer good: what is shown stays, behind a request to sign in. */
export const expired = signal(false);
export const projects = signal<readonly Project[]>([]);
/** Whether the service shows this caller its hosts. Null: not known yet. */
export const isOperator = signal<boolean | null>(null);
export const projectId = computed(() => session.value?.project.id ?? null);

useTokens(
  () => session.value?.token ?? null,
  () => {
    if (session.value !== null) expired.value = true;
  },
);

function take(next: Session | null): void {
  store('session', KEY, next);
  expired.value = false;
  session.value = next;
}

async function askToken(auth: unknown): Promise<{ token: string; body: TokenBody }> {
  const { headers, body } = await ask<TokenBody>('identity', 'POST', '/auth/tokens', { body: { auth }, token: null });
  const token = headers.get('X-Subject-Token');
  if (token === null) throw new Refusal(0, 'The identity service gave no token.');
  return { token, body };
}

const projectsOf = async (token: string): Promise<readonly Project[]> =>
  (await get<{ projects: readonly Project[] }>('identity', '/auth/projects', { token })).projects;

/** Goes to a project with a token that is good. */
async function scope(token: string, project: Project): Promise<void> {
  const scoped = await askToken({
    identity: { methods: ['token'], token: { id: token } },
    scope: { project: { id: project.id } },
  });
  const { user, expires_at, roles = [] } = scoped.body.token;
  store('local', LAST_PROJECT, project.id);
  isOperator.value = null;
  take({
    token: scoped.token,
    expiresAt: expires_at,
    userId: user.id,
    userName: user.name,
    project: { id: project.id, name: project.name },
    roles: roles.map(({ name }) => name),
  });
}

/** Signs in, and goes to the project where one was last. Throws a `Refusal`. */
export async function signIn({ user, password, domain }: SignIn): Promise<void> {
  const by = { name: user, password, domain: { name: domain === '' ? 'Default' : domain } };
  const { token } = await askToken({
    identity: { methods: ['password'], password: { user: by } },
    scope: 'unscoped',
  });
  const found = await projectsOf(token);
  const last = session.value?.project.id ?? stored<string>('local', LAST_PROJECT);
  const project = found.find(({ id }) => id === last) ?? found.find(({ name }) => name === user) ?? found[0];
  if (project === undefined) throw new Refusal(403, 'This user has no role in any project.');
  projects.value = found;
  await scope(token, project);
}

/** Goes to another project of the user. */
export async function switchProject(id: string): Promise<void> {
  const next = projects.value.find((one) => one.id === id);
  if (session.value !== null && next !== undefined) await scope(session.value.token, next);
}

function forget(): void {
  take(null);
  projects.value = [];
  isOperator.value = null;
}

share(() => session.value, forget);

/** Takes the session of another tab, where this one has none and another has. */
export async function adopt(): Promise<void> {
  if (session.value !== null) return;
  const found = (await askOthers()) as Session | null;
  if (session.value === null && isFresh(found)) take(found);
}

/** Signs out, in all tabs. */
export async function signOut(): Promise<void> {
  const token = session.value?.token;
  forget();
  tellLeft();
  // whoever has a copy of it cannot use it any more
  if (token !== undefined) await revoke(token).catch(() => undefined);
}

const revoke = (token: string): Promise<Response> =>
  fetch(new URL('../dashboard/identity/v3/auth/tokens', import.meta.url), {
    method: 'DELETE',
    headers: { 'X-Auth-Token': token, 'X-Subject-Token': token },
    credentials: 'omit',
  });

/** What a session needs to know beside its token. */
export async function learn(): Promise<void> {
  const of = session.value;
  if (of === null) return;
  if (projects.value.length === 0) projects.value = await projectsOf(of.token).catch(() => [of.project]);
  const operator = await allowed('compute', '/os-hypervisors?limit=1').catch(() => false);
  if (session.value?.token === of.token) isOperator.value = operator;
}
