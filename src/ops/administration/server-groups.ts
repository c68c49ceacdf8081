// Why: groups are made before their servers; a server joins when it is created and leaves when it is deleted.

import { badRequest, type Fault, notFound } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Caller, Op } from '../../base/op.ts';
import {
  addMember,
  countMembers,
  countServerGroups,
  deleteServerGroupRow,
  findServerGroup,
  insertServerGroup,
  lockServerGroup,
} from '../../db/server-groups.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { ServerGroup } from '../../domain/servers/server-groups.ts';
import { serverGroupPayload } from '../../domain/notifications/notifications.ts';
import type { OpsDeps } from '../deps.ts';
import { note } from '../notifications/notify.ts';
import { checkBounds, lockQuota } from './quota-sets.ts';

export type ServerGroupRequest = Pick<ServerGroup, 'name' | 'policy' | 'maxServerPerHost'>;

/** Makes a group of the caller's project. Throws 403 (quota), and 400 for rules that its policy has not and for a caller without a project. */
export function createServerGroup(deps: OpsDeps, op: Op, request: ServerGroupRequest): Promise<ServerGroup> {
  const { projectId, userId } = op.caller;
  if (projectId === null) throw badRequest('Server groups are created in a project: the token is scoped to none.');
  return tx(deps.database, async (t) => {
    await lockQuota(t, projectId);
    const project = (await countServerGroups(t, projectId)) + 1;
    const user = (await countServerGroups(t, projectId, userId)) + 1;
    await checkBounds(t, deps.config.quota, op, { serverGroups: { project, user } });
    if (request.policy !== 'anti-affinity' && request.maxServerPerHost !== null) {
      throw badRequest('Only anti-affinity policy supports rules.');
    }
    const group = await insertServerGroup(t, { ...request, uuid: newUuid(), projectId, userId }, deps.clock.now());
    await note(t, deps, op, 'server_group.create', () => serverGroupPayload(group, []));
    return group;
  });
}

const noServerGroup = (uuid: string): Fault =>
  notFound(`Instance group ${uuid} could not be found.`, { code: 'serverGroup' });

/** Forgets a group; its servers stay where they are. Throws 404 when it is gone. */
export function deleteServerGroup(deps: OpsDeps, op: Op, group: ServerGroup): Promise<void> {
  const { id, uuid } = group;
  return tx(deps.database, async (t) => {
    await note(t, deps, op, 'server_group.delete', () => serverGroupPayload(group, []));
    if (!(await deleteServerGroupRow(t, id))) throw noServerGroup(uuid);
  });
}

const unknownGroup = (uuid: string): Fault => badRequest(`Instance group ${uuid} could not be found.`);

/** The group that the hint `group` of a new server names; null: none. Throws 400 for one that the caller does not have. */
export async function hintedGroup(
  deps: OpsDeps,
  caller: Caller,
  hints: Readonly<Record<string, unknown>>,
): Promise<ServerGroup | null> {
  const [uuid] = [hints['group'] ?? []].flat() as string[];
  if (uuid === undefined) return null;
  const group = await findServerGroup(deps.database.read, uuid);
  if (group === null || (group.projectId !== caller.projectId && !caller.isAdmin)) throw unknownGroup(uuid);
  return group;
}

/** Puts new servers of the caller's into a group. Throws 403 (quota), and 400 when the group was deleted meanwhile. */
export async function joinGroup(
  t: Tx,
  deps: OpsDeps,
  op: Op,
  group: ServerGroup,
  servers: readonly { readonly id: number; readonly uuid: string }[],
): Promise<void> {
  if (!(await lockServerGroup(t, group.id))) throw unknownGroup(group.uuid);
  const members = (await countMembers(t, group.id, op.caller.userId)) + servers.length;
  await checkBounds(t, deps.config.quota, op, { groupMembers: members });
  for (const { id, uuid } of servers) {
    await addMember(t, group.id, id);
    await note(t, deps, op, 'server_group.add_member', () => serverGroupPayload(group, [uuid]));
  }
}
