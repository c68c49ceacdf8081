// Why: administrators group hosts here: into zones, and by metadata that the scheduler's filters compare with flavors, images
// and projects.

import { isoMicros } from '../../base/clock.ts';
import { badRequest } from '../../base/errors.ts';
import { history } from '../../base/history.ts';
import { findAggregate, listAggregates } from '../../db/aggregates.ts';
import { type Aggregate, zoneOf } from '../../domain/placement/aggregates.ts';
import { noAggregate } from '../../ops/index.ts';
import {
  closed,
  hostName,
  MAX_INT,
  metadata,
  multi,
  name,
  noQuery,
  none,
  uuid,
  wholeId,
  wrapped,
} from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const zone = { oneOf: [{ type: 'string', format: 'az_name', minLength: 1, maxLength: 255 }, none] };
const nameWithSpaces = { ...name, format: 'name_with_leading_trailing_spaces' };

const createBody = wrapped('aggregate', closed({ name, availability_zone: zone }, ['name']));
const updateBody = wrapped('aggregate', {
  ...closed({ name: nameWithSpaces, availability_zone: zone }),
  anyOf: [{ required: ['name'] }, { required: ['availability_zone'] }],
});
const hostBody = (action: string) => wrapped(action, closed({ host: hostName }, ['host']));
const metadataOrNull = {
  ...metadata,
  patternProperties: { '^[a-zA-Z0-9-_:. ]{1,255}$': { type: ['string', 'null'], maxLength: 255 } },
};
const metadataBody = wrapped('set_metadata', closed({ metadata: metadataOrNull }, ['metadata']));

interface AggregateBody<Name> {
  readonly aggregate: { readonly name: Name; readonly availability_zone?: string | null };
}
type HostBody<A extends string> = Readonly<Record<A, { readonly host: string }>>;
interface MetadataBody {
  readonly set_metadata: { readonly metadata: Readonly<Record<string, string | null>> };
}

const imagesBody = closed({ cache: { ...multi(closed({ id: uuid }, ['id'])), minItems: 1 } }, ['cache']);

interface ImagesBody {
  readonly cache: readonly { readonly id: string }[];
}

const common = {
  id: (aggregate: Aggregate) => aggregate.id,
  name: (aggregate: Aggregate) => aggregate.name,
  availability_zone: zoneOf,
  created_at: (aggregate: Aggregate) => isoMicros(aggregate.createdAt),
  updated_at: ({ updatedAt }: Aggregate) => (updatedAt === null ? null : isoMicros(updatedAt)),
  // what is deleted is gone
  deleted: () => false,
  deleted_at: () => null,
};
const withUuid = { at: '2.41', add: { uuid: (aggregate: Aggregate) => aggregate.uuid } };
const createdFields = history<Field<Aggregate>>(common, [withUuid]);
const fields = history<Field<Aggregate>>(
  { ...common, hosts: (aggregate) => aggregate.hosts, metadata: (aggregate) => aggregate.metadata },
  [withUuid],
);

/** The number in the path. Throws Nova's 400 for what is none; one that no aggregate can have is 404. */
function idOf({ params }: Pick<Call, 'params'>): number {
  const id = wholeId(params['aggregate_id'] as string);
  if (id > MAX_INT) throw noAggregate(id);
  return id;
}

function cacheImages(call: Call<'none', ImagesBody>): Promise<void> {
  const id = idOf(call);
  const images = call.body.cache.map((image) => image.id);
  if (new Set(images).size < images.length) throw badRequest('Duplicate images in request');
  return call.services.ops.cacheImages(call.op, id, images);
}

async function show(call: Call): Promise<Aggregate> {
  const id = idOf(call);
  const aggregate = await findAggregate(call.services.db, id);
  if (aggregate === null) throw noAggregate(id);
  return aggregate;
}

const oneView = (aggregate: Aggregate, { op }: Pick<Call, 'op'>) => ({
  aggregate: viewOf(fields, op.minor, undefined)(aggregate),
});

export default resource({
  'GET /os-aggregates': route()({
    summary: 'List the host aggregates.',
    policy: 'os_compute_api:os-aggregates:index',
    query: noQuery,
    status: 200,
    run: ({ services }) => listAggregates(services.db),
    shows: fields,
    view: (aggregates, { op }) => ({ aggregates: aggregates.map(viewOf(fields, op.minor, undefined)) }),
  }),
  'POST /os-aggregates': route<'none', AggregateBody<string>>()({
    summary: 'Make a host aggregate, and with it a zone where one is named.',
    policy: 'os_compute_api:os-aggregates:create',
    body: createBody,
    status: 200,
    run: ({ op, services, body }) =>
      services.ops.createAggregate(op, {
        name: body.aggregate.name,
        zone: body.aggregate.availability_zone ?? null,
      }),
    shows: createdFields,
    view: (aggregate, { op }) => ({ aggregate: viewOf(createdFields, op.minor, undefined)(aggregate) }),
  }),
  'GET /os-aggregates/:aggregate_id': route()({
    summary: 'Show a host aggregate with its hosts and metadata.',
    policy: 'os_compute_api:os-aggregates:show',
    query: noQuery,
    status: 200,
    run: show,
    shows: fields,
    view: oneView,
  }),
  'PUT /os-aggregates/:aggregate_id': route<'none', AggregateBody<string | undefined>>()({
    summary: 'Change the name or the zone of a host aggregate.',
    policy: 'os_compute_api:os-aggregates:update',
    body: updateBody,
    status: 200,
    run: (call) => {
      const { name: given, availability_zone } = call.body.aggregate;
      return call.services.ops.updateAggregate(call.op, idOf(call), {
        ...(given === undefined ? {} : { name: given.trim() }),
        ...(availability_zone === undefined ? {} : { zone: availability_zone }),
      });
    },
    shows: fields,
    view: oneView,
  }),
  'DELETE /os-aggregates/:aggregate_id': route()({
    summary: 'Delete a host aggregate that no host is in.',
    policy: 'os_compute_api:os-aggregates:delete',
    status: 200,
    run: (call) => call.services.ops.deleteAggregate(call.op, idOf(call)),
  }),
  'POST /os-aggregates/:aggregate_id/action#add_host': route<'none', HostBody<'add_host'>>()({
    summary: 'Put a host into an aggregate.',
    policy: 'os_compute_api:os-aggregates:add_host',
    body: hostBody('add_host'),
    status: 200,
    run: (call) => call.services.ops.addHostToAggregate(call.op, idOf(call), call.body.add_host.host),
    shows: fields,
    view: oneView,
  }),
  'POST /os-aggregates/:aggregate_id/action#remove_host': route<'none', HostBody<'remove_host'>>()({
    summary: 'Take a host out of an aggregate.',
    policy: 'os_compute_api:os-aggregates:remove_host',
    body: hostBody('remove_host'),
    status: 200,
    run: (call) => call.services.ops.removeHostFromAggregate(call.op, idOf(call), call.body.remove_host.host),
    shows: fields,
    view: oneView,
  }),
  'POST /os-aggregates/:aggregate_id/action#set_metadata': route<'none', MetadataBody>()({
    summary: 'Set metadata of an aggregate; a pair with null goes.',
    policy: 'os_compute_api:os-aggregates:set_metadata',
    body: metadataBody,
    status: 200,
    run: (call) => call.services.ops.setAggregateMetadata(call.op, idOf(call), call.body.set_metadata.metadata),
    shows: fields,
    view: oneView,
  }),
  'POST /os-aggregates/:aggregate_id/images': route<'none', ImagesBody>()({
    summary: 'Have images brought to the hosts of an aggregate before servers need them.',
    policy: 'compute:aggregates:images',
    since: '2.81',
    body: imagesBody,
    status: 202,
    run: cacheImages,
  }),
});
