// Why: tags are words by which a project sorts its servers; lists can be filtered by them.

import { notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { loadDetails } from '../../db/server-details.ts';
import { closed, none, query, tag } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

interface TagsBody {
  readonly tags: readonly string[];
}

const tagsBody = closed({ tags: { type: 'array', items: tag, maxItems: limits.tagsPerServer } }, ['tags']);
const anyQuery = query({}, 'lenient');

async function tagsOf({ services, target }: Call<'server'>): Promise<readonly string[]> {
  const [detail] = await loadDetails(services.db, [target], { tags: true });
  return detail?.tags ?? [];
}

async function check(call: Call<'server'>): Promise<void> {
  const word = call.params['tag'] as string;
  if (!(await tagsOf(call)).includes(word)) throw notFound(`Server ${call.target.uuid} has no tag '${word}'`);
}

async function add(call: Call<'server', null>): Promise<boolean> {
  const { op, services, params, target, url } = call;
  const word = params['tag'] as string;
  const isNew = await services.ops.addServerTag(op, target, word);
  if (isNew) call.header('Location', `${url.versioned}/servers/${target.uuid}/tags/${encodeURIComponent(word)}`);
  return isNew;
}

const tagsView = (tags: readonly string[]) => ({ tags });

export default resource({
  'GET /servers/:server_id/tags': route<'server'>()({
    summary: 'List the tags of a server.',
    policy: 'os_compute_api:os-server-tags:index',
    target: 'server',
    since: '2.26',
    query: anyQuery,
    status: 200,
    run: tagsOf,
    view: tagsView,
  }),
  'PUT /servers/:server_id/tags': route<'server', TagsBody>()({
    summary: 'Replace the tags of a server.',
    policy: 'os_compute_api:os-server-tags:update_all',
    target: 'server',
    since: '2.26',
    body: tagsBody,
    status: 200,
    run: ({ op, services, target, body }) => services.ops.setServerTags(op, target, body.tags),
    view: tagsView,
  }),
  'DELETE /servers/:server_id/tags': route<'server'>()({
    summary: 'Remove all tags of a server.',
    policy: 'os_compute_api:os-server-tags:delete_all',
    target: 'server',
    since: '2.26',
    status: 204,
    run: ({ op, services, target }) => services.ops.deleteServerTags(op, target),
  }),
  'GET /servers/:server_id/tags/:tag': route<'server'>()({
    summary: 'Ask whether a server has a tag.',
    policy: 'os_compute_api:os-server-tags:show',
    target: 'server',
    since: '2.26',
    query: anyQuery,
    status: 204,
    run: check,
  }),
  'PUT /servers/:server_id/tags/:tag': route<'server', null>()({
    summary: 'Add a tag to a server; 204 where it has the tag already.',
    policy: 'os_compute_api:os-server-tags:update',
    target: 'server',
    since: '2.26',
    body: none,
    status: 201,
    orElse: { status: 204, when: (isNew) => !isNew },
    run: add,
  }),
  'DELETE /servers/:server_id/tags/:tag': route<'server'>()({
    summary: 'Remove a tag of a server.',
    policy: 'os_compute_api:os-server-tags:delete',
    target: 'server',
    since: '2.26',
    status: 204,
    run: ({ op, services, params, target }) => services.ops.deleteServerTag(op, target, params['tag'] as string),
  }),
});
