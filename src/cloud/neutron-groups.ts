// Why: Neutron's security groups and floating addresses, read and changed with the caller's token.

import type { FloatingApi, FloatingFilter, GroupApi } from './network-api.ts';
import { textOf } from './answer-values.ts';
import type { NeutronHttp } from './neutron-http.ts';
import { floatingIpFrom, groupFrom, ruleFrom } from './neutron-shapes.ts';

export function neutronGroups(http: NeutronHttp): GroupApi {
  return {
    async securityGroups(caller, projectId) {
      const pairs: [string, string][] = projectId === null ? [] : [['tenant_id', projectId]];
      return (await http.list(caller, 'security_groups', pairs)).map(groupFrom);
    },
    async securityGroupsById(caller, ids) {
      return (await http.listBy(caller, 'security_groups', 'id', ids)).map(groupFrom);
    },
    async groupIds(caller) {
      const pairs = [
        ['tenant_id', caller.projectId ?? ''],
        ['fields', 'id'],
        ['fields', 'name'],
      ] as const;
      const groups = await http.list(caller, 'security_groups', pairs);
      return groups.map((group) => ({ id: textOf(group['id']), name: textOf(group['name']) }));
    },
    async groupNames(ids) {
      const groups = await http.listBy(null, 'security_groups', 'id', ids);
      return new Map(groups.map((group) => [textOf(group['id']), textOf(group['name'])]));
    },
    async createSecurityGroup(caller, name, description) {
      return groupFrom(await http.create(caller, 'security_group', { name, description }));
    },
    async updateSecurityGroup(caller, id, name, description) {
      const group = await http.update(caller, 'security_group', id, { name, description });
      return group === null ? null : groupFrom(group);
    },
    deleteSecurityGroup: (caller, id) => http.remove(caller, 'security_group', id),
    async createGroupRule(caller, rule) {
      const made = await http.create(caller, 'security_group_rule', {
        security_group_id: rule.groupId,
        direction: 'ingress',
        ethertype: rule.ethertype,
        protocol: rule.protocol,
        ...(rule.portMin === null ? {} : { port_range_min: rule.portMin }),
        ...(rule.portMax === null ? {} : { port_range_max: rule.portMax }),
        remote_ip_prefix: rule.remotePrefix,
        remote_group_id: rule.remoteGroupId,
      });
      return ruleFrom(made);
    },
    deleteGroupRule: (caller, id) => http.remove(caller, 'security_group_rule', id),
  };
}

const pairsOf = (filter: FloatingFilter): [string, string][] => {
  if ('projectId' in filter) return [['tenant_id', filter.projectId]];
  if ('address' in filter) return [['floating_ip_address', filter.address]];
  return filter.portIds.map((id) => ['port_id', id]);
};

export function neutronFloatingIps(http: NeutronHttp): FloatingApi {
  return {
    async floatingIps(as, filter) {
      return (await http.list(as, 'floatingips', pairsOf(filter))).map(floatingIpFrom);
    },
    async floatingIp(caller, id) {
      const ip = await http.show(caller, 'floatingip', id);
      return ip === null ? null : floatingIpFrom(ip);
    },
    async createFloatingIp(caller, networkId) {
      return floatingIpFrom(await http.create(caller, 'floatingip', { floating_network_id: networkId }));
    },
    async pointFloatingIp(caller, id, to) {
      const target = to === null ? { port_id: null } : { port_id: to.portId, fixed_ip_address: to.fixedIp };
      await http.update(caller, 'floatingip', id, target);
    },
    deleteFloatingIp: (caller, id) => http.remove(caller, 'floatingip', id),
  };
}
