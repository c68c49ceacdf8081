// Why: groups are the network service's; what compute adds are its own rules of what a rule may be, and the names that it keeps of
// a server's groups.

import { badRequest } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { hasRule, ingressRule, type RuleRequest, sentRule } from '../../domain/servers/group-rule.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { SecurityGroup, SecurityGroupRule } from '../../domain/networks/networks.ts';
import type { OpsDeps } from '../deps.ts';
import { refreshNetwork } from '../servers/refresh-network.ts';

export interface SecurityGroupText {
  readonly name: string;
  readonly description: string;
}

/** Groups, with the groups that their rules let in as far as the caller sees them. */
export interface SeenGroups {
  readonly groups: readonly SecurityGroup[];
  readonly sources: ReadonlyMap<string, SecurityGroup>;
}

async function withSources({ network }: OpsDeps, op: Op, groups: readonly SecurityGroup[]): Promise<SeenGroups> {
  const sources = new Map(groups.map((group) => [group.id, group]));
  const named = groups.flatMap(({ rules }) => rules.flatMap(({ remoteGroupId }) => remoteGroupId ?? []));
  const others = [...new Set(named)].filter((id) => !sources.has(id));
  if (others.length > 0) {
    for (const group of await network.securityGroupsById(op.caller, others)) sources.set(group.id, group);
  }
  return { groups, sources };
}

export const listSecurityGroups = async (deps: OpsDeps, op: Op, everyProject: boolean): Promise<SeenGroups> =>
  withSources(deps, op, await deps.network.securityGroups(op.caller, everyProject));

export const showSecurityGroup = async (deps: OpsDeps, op: Op, id: string): Promise<SeenGroups> =>
  withSources(deps, op, [await deps.network.securityGroup(op.caller, id)]);

export const createSecurityGroup = async (deps: OpsDeps, op: Op, text: SecurityGroupText): Promise<SeenGroups> =>
  withSources(deps, op, [await deps.network.createSecurityGroup(op.caller, text.name, text.description)]);

export async function updateSecurityGroup(
  deps: OpsDeps,
  op: Op,
  id: string,
  text: SecurityGroupText,
): Promise<SeenGroups> {
  const group = await deps.network.updateSecurityGroup(op.caller, id, text.name, text.description);
  return withSources(deps, op, [group]);
}

export const deleteSecurityGroup = (deps: OpsDeps, op: Op, id: string): Promise<void> =>
  deps.network.deleteSecurityGroup(op.caller, id);

/** Adds a rule that lets something in. Throws Nova's 400s, 403 and 404. */
export async function createSecurityGroupRule(
  { network }: OpsDeps,
  op: Op,
  request: RuleRequest,
): Promise<{ readonly rule: SecurityGroupRule; readonly source: SecurityGroup | null }> {
  const parent = await network.securityGroup(op.caller, request.parentGroupId);
  const source = request.groupId === null ? null : await network.securityGroup(op.caller, request.groupId);
  const rule = ingressRule(request);
  if (typeof rule === 'string') throw badRequest(rule);
  if (hasRule(parent.rules, rule)) throw badRequest(`This rule already exists in group ${parent.id}`);
  return { rule: await network.createGroupRule(op.caller, sentRule(rule)), source };
}

export const deleteSecurityGroupRule = (deps: OpsDeps, op: Op, id: string): Promise<void> =>
  deps.network.deleteGroupRule(op.caller, id);

export const groupsOfServer = async (deps: OpsDeps, op: Op, server: Server): Promise<SeenGroups> =>
  withSources(deps, op, await deps.network.groupsOfServer(op.caller, server));

/** Puts a server's ports into a group, named by its name or id. Throws Nova's 400, 404s and 409. */
export async function addSecurityGroup(deps: OpsDeps, op: Op, server: Server, group: string): Promise<void> {
  await deps.network.addSecurityGroup(op.caller, server, group);
  await refreshNetwork(deps, server);
}

export async function removeSecurityGroup(deps: OpsDeps, op: Op, server: Server, group: string): Promise<void> {
  await deps.network.removeSecurityGroup(op.caller, server, group);
  await refreshNetwork(deps, server);
}
