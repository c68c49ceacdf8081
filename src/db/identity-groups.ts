// Why: who is in which group of the built-in identity service.

import type { Reader, Row } from './engine.ts';
import {
  endTokens,
  type Group,
  groups,
  type Page,
  removeCredentials,
  type Target,
  type User,
  users,
} from './identity.ts';
import type { Tx } from './tx.ts';

const MEMBERS = 'identity_group_members';

const idsOf = async (rows: Promise<Row[]>, column: string): Promise<string[]> =>
  (await rows).map((row) => String(row[column]));

/** The ids of the groups that a user is in. */
export const groupIdsOf = (reader: Reader, userId: string): Promise<string[]> =>
  idsOf(reader(MEMBERS).select('group_id').where({ user_id: userId }).orderBy('group_id'), 'group_id');

/** The groups that a user is in, by name. */
export async function groupsOf(reader: Reader, userId: string): Promise<Group[]> {
  const found = await groups.some(reader, await groupIdsOf(reader, userId));
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The ids of a group's members. */
export const memberIdsOf = (reader: Reader, groupId: string): Promise<string[]> =>
  idsOf(reader(MEMBERS).select('user_id').where({ group_id: groupId }).orderBy('user_id'), 'user_id');

/** One page of a group's members, in the order of their ids. */
export async function membersOf(reader: Reader, groupId: string, page: Page): Promise<User[]> {
  const query = reader(MEMBERS).select('user_id').where({ group_id: groupId }).orderBy('user_id').limit(page.limit);
  if (page.marker !== null) query.where('user_id', '>', page.marker);
  const found = await users.some(reader, await idsOf(query, 'user_id'));
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

export const isMember = async (reader: Reader, groupId: string, userId: string): Promise<boolean> =>
  (await reader(MEMBERS).where({ group_id: groupId, user_id: userId }).first()) !== undefined;

/** Puts a user into a group; twice is once. */
export async function addMember(tx: Tx, groupId: string, userId: string): Promise<void> {
  await tx(MEMBERS).insert({ group_id: groupId, user_id: userId }).onConflict(['group_id', 'user_id']).ignore();
}

/** Takes a user out of a group; false when he was not in it. */
export const removeMember = async (tx: Tx, groupId: string, userId: string): Promise<boolean> =>
  (await tx(MEMBERS).where({ group_id: groupId, user_id: userId }).delete()) > 0;

/** As where a role is taken from each of these users themselves: their tokens on the targets end, and their credentials go. */
export async function endRights(
  tx: Tx,
  userIds: readonly string[],
  targets: readonly Target[],
  now: number,
): Promise<void> {
  for (const userId of userIds) {
    for (const target of targets) {
      await endTokens(tx, userId, target, now);
      if (target.type === 'project') await removeCredentials(tx, { userId, projectId: target.id });
    }
  }
}
