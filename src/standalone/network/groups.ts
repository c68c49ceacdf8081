// Why: security groups and their rules. Every project has one group called default, made when first needed.

import type { Caller } from '../../base/op.ts';
import { isoSeconds } from '../../base/clock.ts';
import { newUuid } from '../../base/ids.ts';
import { ruleProblem } from '../../cloud/ovn/group-rows.ts';
import { units } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  deleteRow,
  deleteRulesOf,
  groupNoun,
  portNoun,
  replaceRow,
  rowsBy,
  ruleNoun,
  type StoredGroup,
  type StoredRule,
} from '../../db/networks.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import { type Tx, tx as inTransaction } from '../../db/tx.ts';
import { formatCidr, parseCidr } from '../../base/ip.ts';
import {
  born,
  changeable,
  changed,
  commonFilters,
  commonSortable,
  commonView,
  fixed,
  nameAndDescription,
  required,
} from './common.ts';
import { derivedUuid } from './derived.ts';
import { touch } from './engine.ts';
import { inUse, missing, invalid } from './faults.ts';
import { boolean, integer, oneOf, orNull, textOrNull, uuid } from './forms.ts';
import { knownAddressGroup } from './address-groups.ts';
import type { Noun } from './noun.ts';
import type { NetworkParts } from './parts.ts';
import { ethertype, prefix, protocol } from './rule-forms.ts';
import { checkQuota } from './quotas.ts';

const DEFAULT_NAME = 'default';

export const defaultGroupId = (projectId: string): string => derivedUuid('default security group', projectId);

type NewRule = Omit<StoredRule, 'id' | 'createdAt' | 'updatedAt'>;

const openRule = (group: StoredGroup, direction: string, ethertype: string, remoteGroupId: string | null): NewRule => ({
  projectId: group.projectId,
  securityGroupId: group.id,
  direction,
  ethertype,
  protocol: null,
  portRangeMin: null,
  portRangeMax: null,
  remoteIpPrefix: null,
  remoteGroupId,
  remoteAddressGroupId: null,
  description: '',
});

async function insertRule(tx: Tx, rule: NewRule, now: number): Promise<StoredRule> {
  const whole = { ...rule, id: newUuid(), createdAt: now, updatedAt: now };
  await insertRow(tx, ruleNoun, whole);
  return whole;
}

/** Any group lets everything out; the default one also lets in what comes from its own members. */
async function insertGroup(tx: Tx, group: StoredGroup, now: number): Promise<void> {
  await insertRow(tx, groupNoun, group);
  for (const ethertype of ['IPv4', 'IPv6']) {
    await insertRule(tx, openRule(group, 'egress', ethertype, null), now);
    if (group.name === DEFAULT_NAME) await insertRule(tx, openRule(group, 'ingress', ethertype, group.id), now);
  }
}

/** Makes a project's default group where it has none. */
export async function ensureDefaultGroup(
  { database, clock, engine }: Pick<NetworkParts, 'database' | 'clock' | 'engine'>,
  projectId: string,
): Promise<void> {
  const id = defaultGroupId(projectId);
  if (projectId === '' || (await findRow(database.read, groupNoun, { id })) !== null) return;
  const values = { project_id: projectId, name: DEFAULT_NAME, description: 'Default security group' };
  try {
    const now = clock.now();
    await inTransaction(database, async (tx) => {
      await insertGroup(tx, { ...born(values, now, id), stateful: true }, now);
      await touch(tx, engine, [units.group(id)], now);
    });
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
}

const ruleView = (rule: StoredRule): Record<string, unknown> => ({
  id: rule.id,
  tenant_id: rule.projectId,
  project_id: rule.projectId,
  security_group_id: rule.securityGroupId,
  direction: rule.direction,
  ethertype: rule.ethertype,
  protocol: rule.protocol,
  port_range_min: rule.portRangeMin,
  port_range_max: rule.portRangeMax,
  remote_ip_prefix: rule.remoteIpPrefix,
  normalized_cidr: normalized(rule.remoteIpPrefix),
  remote_group_id: rule.remoteGroupId,
  remote_address_group_id: rule.remoteAddressGroupId,
  belongs_to_default_sg: rule.securityGroupId === defaultGroupId(rule.projectId),
  description: rule.description,
  tags: [],
  created_at: isoSeconds(rule.createdAt),
  updated_at: isoSeconds(rule.updatedAt),
  revision_number: 0,
});

async function groupViews(reader: Reader, _caller: Caller, groups: readonly StoredGroup[]) {
  const rules = await rowsBy(
    reader,
    ruleNoun,
    'security_group_id',
    groups.map(({ id }) => id),
  );
  const byGroup = Map.groupBy(rules, ({ securityGroupId }) => securityGroupId);
  return groups.map((group) => ({
    ...commonView(group),
    stateful: group.stateful,
    shared: false,
    security_group_rules: (byGroup.get(group.id) ?? []).map(ruleView),
  }));
}

export const groups: Noun<StoredGroup> = {
  singular: 'security_group',
  collection: 'security_groups',
  quota: 'security_group',
  rows: groupNoun,
  attributes: { ...nameAndDescription, stateful: changeable(boolean, true) },
  filters: { ...commonFilters, stateful: { column: 'stateful', as: 'bool' } },
  sortable: commonSortable,
  sees: async () => false,
  views: groupViews,
  async create({ tx, now }, values) {
    if (values['name'] === DEFAULT_NAME) {
      throw inUse('SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');
    }
    const group = { ...born(values, now), stateful: values['stateful'] as boolean };
    await insertGroup(tx, group, now);
    return group;
  },
  async update({ tx, now }, group, values) {
    if (group.name === DEFAULT_NAME && values['name'] !== undefined && values['name'] !== DEFAULT_NAME) {
      throw inUse('SecurityGroupCannotUpdateDefault', 'Updating default security group not allowed.');
    }
    if (group.name !== DEFAULT_NAME && values['name'] === DEFAULT_NAME) {
      throw inUse('SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');
    }
    const next = changed(group, now, values, { stateful: 'stateful' });
    await replaceRow(tx, groupNoun, next);
    return next;
  },
  async remove({ tx, caller }, group) {
    if (group.name === DEFAULT_NAME && !caller.isAdmin) {
      throw inUse('SecurityGroupCannotRemoveDefault', 'Insufficient rights for removing default security group.');
    }
    const users = await rowsBy(tx, portNoun, 'project_id', [group.projectId]);
    if (users.some(({ securityGroups }) => securityGroups.includes(group.id))) {
      throw inUse('SecurityGroupInUse', `Security Group ${group.id} in use.`);
    }
    for (const rule of await rowsBy(tx, ruleNoun, 'remote_group_id', [group.id]))
      await deleteRow(tx, ruleNoun, rule.id);
    await deleteRulesOf(tx, group.id);
    await deleteRow(tx, groupNoun, group.id);
  },
  // servers show their groups by name
  async concerns(reader, before, after) {
    if (before === null || after === null || after.name === before.name) return [];
    const ports = await rowsBy(reader, portNoun, 'project_id', [before.projectId]);
    return ports.filter(({ securityGroups }) => securityGroups.includes(before.id));
  },
  // rules of others that speak of one go with it
  async units(reader, before, after) {
    const group = after ?? before;
    if (group === null) return [];
    const speaking = after === null ? await rowsBy(reader, ruleNoun, 'remote_group_id', [group.id]) : [];
    return [group.id, ...speaking.map(({ securityGroupId }) => securityGroupId)].map(units.group);
  },
  tagsOf: ({ tags }) => tags,
  async retag({ tx, now }, group, tags) {
    const next = { ...group, tags, revision: group.revision + 1, updatedAt: now };
    await replaceRow(tx, groupNoun, next);
    return next;
  },
};

const WITH_PORTS = ['tcp', 'udp', 'sctp', 'dccp', 'udplite', '6', '17', '132', '33', '136'];
const ICMP = ['icmp', 'icmpv6', 'ipv6-icmp', '1', '58'];
const IPV6_ONLY = ['icmpv6', 'ipv6-icmp', 'ipv6-encap', 'ipv6-frag', 'ipv6-nonxt', 'ipv6-opts', 'ipv6-route', '58'];

function normalized(prefixText: string | null): string | null {
  const cidr = prefixText === null ? null : parseCidr(prefixText);
  return cidr === null ? null : formatCidr(cidr);
}

/** @throws badRequest in Neutron's words */
function checkRule(rule: NewRule): void {
  const { portRangeMin: low, portRangeMax: high } = rule;
  const remotes = [rule.remoteIpPrefix, rule.remoteGroupId, rule.remoteAddressGroupId].filter((one) => one !== null);
  if (remotes.length > 1) {
    throw invalid(
      'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
      'SecurityGroupMultipleRemoteEntites',
    );
  }
  const family = rule.remoteIpPrefix === null ? null : parseCidr(rule.remoteIpPrefix)?.version;
  if (family != null && rule.ethertype !== `IPv${family}`) {
    throw invalid(
      `Conflicting value ethertype ${rule.ethertype} for CIDR ${rule.remoteIpPrefix}`,
      'SecurityGroupRuleParameterConflict',
    );
  }
  if (rule.protocol !== null && IPV6_ONLY.includes(rule.protocol) && rule.ethertype === 'IPv4') {
    throw invalid(
      `Invalid ethertype ${rule.ethertype} for protocol ${rule.protocol}.`,
      'SecurityGroupEthertypeConflictWithProtocol',
    );
  }
  if (low === null && high === null) return;
  if (rule.protocol === null) {
    throw invalid('Must also specify protocol if port range is given.', 'SecurityGroupProtocolRequiredWithPorts');
  }
  if (WITH_PORTS.includes(rule.protocol)) {
    if (low === 0 || high === 0) throw invalid('Invalid value for port 0', 'SecurityGroupInvalidPortValue');
    if (low !== null && high !== null && low <= high) return;
    throw invalid('For TCP/UDP protocols, port_range_min must be <= port_range_max', 'SecurityGroupInvalidPortRange');
  }
  if (!ICMP.includes(rule.protocol)) {
    throw invalid(
      `Ports cannot be specified for protocol ${rule.protocol}. Ports are only supported for ${WITH_PORTS.slice(0, 5).join(', ')}.`,
      'SecurityGroupInvalidProtocolForPort',
    );
  }
  if (low === null) {
    throw invalid(
      `ICMP code (port-range-max) ${high} is provided but ICMP type (port-range-min) is missing.`,
      'SecurityGroupMissingIcmpType',
    );
  }
  for (const [field, name, value] of [
    ['type', 'port_range_min', low],
    ['code', 'port_range_max', high],
  ] as const) {
    if (value !== null && value > 255) {
      throw invalid(
        `Invalid value for ICMP ${field} (${name}) ${value}. It must be 0 to 255.`,
        'SecurityGroupInvalidIcmpValue',
      );
    }
  }
}

const identityOf = (rule: NewRule): string =>
  JSON.stringify([
    rule.direction,
    rule.ethertype,
    rule.protocol,
    rule.portRangeMin,
    rule.portRangeMax,
    normalized(rule.remoteIpPrefix),
    rule.remoteGroupId,
    rule.remoteAddressGroupId,
  ]);

export const rules: Noun<StoredRule> = {
  singular: 'security_group_rule',
  collection: 'security_group_rules',
  quota: 'security_group_rule',
  rows: ruleNoun,
  attributes: {
    security_group_id: required(uuid),
    direction: required(oneOf(['ingress', 'egress'])),
    ethertype: fixed(ethertype, 'IPv4'),
    protocol: fixed(protocol, null),
    port_range_min: fixed(orNull(integer(0, 65_535)), null),
    port_range_max: fixed(orNull(integer(0, 65_535)), null),
    remote_ip_prefix: fixed(prefix, null),
    remote_group_id: fixed(orNull(uuid), null),
    remote_address_group_id: fixed(orNull(uuid), null),
    description: fixed(textOrNull(255), ''),
  },
  filters: {
    id: { column: 'id' },
    project_id: { column: 'project_id' },
    tenant_id: { column: 'project_id' },
    security_group_id: { column: 'security_group_id' },
    direction: { column: 'direction' },
    ethertype: { column: 'ethertype' },
    protocol: { column: 'protocol' },
    remote_ip_prefix: { column: 'remote_ip_prefix' },
    remote_group_id: { column: 'remote_group_id' },
    remote_address_group_id: { column: 'remote_address_group_id' },
    port_range_min: { column: 'port_range_min', as: 'number' },
    port_range_max: { column: 'port_range_max', as: 'number' },
    description: { column: 'description' },
  },
  sortable: [
    'id',
    'security_group_id',
    'direction',
    'ethertype',
    'protocol',
    'port_range_min',
    'port_range_max',
    'project_id',
    'tenant_id',
  ],
  sees: async () => false,
  views: async (_reader, _caller, found) => found.map(ruleView),
  async create(act, values) {
    const { tx, caller, now, engine } = act;
    const groupId = values['security_group_id'] as string;
    const group = await lockRow(tx, groupNoun, { id: groupId });
    if (group === null || (!caller.isAdmin && group.projectId !== caller.projectId))
      throw missing('security_group', groupId);
    const remoteGroupId = values['remote_group_id'] as string | null;
    if (remoteGroupId !== null) {
      const remote = await findRow(tx, groupNoun, { id: remoteGroupId });
      if (remote === null || (!caller.isAdmin && remote.projectId !== caller.projectId))
        throw missing('security_group', remoteGroupId);
    }
    const list = await knownAddressGroup(act, values['remote_address_group_id'] as string | null);
    const rule: NewRule = {
      projectId: group.projectId,
      securityGroupId: groupId,
      direction: values['direction'] as string,
      ethertype: values['ethertype'] as string,
      protocol: values['protocol'] as string | null,
      portRangeMin: values['port_range_min'] as number | null,
      portRangeMax: values['port_range_max'] as number | null,
      remoteIpPrefix: values['remote_ip_prefix'] as string | null,
      remoteGroupId,
      remoteAddressGroupId: list?.id ?? null,
      description: values['description'] as string,
    };
    checkRule(rule);
    const beyond = engine.kind === 'ovn' ? ruleProblem({ ...rule, id: '' }) : null;
    if (beyond !== null) throw invalid(beyond, 'NotOffered');
    const same = (await rowsBy(tx, ruleNoun, 'security_group_id', [groupId])).find(
      (other) => identityOf(other) === identityOf(rule),
    );
    if (same !== undefined)
      throw inUse('SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${same.id}.`);
    if (group.projectId !== values['project_id']) await checkQuota(tx, 'security_group_rule', group.projectId, 1);
    return insertRule(tx, rule, now);
  },
  units: async (_reader, before, after) =>
    [before, after].flatMap((rule) => (rule ? [units.group(rule.securityGroupId)] : [])),
  async update(_act, rule) {
    throw invalid(`Security group rule ${rule.id} cannot be changed`);
  },
  async remove({ tx }, rule) {
    await deleteRow(tx, ruleNoun, rule.id);
  },
};
