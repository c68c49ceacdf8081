// Why: metadata are short texts by name that a server's users keep with it; guests read them too.

import { badRequest, notFound } from '../../base/errors.ts';
import { loadDetails } from '../../db/server-details.ts';
import { metadata, metadataItem, noQuery, wrapped } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

type Metadata = Readonly<Record<string, string>>;

interface AllBody {
  readonly metadata: Metadata;
}

interface OneBody {
  readonly meta: Metadata;
}

const allBody = wrapped('metadata', metadata);
const oneBody = wrapped('meta', metadataItem);

type AnyCall = Pick<Call<'server', never>, 'services' | 'target' | 'params'>;

async function metadataOf({ services, target }: AnyCall): Promise<Metadata> {
  const [detail] = await loadDetails(services.db, [target], { metadata: true });
  return detail?.metadata ?? {};
}

/** The item that the path names. Throws Nova's 404. */
async function itemOf(call: AnyCall): Promise<Metadata> {
  const key = call.params['key'] as string;
  const items = await metadataOf(call);
  if (!Object.hasOwn(items, key)) throw notFound('Metadata item was not found');
  return { [key]: items[key] as string };
}

const setAll =
  (others: 'keep' | 'drop') =>
  ({ op, services, target, body }: Call<'server', AllBody>): Promise<Metadata> =>
    services.ops.setServerMetadata(op, target, body.metadata, others);

async function setOne({ op, services, params, target, body }: Call<'server', OneBody>): Promise<Metadata> {
  if (!Object.hasOwn(body.meta, params['key'] as string)) throw badRequest('Request body and URI mismatch');
  await services.ops.setServerMetadata(op, target, body.meta, 'keep');
  return body.meta;
}

async function remove(call: Call<'server'>): Promise<void> {
  await itemOf(call);
  await call.services.ops.deleteServerMetadata(call.op, call.target, call.params['key'] as string);
}

const allView = (items: Metadata) => ({ metadata: items });
const oneView = (meta: Metadata) => ({ meta });

export default resource({
  'GET /servers/:server_id/metadata': route<'server'>()({
    summary: 'List the metadata of a server.',
    policy: 'os_compute_api:server-metadata:index',
    target: 'server',
    query: noQuery,
    status: 200,
    run: metadataOf,
    view: allView,
  }),
  'POST /servers/:server_id/metadata': route<'server', AllBody>()({
    summary: 'Set metadata of a server; items that are not named stay.',
    policy: 'os_compute_api:server-metadata:create',
    target: 'server',
    body: allBody,
    status: 200,
    run: setAll('keep'),
    view: allView,
  }),
  'PUT /servers/:server_id/metadata': route<'server', AllBody>()({
    summary: 'Replace the metadata of a server; items that are not named go.',
    policy: 'os_compute_api:server-metadata:update_all',
    target: 'server',
    body: allBody,
    status: 200,
    run: setAll('drop'),
    view: allView,
  }),
  'GET /servers/:server_id/metadata/:key': route<'server'>()({
    summary: 'Show one metadata item of a server.',
    policy: 'os_compute_api:server-metadata:show',
    target: 'server',
    query: noQuery,
    status: 200,
    run: itemOf,
    view: oneView,
  }),
  'PUT /servers/:server_id/metadata/:key': route<'server', OneBody>()({
    summary: 'Set one metadata item of a server.',
    policy: 'os_compute_api:server-metadata:update',
    target: 'server',
    body: oneBody,
    status: 200,
    run: setOne,
    view: oneView,
  }),
  'DELETE /servers/:server_id/metadata/:key': route<'server'>()({
    summary: 'Remove one metadata item of a server.',
    policy: 'os_compute_api:server-metadata:delete',
    target: 'server',
    status: 204,
    run: remove,
  }),
});
