// Why: a flavor is what a server may be at most, and what clients look up before they create one. Its shape changed at five
// microversions; each change is one line here.

import { booleanWord } from '../../base/boolean-word.ts';
import { badRequest } from '../../base/errors.ts';
import { history } from '../../base/history.ts';
import { type FlavorFilter, type FlavorSortKey, listFlavors } from '../../db/flavors.ts';
import type { Flavor } from '../../domain/machines/flavors.ts';
import { memberLinks, nextLinks, pageOf } from '../links.ts';
import {
  boolean,
  isTrue,
  isWhole,
  MAX_INT,
  multi,
  name,
  noQuery,
  paging,
  printable,
  queryHistory,
  text,
  wrapped,
  wrappedHistory,
  closed,
} from '../parameters.ts';
import { type Call, type Query, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const EXTRA_SPECS = 'os_compute_api:os-flavor-extra-specs:index';

const amount = (minimum: number) => ({
  type: ['integer', 'string'],
  pattern: '^[0-9]+$',
  minimum,
  maximum: MAX_INT,
});
const description = printable(65_535);

const createBody = wrappedHistory(
  'flavor',
  history<unknown>(
    {
      name,
      id: {
        type: ['string', 'number', 'null'],
        minLength: 1,
        maxLength: 255,
        pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$',
      },
      ram: amount(1),
      vcpus: amount(1),
      disk: amount(0),
      'OS-FLV-EXT-DATA:ephemeral': amount(0),
      swap: amount(0),
      rxtx_factor: {
        type: ['number', 'string'],
        pattern: '^[0-9]+(\\.[0-9]+)?$',
        exclusiveMinimum: 0,
        // the largest number of single precision, as Nova's column has it
        maximum: 3.40282e38,
      },
      'os-flavor-access:is_public': boolean,
    },
    [
      { at: '2.55', add: { description } },
      { at: '2.102', drop: ['rxtx_factor'] },
    ],
  ),
  ['name', 'ram', 'vcpus', 'disk'],
);

interface CreateBody {
  readonly flavor: {
    readonly name: string;
    readonly id?: string | number | null;
    readonly ram: number | string;
    readonly vcpus: number | string;
    readonly disk: number | string;
    readonly 'OS-FLV-EXT-DATA:ephemeral'?: number | string;
    readonly swap?: number | string;
    readonly rxtx_factor?: number | string;
    readonly 'os-flavor-access:is_public'?: boolean | string;
    readonly description?: string | null;
  };
}

const updateBody = wrapped('flavor', closed({ description }, ['description']));

interface UpdateBody {
  readonly flavor: { readonly description: string | null };
}

const SORT_KEYS = [
  'created_at',
  'description',
  'disabled',
  'ephemeral_gb',
  'flavorid',
  'id',
  'is_public',
  'memory_mb',
  'name',
  'root_gb',
  'rxtx_factor',
  'swap',
  'updated_at',
  'vcpu_weight',
  'vcpus',
];
const sortKeys = (keys: readonly string[]) => multi({ type: 'string', enum: keys });

const listQuery = queryHistory(
  history<unknown>(
    {
      ...paging,
      is_public: multi(text),
      minRam: multi(text),
      minDisk: multi(text),
      sort_key: sortKeys(SORT_KEYS),
      sort_dir: multi({ type: 'string', enum: ['asc', 'desc'] }),
    },
    [{ at: '2.102', add: { name: multi(text), sort_key: sortKeys(SORT_KEYS.filter((key) => key !== 'rxtx_factor')) } }],
  ),
  '2.75',
);

/** What of the view depends on the request. */
type Seen = Pick<Call, 'url'> & { readonly extraSpecs: boolean };
type FlavorField = Field<Flavor, Seen>;

const links: FlavorField = (flavor, { url }) => memberLinks(url, 'flavors', flavor.flavorid);

const summaryFields = history<FlavorField>({ id: (flavor) => flavor.flavorid, name: (flavor) => flavor.name, links }, [
  { at: '2.55', add: { description: (flavor) => flavor.description } },
]);

const fields = history<FlavorField>(
  {
    id: (flavor) => flavor.flavorid,
    name: (flavor) => flavor.name,
    ram: (flavor) => flavor.memoryMb,
    disk: (flavor) => flavor.rootGb,
    // Nova's way of saying none, until 2.75
    swap: (flavor) => (flavor.swapMb === 0 ? '' : flavor.swapMb),
    'OS-FLV-EXT-DATA:ephemeral': (flavor) => flavor.ephemeralGb,
    'OS-FLV-DISABLED:disabled': (flavor) => flavor.disabled,
    vcpus: (flavor) => flavor.vcpus,
    'os-flavor-access:is_public': (flavor) => flavor.isPublic,
    rxtx_factor: (flavor) => flavor.rxtxFactor,
    links,
  },
  [
    { at: '2.55', add: { description: (flavor) => flavor.description } },
    { at: '2.61', add: { extra_specs: (flavor, { extraSpecs }) => (extraSpecs ? flavor.extraSpecs : undefined) } },
    { at: '2.75', add: { swap: (flavor) => flavor.swapMb } },
    { at: '2.102', drop: ['rxtx_factor', 'OS-FLV-DISABLED:disabled'] },
  ],
);

type AnyCall = Pick<Call, 'op' | 'url' | 'allows'>;

const detailOf = (call: AnyCall) =>
  viewOf(fields, call.op.minor, { url: call.url, extraSpecs: call.allows(EXTRA_SPECS) });

const showFlavor = (flavor: Flavor, call: AnyCall) => ({ flavor: detailOf(call)(flavor) });

function wholeParameter(query: Query, key: string): number | undefined {
  const value = query[key]?.at(-1);
  if (value === undefined) return undefined;
  if (!isWhole(value)) throw badRequest(`Invalid ${key} filter [${value}]`);
  return Math.min(Math.max(Number(value), -MAX_INT), MAX_INT);
}

/** Which flavors a caller asks for: without a word the public ones and those that its project was let use. */
function visibility({ op, query }: Pick<Call, 'op' | 'query'>): FlavorFilter {
  const mine = { projectId: op.caller.projectId ?? '' };
  if (!op.caller.isAdmin) return { ...mine, disabled: false };
  const word = query['is_public']?.at(-1);
  if (word === undefined) return mine;
  if (word.toLowerCase() === 'none') return {};
  const wanted = booleanWord(word);
  if (wanted === null) throw badRequest(`Invalid is_public filter [${word}]`);
  return wanted ? mine : { isPublic: false };
}

async function list(call: Call) {
  const { query, services } = call;
  const maximum = services.settings.pageSize;
  const page = pageOf(query, maximum);
  const minMemoryMb = wholeParameter(query, 'minRam');
  const minRootGb = wholeParameter(query, 'minDisk');
  const name = query['name']?.at(-1);
  const key = query['sort_key']?.at(-1) ?? 'flavorid';
  const rows = await listFlavors(
    services.db,
    {
      ...visibility(call),
      ...(minMemoryMb === undefined ? {} : { minMemoryMb }),
      ...(minRootGb === undefined ? {} : { minRootGb }),
      ...(name === undefined ? {} : { name }),
    },
    {
      ...page,
      sort: {
        // flavors have no weights here: as if all were alike
        key: (key === 'vcpu_weight' ? 'id' : key) as FlavorSortKey,
        dir: query['sort_dir']?.at(-1) === 'desc' ? 'desc' : 'asc',
      },
    },
  );
  const ids = rows.map((row) => row.flavorid);
  const next = nextLinks(call.url, query, page, maximum, ids);
  return { rows, links: next.length === 0 ? {} : { flavors_links: next } };
}

type Listed = Awaited<ReturnType<typeof list>>;

const create = ({ op, services, body: { flavor } }: Call<'none', CreateBody>): Promise<Flavor> =>
  services.ops.createFlavor(op, {
    name: flavor.name,
    // the number 0 is none, as in Nova; the text is one
    flavorid: flavor.id == null || flavor.id === 0 ? null : String(flavor.id),
    vcpus: Number(flavor.vcpus),
    memoryMb: Number(flavor.ram),
    rootGb: Number(flavor.disk),
    ephemeralGb: Number(flavor['OS-FLV-EXT-DATA:ephemeral'] ?? 0),
    swapMb: Number(flavor.swap ?? 0),
    rxtxFactor: Number(flavor.rxtx_factor ?? 1),
    isPublic: isTrue(flavor['os-flavor-access:is_public'] ?? true),
    description: flavor.description ?? null,
  });

export default resource({
  'GET /flavors': route()({
    summary: 'List the flavors that the caller may use, in brief.',
    policy: null,
    query: listQuery,
    status: 200,
    cacheable: true,
    run: list,
    shows: summaryFields,
    view: ({ rows, links: next }: Listed, call) => ({
      flavors: rows.map(viewOf(summaryFields, call.op.minor, { url: call.url, extraSpecs: false })),
      ...next,
    }),
  }),
  'GET /flavors/detail': route()({
    summary: 'List the flavors that the caller may use, with all their fields.',
    policy: null,
    alsoAsks: [EXTRA_SPECS],
    query: listQuery,
    status: 200,
    cacheable: true,
    run: list,
    shows: fields,
    view: ({ rows, links: next }: Listed, call) => ({ flavors: rows.map(detailOf(call)), ...next }),
  }),
  'POST /flavors': route<'none', CreateBody>()({
    summary: 'Create a flavor.',
    policy: 'os_compute_api:os-flavor-manage:create',
    alsoAsks: [EXTRA_SPECS],
    body: createBody,
    status: 200,
    run: create,
    view: showFlavor,
  }),
  'GET /flavors/:flavor_id': route<'flavor'>()({
    summary: 'Show a flavor.',
    policy: null,
    alsoAsks: [EXTRA_SPECS],
    target: 'flavor',
    query: noQuery,
    status: 200,
    cacheable: true,
    run: ({ target }) => target,
    view: showFlavor,
  }),
  'PUT /flavors/:flavor_id': route<'flavor', UpdateBody>()({
    summary: 'Change the description of a flavor.',
    policy: 'os_compute_api:os-flavor-manage:update',
    alsoAsks: [EXTRA_SPECS],
    since: '2.55',
    target: 'flavor',
    body: updateBody,
    status: 200,
    run: ({ op, services, target, body }) => services.ops.updateFlavor(op, target, body.flavor.description),
    view: showFlavor,
  }),
  'DELETE /flavors/:flavor_id': route<'flavor'>()({
    summary: 'Delete a flavor. Servers that were created with it keep their own copy.',
    policy: 'os_compute_api:os-flavor-manage:delete',
    target: 'flavor',
    status: 202,
    run: ({ op, services, target }) => services.ops.deleteFlavor(op, target),
  }),
});
