// Why: until 2.38 clients read and wrote the properties of images through compute, under the quota of metadata items.

import { badRequest, notFound } from '../../base/errors.ts';
import { metadata, metadataItem, query, wrapped } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const UNTIL = '2.38';
const all = query({}, 'lenient');

type Metadata = Readonly<Record<string, string>>;
interface AllBody {
  readonly metadata: Metadata;
}
interface OneBody {
  readonly meta: Metadata;
}

const idOf = ({ params }: Pick<Call, 'params'>): string => params['image_id'] as string;
const keyOf = ({ params }: Pick<Call, 'params'>): string => params['key'] as string;

const read = async ({ op, services, params }: Call): Promise<Metadata> =>
  (await services.ops.showImage(op, idOf({ params }))).properties;

const replaceAll = async ({ op, services, params, body }: Call<'none', AllBody>): Promise<Metadata> =>
  services.ops.changeImageMetadata(op, idOf({ params }), (before) => ({
    set: body.metadata,
    drop: Object.keys(before).filter((name) => !Object.hasOwn(body.metadata, name)),
  }));

async function setOne({ op, services, params, body }: Call<'none', OneBody>): Promise<Metadata> {
  const key = keyOf({ params });
  if (!Object.hasOwn(body.meta, key)) throw badRequest('Request body and URI mismatch');
  await services.ops.changeImageMetadata(op, idOf({ params }), () => ({ set: body.meta }));
  return body.meta;
}

async function readOne(call: Call): Promise<Metadata> {
  const value = (await read(call))[keyOf(call)];
  if (value === undefined) throw notFound('The resource could not be found.');
  return { [keyOf(call)]: value };
}

const dropOne = ({ op, services, params }: Call): Promise<unknown> =>
  services.ops.changeImageMetadata(op, idOf({ params }), (before) => {
    const key = keyOf({ params });
    if (!Object.hasOwn(before, key)) throw notFound('Invalid metadata key');
    return { drop: [key] };
  });

const allView = (found: Metadata) => ({ metadata: found });
const oneView = (found: Metadata) => ({ meta: found });

export default resource({
  'GET /images/:image_id/metadata': route()({
    summary: "List an image's metadata; use the image service instead.",
    policy: null,
    until: UNTIL,
    query: all,
    status: 200,
    run: read,
    view: allView,
  }),
  'POST /images/:image_id/metadata': route<'none', AllBody>()({
    summary: 'Add metadata to an image or change it; use the image service instead.',
    policy: null,
    until: UNTIL,
    body: wrapped('metadata', metadata),
    status: 200,
    run: ({ op, services, params, body }) =>
      services.ops.changeImageMetadata(op, idOf({ params }), () => ({ set: body.metadata })),
    view: allView,
  }),
  'PUT /images/:image_id/metadata': route<'none', AllBody>()({
    summary: "Replace an image's metadata; use the image service instead.",
    policy: null,
    until: UNTIL,
    body: wrapped('metadata', metadata),
    status: 200,
    run: replaceAll,
    view: allView,
  }),
  'GET /images/:image_id/metadata/:key': route()({
    summary: "Show one item of an image's metadata; use the image service instead.",
    policy: null,
    until: UNTIL,
    query: all,
    status: 200,
    run: readOne,
    view: oneView,
  }),
  'PUT /images/:image_id/metadata/:key': route<'none', OneBody>()({
    summary: "Set one item of an image's metadata; use the image service instead.",
    policy: null,
    until: UNTIL,
    body: wrapped('meta', metadataItem),
    status: 200,
    run: setOne,
    view: oneView,
  }),
  'DELETE /images/:image_id/metadata/:key': route()({
    summary: "Remove one item of an image's metadata; use the image service instead.",
    policy: null,
    until: UNTIL,
    status: 204,
    run: dropOne,
  }),
});
