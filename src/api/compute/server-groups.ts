// Why: users say here which of their servers shall share a host and which shall not; a server joins by the scheduler hint `group`.

import { history } from '../../base/history.ts';
import { listServerGroups, membersOf } from '../../db/server-groups.ts';
import { type GroupPolicy, groupPolicies, type ServerGroup } from '../../domain/servers/server-groups.ts';
import { spanOf } from '../links.ts';
import {
  closed,
  MAX_INT,
  multi,
  name,
  noQuery,
  positiveInteger,
  queryHistory,
  span,
  text,
  wrappedHistory,
} from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const onePolicy = (...words: readonly GroupPolicy[]) => ({
  ...multi({ type: 'string', enum: words }),
  uniqueItems: true,
  minItems: 1,
  maxItems: 1,
});

const createBody = wrappedHistory(
  'server_group',
  history<unknown>({ name, policies: onePolicy('anti-affinity', 'affinity') }, [
    { at: '2.15', add: { policies: onePolicy(...groupPolicies) } },
    {
      at: '2.64',
      add: {
        policy: { type: 'string', enum: groupPolicies },
        rules: closed({ max_server_per_host: positiveInteger }),
      },
      drop: ['policies'],
    },
  ]),
  (form) => ['name', 'policies' in form ? 'policies' : 'policy'],
);

interface CreateBody {
  readonly server_group: {
    readonly name: string;
    /** One. */
    readonly policies?: readonly GroupPolicy[];
    readonly policy?: GroupPolicy;
    readonly rules?: { readonly max_server_per_host?: number | string };
  };
}

const listQuery = queryHistory(
  history<unknown>({
    all_projects: multi(text),
    ...span,
  }),
  '2.75',
);

/** A group with the uuids of its servers. */
interface Seen {
  readonly group: ServerGroup;
  readonly members: readonly string[];
}

const fields = history<Field<Seen>>(
  {
    id: ({ group }) => group.uuid,
    name: ({ group }) => group.name,
    policies: ({ group }) => [group.policy],
    members: ({ members }) => members,
    // there never was anything in it
    metadata: () => ({}),
  },
  [
    { at: '2.13', add: { project_id: ({ group }) => group.projectId, user_id: ({ group }) => group.userId } },
    {
      at: '2.64',
      add: {
        policy: ({ group }) => group.policy,
        rules: ({ group: { maxServerPerHost } }) =>
          maxServerPerHost === null ? {} : { max_server_per_host: maxServerPerHost },
      },
      drop: ['policies', 'metadata'],
    },
  ],
);

async function see({ services }: Pick<Call, 'services'>, groups: readonly ServerGroup[]): Promise<Seen[]> {
  const members = await membersOf(
    services.db,
    groups.map(({ id }) => id),
  );
  return groups.map((group) => ({ group, members: members.get(group.id) ?? [] }));
}

async function list(call: Call): Promise<Seen[]> {
  const { op, query, services } = call;
  // whoever is no administrator and asks for all is given the project's own, as in Nova
  const all = query['all_projects'] !== undefined && op.caller.isAdmin;
  if (all) call.enforce('os_compute_api:os-server-groups:index:all_projects');
  const part = spanOf(query, services.settings.pageSize);
  return see(call, await listServerGroups(services.db, all ? null : (op.caller.projectId ?? ''), part));
}

async function create({ op, services, body }: Call<'none', CreateBody>): Promise<Seen> {
  const { name: given, policies, policy = policies?.[0] as GroupPolicy, rules = {} } = body.server_group;
  const most = rules.max_server_per_host;
  // beyond what a column holds it means the same: no bound at all
  const maxServerPerHost = most === undefined ? null : Math.min(Number(most), MAX_INT);
  const request = { name: given, policy, maxServerPerHost };
  return { group: await services.ops.createServerGroup(op, request), members: [] };
}

const oneView = (seen: Seen, { op }: Pick<Call, 'op'>) => ({ server_group: viewOf(fields, op.minor, undefined)(seen) });

export default resource({
  'GET /os-server-groups': route()({
    summary: "List the project's server groups, or with all_projects those of all.",
    policy: 'os_compute_api:os-server-groups:index',
    alsoAsks: ['os_compute_api:os-server-groups:index:all_projects'],
    query: listQuery,
    status: 200,
    run: list,
    shows: fields,
    view: (seen, { op }) => ({ server_groups: seen.map(viewOf(fields, op.minor, undefined)) }),
  }),
  'POST /os-server-groups': route<'none', CreateBody>()({
    summary: 'Make a server group, whose servers share a host or do not.',
    policy: 'os_compute_api:os-server-groups:create',
    body: createBody,
    status: 200,
    run: create,
    shows: fields,
    view: oneView,
  }),
  'GET /os-server-groups/:server_group_id': route<'server-group'>()({
    summary: 'Show a server group.',
    policy: 'os_compute_api:os-server-groups:show',
    target: 'server-group',
    query: noQuery,
    status: 200,
    run: async (call) => (await see(call, [call.target]))[0] as Seen,
    shows: fields,
    view: oneView,
  }),
  'DELETE /os-server-groups/:server_group_id': route<'server-group'>()({
    summary: 'Delete a server group; its servers stay.',
    policy: 'os_compute_api:os-server-groups:delete',
    target: 'server-group',
    status: 204,
    run: ({ op, services, target }) => services.ops.deleteServerGroup(op, target),
  }),
});
