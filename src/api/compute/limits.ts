// Why: clients ask here before they create and dashboards draw their bars from it: what a project may use and what it uses.

import { history } from '../../base/history.ts';
import type { QuotaView } from '../../ops/index.ts';
import { multi, queryHistory, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const OTHER_PROJECT = 'os_compute_api:limits:other_project';

const query = queryHistory(history<unknown>({ tenant_id: multi(text) }), '2.75');

const fields = history<Field<QuotaView>>(
  // in Nova's order, in which clients list them
  {
    maxTotalInstances: ({ limits }) => limits.instances,
    maxTotalCores: ({ limits }) => limits.cores,
    maxTotalRAMSize: ({ limits }) => limits.ram,
    maxServerMeta: ({ limits }) => limits.metadata_items,
    maxImageMeta: ({ limits }) => limits.metadata_items,
    maxPersonality: ({ limits }) => limits.injected_files,
    maxPersonalitySize: ({ limits }) => limits.injected_file_content_bytes,
    maxTotalKeypairs: ({ limits }) => limits.key_pairs,
    maxServerGroups: ({ limits }) => limits.server_groups,
    maxServerGroupMembers: ({ limits }) => limits.server_group_members,
    maxTotalFloatingIps: ({ limits }) => limits.floating_ips,
    maxSecurityGroups: ({ limits }) => limits.security_groups,
    maxSecurityGroupRules: ({ limits }) => limits.security_group_rules,
    totalRAMUsed: ({ used }) => used.ram,
    totalCoresUsed: ({ used }) => used.cores,
    totalInstancesUsed: ({ used }) => used.instances,
    // what Neutron has is Neutron's to tell
    totalFloatingIpsUsed: () => 0,
    totalSecurityGroupsUsed: () => 0,
    totalServerGroupsUsed: ({ used }) => used.server_groups,
  },
  [
    {
      at: '2.36',
      drop: [
        'maxSecurityGroups',
        'maxSecurityGroupRules',
        'maxTotalFloatingIps',
        'totalSecurityGroupsUsed',
        'totalFloatingIpsUsed',
      ],
    },
    { at: '2.39', drop: ['maxImageMeta'] },
    { at: '2.57', drop: ['maxPersonality', 'maxPersonalitySize'] },
  ],
);

function absolute(call: Call): Promise<QuotaView> {
  const { op, services, query: asked } = call;
  const tenant = asked['tenant_id']?.at(-1);
  // as Nova: asking by name needs the rule, also for the own project
  if (tenant !== undefined) call.enforce(OTHER_PROJECT);
  return services.ops.readQuota(op, { projectId: tenant ?? op.caller.projectId ?? '' });
}

export default resource({
  'GET /limits': route()({
    summary: "Show a project's limits and how much of them is used.",
    policy: 'os_compute_api:limits',
    alsoAsks: [OTHER_PROJECT],
    query,
    status: 200,
    run: absolute,
    shows: fields,
    view: (shown, { op }) => ({ limits: { rate: [], absolute: viewOf(fields, op.minor, undefined)(shown) } }),
  }),
});
