// Why: a fresh installation needs somebody who can log in. The passwords made here are told once and stored only as hashes.

import { newSecret } from '../../base/new-secret.ts';
import { newHexId } from '../../base/ids.ts';
import { assign, domains, imply, projects, roles, SYSTEM, users } from '../../db/identity.ts';
import type { Reader } from '../../db/engine.ts';
import { isDuplicate } from '../../db/errors.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { missing } from './route.ts';
import type { Parts } from './service.ts';
import type { Turn } from './turns.ts';

/** The passwords of the users that were made, in clear; whoever gets them is the only one who has them. */
export interface NewPasswords {
  readonly admin: string;
  readonly demo: string;
}

export interface Bootstrapped {
  readonly projects: { readonly admin: string; readonly demo: string; readonly service: string };
  /** Null when the users were there already. */
  readonly passwords: NewPasswords | null;
}

const DOMAIN = 'default';
const FIRST_USERS = ['admin', 'demo'] as const;
export type FirstUser = (typeof FIRST_USERS)[number];
const PROJECTS = ['admin', 'demo', 'service'] as const;
/** Each implies the next, as Keystone's bootstrap sets it up; `service` stands apart. */
const ROLE_CHAIN = ['admin', 'manager', 'member', 'reader'];

/** What the program does by itself waits among itself. */
const OWN: Turn = { address: '', user: '' };

const hasUsers = async (reader: Reader): Promise<boolean> =>
  (await users.list(reader, { domain_id: DOMAIN }, { limit: 1, marker: null })).length > 0;

/** 192 random bits in letters that need no quoting. */
const newPassword = (): string => newSecret(24);

/**
 * Makes what is missing of the first domain, roles, projects and users; what is there is left as it is.
 * @param keep called where users are to be made, before they are: keeps their passwords, and returns those that count. A start that is
 * ended in between finds them again; the other way round nobody would know them.
 */
export async function ensureBootstrap(
  parts: Parts,
  keep: (made: NewPasswords) => Promise<NewPasswords> = (made) => Promise.resolve(made),
): Promise<Bootstrapped> {
  // whoever has deleted or renamed the first users has others
  const isFresh = !(await hasUsers(parts.reader));
  const passwords = isFresh ? await keep({ admin: newPassword(), demo: newPassword() }) : null;
  const hashes =
    passwords === null
      ? null
      : {
          admin: await parts.passwords.hash(passwords.admin, OWN),
          demo: await parts.passwords.hash(passwords.demo, OWN),
        };
  const make = (): Promise<Bootstrapped> => tx(parts.database, (trx) => makeMissing(trx, passwords, hashes));
  // another process made the same at this moment: now it is found
  return make().catch((error: unknown) => {
    if (isDuplicate(error)) return make();
    throw error;
  });
}

async function makeMissing(tx: Tx, passwords: NewPasswords | null, hashes: NewPasswords | null): Promise<Bootstrapped> {
  if ((await domains.find(tx, DOMAIN)) === null) {
    const domain = { id: DOMAIN, name: 'Default', description: 'The default domain', enabled: true, extra: {} };
    await domains.insert(tx, domain);
  }
  const roleIds = new Map<string, string>();
  for (const name of [...ROLE_CHAIN, 'service']) {
    const [found] = await roles.list(tx, { name });
    const id = found?.id ?? newHexId();
    if (found === undefined) await roles.insert(tx, { id, name, description: null, extra: {} });
    roleIds.set(name, id);
  }
  const roleId = (name: string): string => roleIds.get(name) ?? '';
  const projectIds = new Map<string, string>();
  for (const name of PROJECTS) {
    const [found] = await projects.list(tx, { domain_id: DOMAIN, name });
    const id = found?.id ?? newHexId();
    if (found === undefined) {
      await projects.insert(tx, { id, domainId: DOMAIN, name, description: '', enabled: true, tags: [], extra: {} });
    }
    projectIds.set(name, id);
  }
  const projectId = (name: (typeof PROJECTS)[number]): string => projectIds.get(name) ?? '';
  const made = { admin: projectId('admin'), demo: projectId('demo'), service: projectId('service') };
  // another process may have been first
  if (hashes === null || (await hasUsers(tx))) return { projects: made, passwords: null };

  for (const [index, name] of ROLE_CHAIN.slice(1).entries())
    await imply(tx, { priorRoleId: roleId(ROLE_CHAIN[index] ?? ''), impliedRoleId: roleId(name) });
  for (const name of FIRST_USERS) await insertFirst(tx, name, hashes[name]);
  return { projects: made, passwords };
}

/** A user as the first start makes him, who has no role yet; his id. */
async function insertUser(tx: Tx, name: FirstUser, passwordHash: string): Promise<string> {
  const id = newHexId();
  const asAny = { domainId: DOMAIN, defaultProjectId: null, enabled: true, tokensValidFrom: 0, extra: {} };
  await users.insert(tx, { id, name, passwordHash, ...asAny });
  return id;
}

/** Gives the roles that a first user has from the beginning, in the project of his name, which is there and is enabled. */
async function grantFirst(tx: Tx, name: FirstUser, userId: string): Promise<void> {
  const [role] = await roles.list(tx, { name: name === 'admin' ? 'admin' : 'member' });
  const [project] = await projects.list(tx, { domain_id: DOMAIN, name });
  if (role === undefined || project === undefined) throw missing(`project: ${name}`);
  if (!project.enabled) await projects.replace(tx, { ...project, enabled: true });
  await assign(tx, { userId, target: { type: 'project', id: project.id }, roleId: role.id });
  if (name === 'admin') await assign(tx, { userId, target: SYSTEM, roleId: role.id });
}

async function insertFirst(tx: Tx, name: FirstUser, passwordHash: string): Promise<void> {
  await grantFirst(tx, name, await insertUser(tx, name, passwordHash));
}

/**
 * Gives a first user a new random password, enables him, and ends his tokens: the way back in when `clouds.yaml` is lost, or an
 * administrator has shut himself out. He has his first roles again, and is made anew where he is gone.
 * @returns the password, in clear
 */
export async function resetPassword(parts: Parts, name: FirstUser): Promise<string> {
  const password = newPassword();
  const hash = await parts.passwords.hash(password, OWN);
  await tx(parts.database, async (tx) => {
    const [found] = await users.list(tx, { domain_id: DOMAIN, name });
    const user = found === undefined ? null : await users.hold(tx, found.id);
    if (user === null) return insertFirst(tx, name, hash);
    await users.replace(tx, { ...user, enabled: true, passwordHash: hash, tokensValidFrom: parts.clock.now() + 1 });
    await grantFirst(tx, name, user.id);
  });
  return password;
}
