// Why: how much a project or one of its users may have, and has.

import { type History, history } from '../../base/history.ts';
import type { QuotaLimits, QuotaResource } from '../../domain/placement/quota-sets.ts';
import type { QuotaOwner, QuotaView } from '../../ops/index.ts';
import { boolean, isTrue, MAX_INT, multi, query, queryHistory, text, wrappedHistory } from '../parameters.ts';
import { checkProject } from '../projects.ts';
import { type Asked, type Call, resource, route } from '../resource.ts';

const userQuery = queryHistory(history<unknown>({ user_id: multi(text) }), '2.75');

/** What `os-network`'s proxies counted. */
export const networkQuotas = ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules'] as const;
export const fileQuotas = ['injected_file_content_bytes', 'injected_file_path_bytes', 'injected_files'] as const;
export const groupQuotas = ['server_groups', 'server_group_members'] as const;
export const otherQuotas = ['cores', 'instances', 'key_pairs', 'metadata_items', 'ram'] as const;

/** A limit in a body; -1: none. */
export const limit = { type: ['integer', 'string'], pattern: '^-?[0-9]+$', minimum: -1, maximum: MAX_INT };

/** Each of these with one value. */
export const each = <T>(names: readonly QuotaResource[], value: T): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, value]));

const withoutNetwork = { at: '2.36', drop: networkQuotas };
const withoutFiles = { at: '2.57', drop: fileQuotas };
const all = [...otherQuotas, ...networkQuotas, ...fileQuotas, ...groupQuotas];

/** The resources that a quota set shows, each under its own name. */
const shown: History<true> = history<true>(each(all, true), [withoutNetwork, withoutFiles]);

const updateBody = wrappedHistory(
  'quota_set',
  history<unknown>({ ...each<unknown>(all, limit), force: boolean }, [withoutNetwork, withoutFiles]),
);

/** Limits as a body has them: whole numbers, also as text. */
export type LimitsBody = Readonly<Partial<Record<QuotaResource, number | string>>>;

interface UpdateBody {
  readonly quota_set: LimitsBody & { readonly force?: boolean | string };
}

export const numbersOf = (limits: LimitsBody): Partial<Record<QuotaResource, number>> =>
  Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, Number(value)]));

/** A set of limits in the fields that a version shows. */
export const setOf = (fields: History<true>, minor: number, valueOf: (name: QuotaResource) => unknown) =>
  Object.fromEntries(Object.keys(fields.at(minor)).map((name) => [name, valueOf(name as QuotaResource)]));

const projectOf = ({ params }: Pick<Call, 'params'>): string => params['project_id'] as string;
const aboutProject = (asked: Asked) => ({ project_id: projectOf(asked) });

const ownerOf = ({ params, query: asked }: Pick<Call, 'params' | 'query'>): QuotaOwner => ({
  projectId: projectOf({ params }),
  userId: asked['user_id']?.[0] || undefined,
});

/** Limits with what is used of them; only servers use something that a project, and not a user or a server, has. */
async function quota(call: Call): Promise<QuotaView> {
  await checkProject(call, projectOf(call));
  return call.services.ops.readQuota(call.op, ownerOf(call));
}

async function update(call: Call<'none', UpdateBody>): Promise<QuotaLimits> {
  await checkProject(call, projectOf(call));
  const { force = false, ...limits } = call.body.quota_set;
  return call.services.ops.updateQuota(call.op, ownerOf(call), numbersOf(limits), isTrue(force));
}

const view = (call: Call, valueOf: (name: QuotaResource) => unknown) => ({
  quota_set: { id: projectOf(call), ...setOf(shown, call.op.minor, valueOf) },
});

const limitsView = (limits: QuotaLimits, call: Call) => view(call, (name) => limits[name]);

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
    view: ({ limits, used }, call) => view(call, (name) => ({ limit: limits[name], in_use: used[name], reserved: 0 })),
  }),
  'GET /os-quota-sets/:project_id/defaults': route()({
    summary: 'Show the quotas that a project has unless its own are set.',
    policy: 'os_compute_api:os-quota-sets:defaults',
    about: aboutProject,
    query: query({}, 'lenient'),
    status: 200,
    run: async (call) => {
      await checkProject(call, projectOf(call));
      return call.services.ops.readClassQuota(call.op);
    },
    view: limitsView,
  }),
  'PUT /os-quota-sets/:project_id': route<'none', UpdateBody>()({
    summary: "Set a project's quotas, or those of one of its users.",
    policy: 'os_compute_api:os-quota-sets:update',
    about: aboutProject,
    body: updateBody,
    query: userQuery,
    status: 200,
    run: update,
    view: (limits, { op }) => ({ quota_set: setOf(shown, op.minor, (name) => limits[name]) }),
  }),
  'DELETE /os-quota-sets/:project_id': route()({
    summary: 'Give a project, or one of its users, the default quotas again.',
    policy: 'os_compute_api:os-quota-sets:delete',
    about: aboutProject,
    query: userQuery,
    status: 202,
    run: (call) => call.services.ops.deleteQuota(call.op, ownerOf(call)),
  }),
});
