// Why: how much a project or one of its users may have, and has.

import { type History, history } from '../../base/history.ts';
import type { QuotaLimits, QuotaResource } from '../../domain/quota.ts';
import type { QuotaView } from '../../ops/index.ts';
import { multi, query, queryHistory, text } from '../parameters.ts';
import { type Asked, type Call, resource, route } from '../resource.ts';

const userQuery = queryHistory(history<unknown>({ user_id: multi(text) }), '2.75');

/** The resources that a quota set shows, each under its own name. */
const shown: History<QuotaResource> = history<QuotaResource>(
  Object.fromEntries(
    (
      [
        'cores',
        'fixed_ips',
        'floating_ips',
        'injected_file_content_bytes',
        'injected_file_path_bytes',
        'injected_files',
        'instances',
        'key_pairs',
        'metadata_items',
        'ram',
        'security_groups',
        'security_group_rules',
        'server_groups',
        'server_group_members',
      ] as const
    ).map((resource) => [resource, resource]),
  ),
  [
    { at: '2.36', drop: ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules'] },
    { at: '2.57', drop: ['injected_file_content_bytes', 'injected_file_path_bytes', 'injected_files'] },
  ],
);

const projectOf = ({ params }: Pick<Call, 'params'>): string => params['project_id'] as string;
const userOf = ({ query: asked }: Pick<Call, 'query'>): string | undefined => asked['user_id']?.[0] || undefined;
const aboutProject = (asked: Asked) => ({ project_id: projectOf(asked) });

/** Limits with what is used of them; only servers use something that a project, and not a user or a server, has. */
const quota = (call: Call): Promise<QuotaView> => call.services.ops.readQuota(call.op, projectOf(call), userOf(call));

const setOf = (call: Call, valueOf: (resource: QuotaResource) => unknown) => ({
  quota_set: {
    id: projectOf(call),
    ...Object.fromEntries(Object.values(shown.at(call.op.minor)).map((resource) => [resource, valueOf(resource)])),
  },
});

const inUse = (used: QuotaView['used'], resource: string): number =>
  (({ ...used }) as Partial<Record<string, number>>)[resource] ?? 0;

const limitsView = (limits: QuotaLimits, call: Call) => setOf(call, (resource) => limits[resource]);

export default resource({
  'GET /os-quota-sets/:project_id': route()({
    summary: "Show a project's quotas, or those of one of its users.",
    policy: 'os_compute_api:os-quota-sets:show',
    about: aboutProject,
    query: userQuery,
    status: 200,
    run: quota,
    view: ({ limits }, call) => limitsView(limits, call),
  }),
  'GET /os-quota-sets/:project_id/detail': route()({
    summary: "Show a project's quotas with what is used and reserved.",
    policy: 'os_compute_api:os-quota-sets:detail',
    about: aboutProject,
    query: userQuery,
    status: 200,
    run: quota,
    view: ({ limits, used }, call) =>
      setOf(call, (resource) => ({ limit: limits[resource], in_use: inUse(used, resource), reserved: 0 })),
  }),
  'GET /os-quota-sets/:project_id/defaults': route()({
    summary: 'Show the quotas that a project has unless its own are set.',
    policy: 'os_compute_api:os-quota-sets:defaults',
    about: aboutProject,
    query: query({}, 'lenient'),
    status: 200,
    run: ({ op, services }) => services.ops.readDefaultQuota(op),
    view: limitsView,
  }),
});
