// Why: clients that know of shared file systems ask here; no server has one (src/ops/servers/server-shares.ts says why).

import { noSuchShare } from '../../ops/index.ts';
import { closed, query, uuid, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';

const createBody = wrapped(
  'share',
  closed({ share_id: uuid, tag: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-]*$' } }, [
    'share_id',
  ]),
);

const nothing = query({}, 'strict');

export default resource({
  'GET /servers/:server_id/shares': route<'server'>()({
    summary: 'List the shares of a server.',
    policy: 'os_compute_api:os-server-shares:index',
    target: 'server',
    since: '2.97',
    query: nothing,
    status: 200,
    run: () => [],
    view: (shares) => ({ shares }),
  }),
  'POST /servers/:server_id/shares': route<'server'>()({
    summary: 'Attach a share to a stopped server.',
    policy: 'os_compute_api:os-server-shares:create',
    target: 'server',
    since: '2.97',
    body: createBody,
    status: 201,
    run: ({ op, services, target }) => services.ops.attachShare(op, target),
  }),
  'GET /servers/:server_id/shares/:share_id': route<'server'>()({
    summary: 'Show a share of a server.',
    policy: 'os_compute_api:os-server-shares:show',
    target: 'server',
    since: '2.97',
    query: nothing,
    status: 200,
    run: ({ params }) => {
      throw noSuchShare(params['share_id'] as string);
    },
  }),
  'DELETE /servers/:server_id/shares/:share_id': route<'server'>()({
    summary: 'Detach a share from a stopped server.',
    policy: 'os_compute_api:os-server-shares:delete',
    target: 'server',
    since: '2.97',
    status: 200,
    run: ({ op, services, params, target }) => services.ops.detachShare(op, target, params['share_id'] as string),
  }),
});
