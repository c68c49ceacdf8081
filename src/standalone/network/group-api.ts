// Why: compute in the same process changes security groups by the rules that hold for clients over HTTP.

import { Fault } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { GroupApi } from '../../cloud/network-api.ts';
import type { Reader } from '../../db/engine.ts';
import {
  everything,
  groupNoun,
  listRows,
  noFilters,
  rowsBy,
  ruleNoun,
  type StoredGroup,
  type StoredRule,
} from '../../db/networks.ts';
import type { SecurityGroup, SecurityGroupRule } from '../../domain/networks/networks.ts';
import { readUpdate } from './attributes.ts';
import { ensureDefaultGroup, groups, rules } from './groups.ts';
import type { NetworkParts } from './parts.ts';
import { changeObject, createObjects, removeObject, updateOf } from './objects.ts';
import { allowedOf } from './rules.ts';

const ruleFacts = (rule: StoredRule): SecurityGroupRule => ({
  id: rule.id,
  groupId: rule.securityGroupId,
  direction: rule.direction === 'egress' ? 'egress' : 'ingress',
  protocol: rule.protocol,
  portMin: rule.portRangeMin,
  portMax: rule.portRangeMax,
  remoteGroupId: rule.remoteGroupId,
  remotePrefix: rule.remoteIpPrefix,
});

async function groupFacts(reader: Reader, found: readonly StoredGroup[]): Promise<SecurityGroup[]> {
  const ids = found.map(({ id }) => id);
  const byGroup = Map.groupBy(await rowsBy(reader, ruleNoun, 'security_group_id', ids), (rule) => rule.securityGroupId);
  return found.map(({ id, name, description, projectId }) => {
    return { id, name, description, projectId, rules: (byGroup.get(id) ?? []).map(ruleFacts) };
  });
}

async function oneGroup(reader: Reader, group: StoredGroup): Promise<SecurityGroup> {
  const [facts] = await groupFacts(reader, [group]);
  return facts as SecurityGroup;
}

/** What becomes of an object that the caller does not see. */
export const unseen =
  <T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof Fault && error.kind === 'notFound') return value;
    throw error;
  };

export function makeLocalGroups(parts: NetworkParts): GroupApi {
  const { read } = parts.database;
  const mayGet = (caller: Caller, found: readonly StoredGroup[]) =>
    allowedOf(parts.allows, read, groups, caller, found);
  const ensure = (caller: Caller): Promise<void> => ensureDefaultGroup(parts, caller.projectId ?? '');

  return {
    async securityGroups(caller, projectId) {
      await ensure(caller);
      // who is no administrator sees the own project's alone
      const filters = projectId === null ? noFilters : { ...noFilters, oneOf: { project_id: [projectId] } };
      const scope = caller.isAdmin ? null : { projectId: caller.projectId ?? '-', alsoShared: false };
      return groupFacts(
        read,
        await mayGet(caller, (await listRows(read, groupNoun, scope, filters, everything)) ?? []),
      );
    },
    async securityGroupsById(caller, ids) {
      const found = await rowsBy(read, groupNoun, 'id', ids);
      const mine = found.filter(({ projectId }) => caller.isAdmin || projectId === caller.projectId);
      return groupFacts(read, await mayGet(caller, mine));
    },
    async groupIds(caller) {
      await ensure(caller);
      return mayGet(caller, await rowsBy(read, groupNoun, 'project_id', [caller.projectId ?? '']));
    },
    async groupNames(ids) {
      return new Map((await rowsBy(read, groupNoun, 'id', ids)).map(({ id, name }) => [id, name]));
    },
    async createSecurityGroup(caller, name, description) {
      const body = { security_group: { name, description } };
      const { shown } = await createObjects(parts, groups, caller, body, groupFacts);
      return shown[0] as SecurityGroup;
    },
    async updateSecurityGroup(caller, id, name, description) {
      const values = readUpdate(groups, { security_group: { name, description } }, caller);
      return changeObject(parts, groups, caller, id, updateOf(groups, values), oneGroup).catch(unseen(null));
    },
    deleteSecurityGroup: (caller, id) => removeObject(parts, groups, caller, id).then(() => true, unseen(false)),
    async createGroupRule(caller, rule) {
      const body = {
        security_group_id: rule.groupId,
        direction: 'ingress',
        ethertype: rule.ethertype,
        protocol: rule.protocol,
        port_range_min: rule.portMin,
        port_range_max: rule.portMax,
        remote_ip_prefix: rule.remotePrefix,
        remote_group_id: rule.remoteGroupId,
      };
      const show = async (_reader: Reader, made: readonly StoredRule[]) => made.map(ruleFacts);
      const { shown } = await createObjects(parts, rules, caller, { security_group_rule: body }, show);
      return shown[0] as SecurityGroupRule;
    },
    deleteGroupRule: (caller, id) => removeObject(parts, rules, caller, id).then(() => true, unseen(false)),
  };
}
