// Why: groups of servers, who is in them, and where those are.

import type { GroupPlacement, ServerGroup } from '../domain/servers/server-groups.ts';
import { readRows, type Reader, type Row } from './engine.ts';
import { columnsOf, defineNoun, findRow, insertRow } from './table.ts';
import type { Tx } from './tx.ts';

const groupNoun = defineNoun<ServerGroup, { readonly createdAt: number }>({
  table: 'server_groups',
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    name: ['name', 'text'],
    policy: ['policy', 'text'],
    maxServerPerHost: ['max_server_per_host', 'number'],
  },
  also: ({ createdAt }) => ({ created_at: createdAt }),
});

/** A span of the groups of a project (null: of all), the oldest first. */
export async function listServerGroups(
  reader: Reader,
  projectId: string | null,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<ServerGroup[]> {
  const query = reader('server_groups').select(groupNoun.columns).orderBy('id').limit(limit).offset(offset);
  if (projectId !== null) void query.where({ project_id: projectId });
  return groupNoun.fromRows(await query);
}

export const findServerGroup = (reader: Reader, uuid: string): Promise<ServerGroup | null> =>
  findRow(reader, groupNoun, { uuid });

/** A server that waits to be restored or forgotten is shown and counted nowhere, as in Nova. */
const WAITING = 'soft-delete';

/** The uuids of the servers in each of these groups, the oldest first; an empty group is absent. */
export async function membersOf(reader: Reader, groupIds: readonly number[]): Promise<ReadonlyMap<number, string[]>> {
  if (groupIds.length === 0) return new Map();
  const rows: { group_id: number; uuid: string }[] = await reader('server_group_members as members')
    .join('servers', 'servers.id', 'members.server_id')
    .select('members.group_id', 'servers.uuid')
    .whereIn('members.group_id', [...groupIds])
    .whereNot('servers.vm_state', WAITING)
    .orderBy('members.server_id');
  const byGroup = Map.groupBy(rows, ({ group_id }) => group_id);
  return new Map([...byGroup].map(([id, members]) => [id, members.map(({ uuid }) => uuid)]));
}

// a server that moves is on both of its hosts
const PLACES =
  'select host, count(*) as servers from (' +
  'select s.host, s.id from server_group_members m join servers s on s.id = m.server_id ' +
  'where m.group_id = ? and m.server_id <> ? and s.host is not null union ' +
  'select h.host, c.server_id from server_group_members m join held_claims c on c.server_id = m.server_id ' +
  'join hosts h on h.id = c.host_id where m.group_id = ? and m.server_id <> ?) places group by host';

/** What a group says of where one more server may go; `serverId` is not counted, should it be in there. */
export async function placementInGroup(
  reader: Reader,
  { id, policy, maxServerPerHost }: Pick<ServerGroup, 'id' | 'policy' | 'maxServerPerHost'>,
  serverId = 0,
): Promise<GroupPlacement> {
  const places = await readRows(reader, PLACES, [id, serverId, id, serverId]);
  return {
    policy,
    maxPerHost: maxServerPerHost ?? 1,
    hosts: new Map(places.map((row) => [row['host'] as string, Number(row['servers'])])),
  };
}

const GROUP_OF =
  `select ${columnsOf(groupNoun, { as: 'g' }).join(', ')} from server_group_members m ` +
  'join server_groups g on g.id = m.group_id where m.server_id = ?';

/** What a server's group says of where it may go; null: it is in none. */
export async function groupPlacementOf(reader: Reader, serverId: number): Promise<GroupPlacement | null> {
  const [group] = await readRows(reader, GROUP_OF, [serverId]);
  return group === undefined ? null : placementInGroup(reader, groupNoun.fromRow(group), serverId);
}

/** As `groupPlacementOf`, and no other server of the group is placed until the transaction ends. */
export async function lockGroupPlacement(tx: Tx, serverId: number): Promise<GroupPlacement | null> {
  const member: Row | undefined = await tx('server_group_members')
    .select('group_id')
    .where({ server_id: serverId })
    .first();
  if (member === undefined) return null;
  await tx('server_groups').select('id').where({ id: member['group_id'] }).forUpdate();
  return groupPlacementOf(tx, serverId);
}

export type NewServerGroup = Omit<ServerGroup, 'id'>;

export async function insertServerGroup(tx: Tx, group: NewServerGroup, nowMs: number): Promise<ServerGroup> {
  const id = await insertRow(tx, groupNoun, { ...group, createdAt: nowMs });
  return { ...group, id };
}

/** Forgets a group and who was in it. Returns whether there was one. */
export async function deleteServerGroupRow(tx: Tx, id: number): Promise<boolean> {
  return (await tx('server_groups').where({ id }).delete()) > 0;
}

/** How many groups a project has, or one user in it. */
export async function countServerGroups(reader: Reader, projectId: string, userId?: string): Promise<number> {
  const where = userId === undefined ? { project_id: projectId } : { project_id: projectId, user_id: userId };
  const [row] = (await reader('server_groups').where(where).count({ groups: '*' })) as [Row];
  return Number(row['groups']);
}

/** How many servers of one user a group has. */
export async function countMembers(reader: Reader, groupId: number, userId: string): Promise<number> {
  const [row] = (await reader('server_group_members as members')
    .join('servers', 'servers.id', 'members.server_id')
    .where({ 'members.group_id': groupId, 'servers.user_id': userId })
    .whereNot('servers.vm_state', WAITING)
    .count({ members: '*' })) as [Row];
  return Number(row['members']);
}

/** Locks a group so that those who join it follow one another. Returns whether it is still there. */
export async function lockServerGroup(tx: Tx, id: number): Promise<boolean> {
  return (await tx('server_groups').select('id').where({ id }).forUpdate()).length > 0;
}

export async function addMember(tx: Tx, groupId: number, serverId: number): Promise<void> {
  await tx('server_group_members').insert({ server_id: serverId, group_id: groupId });
}

export async function removeMember(tx: Tx, serverId: number): Promise<void> {
  await tx('server_group_members').where({ server_id: serverId }).delete();
}
