// Why: a server's security groups are shown and changed here at every version; the groups themselves, and their rules, until 2.35,
// as the network service has them.

import { badRequest } from '../../base/errors.ts';
import { isUuidLike } from '../../base/ids.ts';
import { shownCidr, shownPorts } from '../../domain/servers/group-rule.ts';
import type { SecurityGroup, SecurityGroupRule } from '../../domain/networks/networks.ts';
import type { SeenGroups } from '../../ops/index.ts';
import { spanOf } from '../links.ts';
import { anyQuery, closed, multi, noQuery, open, query, span, text, uuid } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const UNTIL = '2.35';

interface GroupBody {
  readonly security_group: { readonly name: string; readonly description: string };
}

const line = { type: 'string', minLength: 0, maxLength: 255 };
const groupBody = open({ security_group: open({ name: line, description: line }, ['name', 'description']) }, [
  'security_group',
]);

interface RuleBody {
  readonly security_group_rule: {
    readonly parent_group_id: string;
    readonly group_id?: string | null;
    readonly ip_protocol?: unknown;
    readonly from_port?: unknown;
    readonly to_port?: unknown;
    readonly cidr?: unknown;
  };
}

const anything = {};
const ruleBody = open(
  {
    security_group_rule: open(
      {
        group_id: { type: ['string', 'null'], format: 'uuid' },
        parent_group_id: uuid,
        to_port: anything,
        from_port: anything,
        ip_protocol: anything,
        cidr: anything,
      },
      ['parent_group_id'],
    ),
  },
  ['security_group_rule'],
);

function ruleView(rule: SecurityGroupRule, source: SecurityGroup | null) {
  const { from, to } = shownPorts(rule);
  return {
    id: rule.id,
    parent_group_id: rule.groupId,
    ip_protocol: rule.protocol,
    from_port: from,
    to_port: to,
    group: source === null ? {} : { name: source.name, tenant_id: source.projectId },
    ip_range: source === null ? { cidr: shownCidr(rule) } : {},
  };
}

/** Only what is let in is shown; what comes from a group that the caller does not see is left out. */
const groupView =
  (sources: SeenGroups['sources']) =>
  ({ id, name, description, projectId, rules }: SecurityGroup) => ({
    id,
    name,
    description,
    tenant_id: projectId,
    rules: rules.flatMap((rule) => {
      if (rule.direction !== 'ingress') return [];
      if (rule.remoteGroupId === null) return [ruleView(rule, null)];
      const source = sources.get(rule.remoteGroupId);
      return source === undefined ? [] : [ruleView(rule, source)];
    }),
  });

const sortKey = ({ projectId, name }: SecurityGroup): string => `${projectId}\n${name}`;

function listView({ groups, sources }: SeenGroups) {
  const sorted = groups.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : sortKey(a) > sortKey(b) ? 1 : 0));
  return { security_groups: sorted.map(groupView(sources)) };
}

function oneView({ groups, sources }: SeenGroups) {
  const [group] = groups.map(groupView(sources));
  return { security_group: group };
}

/** The id in the path. Throws Nova's 400 for what is none. */
function idOf(call: Pick<Call, 'params'>): string {
  const id = call.params['id'] as string;
  if (!isUuidLike(id)) throw badRequest('Security group id should be uuid');
  return id;
}

async function list(call: Call): Promise<SeenGroups> {
  const { op, services } = call;
  const everyProject = call.query['all_tenants'] !== undefined && op.caller.isAdmin;
  const { groups, sources } = await services.ops.listSecurityGroups(op, everyProject);
  const { offset, limit } = spanOf(call.query, services.settings.pageSize);
  return { groups: groups.slice(offset, offset + limit), sources };
}

interface ActionBody {
  readonly addSecurityGroup?: { readonly name: string };
  readonly removeSecurityGroup?: { readonly name: string };
}

const membership = (action: 'addSecurityGroup' | 'removeSecurityGroup', policy: string, summary: string) =>
  route<'server', ActionBody>()({
    summary,
    policy,
    target: 'server',
    body: open({ [action]: closed({ name: { type: 'string', minLength: 1 } }, ['name']) }, [action]),
    status: 202,
    run: ({ op, services, target, body }) => {
      const { name } = body[action] as { name: string };
      if (name.trim() === '') throw badRequest('Security group name cannot be empty');
      return services.ops[action](op, target, name);
    },
  });

export default resource({
  'GET /servers/:server_id/os-security-groups': route<'server'>()({
    summary: "List the security groups of a server's interfaces.",
    policy: 'os_compute_api:os-security-groups:list',
    target: 'server',
    query: noQuery,
    status: 200,
    run: ({ op, services, target }) => services.ops.groupsOfServer(op, target),
    view: listView,
  }),
  'POST /servers/:server_id/action#addSecurityGroup': membership(
    'addSecurityGroup',
    'os_compute_api:os-security-groups:add',
    "Put a server's interfaces into a security group.",
  ),
  'POST /servers/:server_id/action#removeSecurityGroup': membership(
    'removeSecurityGroup',
    'os_compute_api:os-security-groups:remove',
    "Take a server's interfaces out of a security group.",
  ),
  'GET /os-security-groups': route()({
    summary: "List the project's security groups; an administrator may ask for those of all projects.",
    policy: 'os_compute_api:os-security-groups:get',
    until: UNTIL,
    query: query({ ...span, all_tenants: multi(text) }, 'lenient'),
    status: 200,
    run: list,
    view: listView,
  }),
  'POST /os-security-groups': route<'none', GroupBody>()({
    summary: 'Create a security group.',
    policy: 'os_compute_api:os-security-groups:create',
    until: UNTIL,
    body: groupBody,
    status: 200,
    run: ({ op, services, body }) => services.ops.createSecurityGroup(op, body.security_group),
    view: oneView,
  }),
  'GET /os-security-groups/:id': route()({
    summary: 'Show a security group with the rules that let something in.',
    policy: 'os_compute_api:os-security-groups:show',
    until: UNTIL,
    query: anyQuery,
    status: 200,
    run: (call) => call.services.ops.showSecurityGroup(call.op, idOf(call)),
    view: oneView,
  }),
  'PUT /os-security-groups/:id': route<'none', GroupBody>()({
    summary: 'Change the name and description of a security group.',
    policy: 'os_compute_api:os-security-groups:update',
    until: UNTIL,
    body: groupBody,
    status: 200,
    run: (call) => call.services.ops.updateSecurityGroup(call.op, idOf(call), call.body.security_group),
    view: oneView,
  }),
  'DELETE /os-security-groups/:id': route()({
    summary: 'Delete a security group.',
    policy: 'os_compute_api:os-security-groups:delete',
    until: UNTIL,
    status: 202,
    run: (call) => call.services.ops.deleteSecurityGroup(call.op, idOf(call)),
  }),
  'POST /os-security-group-rules': route<'none', RuleBody>()({
    summary: 'Let something in: from a network, or from the members of a group.',
    policy: 'os_compute_api:os-security-groups:rule:create',
    until: UNTIL,
    body: ruleBody,
    status: 200,
    run: ({ op, services, body }) => {
      const { parent_group_id, group_id, ip_protocol, from_port, to_port, cidr } = body.security_group_rule;
      return services.ops.createSecurityGroupRule(op, {
        parentGroupId: parent_group_id,
        groupId: group_id ?? null,
        protocol: ip_protocol,
        fromPort: from_port,
        toPort: to_port,
        cidr,
      });
    },
    view: ({ rule, source }) => ({ security_group_rule: ruleView(rule, source) }),
  }),
  'DELETE /os-security-group-rules/:id': route()({
    summary: 'Delete a rule of a security group.',
    policy: 'os_compute_api:os-security-groups:rule:delete',
    until: UNTIL,
    status: 202,
    run: (call) => call.services.ops.deleteSecurityGroupRule(call.op, idOf(call)),
  }),
});
