// Why: the servers' own routes; their actions stand in actions.ts.

import { conflict } from '../../../base/errors.ts';
import { derive, history } from '../../../base/history.ts';
import { loadDetails } from '../../../db/server-details.ts';
import { listServers } from '../../../db/server-list.ts';
import type { Server, ServerDetail } from '../../../domain/servers/servers.ts';
import { nextLinks } from '../../links.ts';
import { canonicalIpV6, diskConfig, name, none, printable, query, wrappedHistory } from '../../parameters.ts';
import { type Call, resource, route } from '../../resource.ts';
import { imageOf } from './block-devices.ts';
import { counts, type CreateBody, createdView, createRules, parseCreate } from './create.ts';
import { createBody, hostnameFields } from './create-schema.ts';
import { parseList, type ServerList } from './list.ts';
import { listQuery } from './list-schema.ts';
import { type AnyCall, shown, type Shown, showView, viewContext } from './show.ts';
import { serverView, shownFields, summaryView, type ViewContext, viewRights, viewRules } from './view.ts';

interface Listed {
  readonly details: readonly ServerDetail[];
  readonly list: ServerList;
  readonly context: ViewContext | null;
}

/** What a list of details needs beyond the rows. */
const needed = history<true>({}, [
  { at: '2.3', add: { attributes: true } },
  { at: '2.26', add: { tags: true } },
]);

async function list(call: Call, kind: 'index' | 'detail'): Promise<Listed> {
  const list = parseList(call, `os_compute_api:servers:${kind}:get_all_tenants`);
  const { db } = call.services;
  const { attributes = false, tags = false } = needed.at(call.op.minor);
  const bulk = kind === 'detail' && attributes && viewRights(call).attributes;
  const page = { ...list.page, sort: list.sort, bulk };
  const servers = list.filter === null ? [] : await listServers(db, list.filter, page);
  const needs = kind === 'detail' ? { metadata: true, tags, nics: true, fault: true, volumes: true } : {};
  const context = kind === 'detail' ? await viewContext(call, servers) : null;
  return { details: await loadDetails(db, servers, needs), list, context };
}

function listView(servers: unknown[], { details, list }: Listed, call: Call) {
  const ids = details.map(({ server }) => server.uuid);
  const links = nextLinks(call.url, call.query, list.page, call.services.settings.pageSize, ids);
  return { servers, ...(links.length === 0 ? {} : { servers_links: links }) };
}

const detailView = ({ context }: Listed, { op }: Call) => serverView('detail', op.minor, context as ViewContext);

/** Servers whose text is made at once. */
const AT_ONCE = 50;

function* detailPieces(listed: Listed, call: Call): Iterable<string> {
  const { details } = listed;
  const view = detailView(listed, call);
  yield '{"servers":[';
  for (let from = 0; from < details.length; from += AT_ONCE) {
    const text = JSON.stringify(details.slice(from, from + AT_ONCE).map(view));
    if (from > 0) yield ',';
    // by itself: put together with anything it would be copied
    yield text.slice(1, -1);
  }
  // what stands behind the servers
  const { servers: _none, ...rest } = listView([], listed, call);
  const text = JSON.stringify(rest);
  yield text === '{}' ? ']}' : `],${text.slice(1)}`;
}

const updateFields = history<unknown>(
  {
    name,
    'OS-DCF:diskConfig': diskConfig,
    accessIPv4: { type: 'string', format: 'ipv4' },
    accessIPv6: { type: 'string', format: 'ipv6' },
  },
  [
    { at: '2.19', add: { description: printable(255) } },
    { at: '2.90', add: { hostname: hostnameFields.at(90).hostname } },
    { at: '2.94', add: { hostname: hostnameFields.at(94).hostname } },
    {
      at: '2.104',
      add: { pinned_availability_zone: { oneOf: [{ type: 'string', minLength: 1, maxLength: 255 }, none] } },
    },
  ],
);

interface UpdateBody {
  readonly server: {
    readonly name?: string;
    readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
    readonly accessIPv4?: string;
    readonly accessIPv6?: string;
    readonly description?: string | null;
    readonly hostname?: string;
    readonly pinned_availability_zone?: string | null;
  };
}

/** A server is pinned to the zone where it is, and to another only once it is free. Throws Nova's 409. */
function checkPin({ requestedZone, availabilityZone }: Server, asked: string | null | undefined): void {
  if (asked === undefined || asked === null || asked === requestedZone) return;
  if (requestedZone !== null) {
    throw conflict(
      'Cannot change pinned availability zone directly. Unpin first by setting pinned_availability_zone to null.',
    );
  }
  if (asked !== availabilityZone) {
    throw conflict(
      `Server can only be pinned to its current availability zone '${availabilityZone ?? ''}', but '${asked}' was requested.`,
    );
  }
}

async function update(call: Call<'server', UpdateBody>): Promise<Shown> {
  const { server } = call.body;
  checkPin(call.target, server.pinned_availability_zone);
  const changed = await call.services.ops.updateServer(call.op, call.target, {
    ...(server.name === undefined ? {} : { displayName: server.name.trim() }),
    ...(server.description === undefined ? {} : { description: server.description }),
    ...(server.accessIPv4 === undefined ? {} : { accessIpV4: server.accessIPv4 }),
    ...(server.accessIPv6 === undefined ? {} : { accessIpV6: canonicalIpV6(server.accessIPv6) }),
    ...(server['OS-DCF:diskConfig'] === undefined ? {} : { autoDiskConfig: server['OS-DCF:diskConfig'] === 'AUTO' }),
    ...(server.hostname === undefined ? {} : { hostname: server.hostname }),
    ...(server.pinned_availability_zone === undefined ? {} : { requestedZone: server.pinned_availability_zone }),
  });
  return shown(call as AnyCall, changed);
}

/** Parameters of a single server: none, and from 2.102 unknown ones are refused. */
const showQuery = derive(
  history<'lenient' | 'strict'>({ unknown: 'lenient' }, [{ at: '2.102', add: { unknown: 'strict' } }]),
  (form) => query({}, form.unknown as 'lenient' | 'strict'),
);

export default resource({
  'GET /servers': route()({
    summary: 'List servers.',
    policy: 'os_compute_api:servers:index',
    alsoAsks: ['os_compute_api:servers:allow_all_filters', 'os_compute_api:servers:index:get_all_tenants'],
    query: listQuery,
    status: 200,
    run: (call) => list(call, 'index'),
    view: (listed, call) =>
      listView(
        listed.details.map((detail) => summaryView(detail, call.url)),
        listed,
        call,
      ),
  }),
  'GET /servers/detail': route()({
    summary: 'List servers with all their fields.',
    policy: 'os_compute_api:servers:detail',
    alsoAsks: [
      'os_compute_api:servers:allow_all_filters',
      'os_compute_api:servers:detail:get_all_tenants',
      ...viewRules,
    ],
    query: listQuery,
    status: 200,
    run: (call) => list(call, 'detail'),
    shows: shownFields.detail,
    view: (listed, call) => listView(listed.details.map(detailView(listed, call)), listed, call),
    pieces: detailPieces,
  }),
  'POST /servers': route<'none', CreateBody>()({
    summary: 'Create one server or several alike.',
    policy: 'os_compute_api:servers:create',
    alsoAsks: createRules,
    body: createBody,
    beforeRule: ({ body }) => void counts(body.server),
    status: 202,
    run: async (call) => {
      const { ops } = call.services;
      const image = await ops.bootImage(call.op, imageOf(call.body.server));
      const created = await ops.createServers(call.op, parseCreate(call, image), image);
      const [first] = created.servers;
      if (first !== undefined) call.header('Location', `${call.url.versioned}/servers/${first.uuid}`);
      return created;
    },
    view: createdView,
  }),
  'GET /servers/:server_id': route<'server'>()({
    summary: 'Show a server.',
    policy: 'os_compute_api:servers:show',
    alsoAsks: viewRules,
    target: 'server',
    query: showQuery,
    status: 200,
    cacheable: true,
    run: (call) => shown(call as AnyCall, call.target),
    shows: shownFields.show,
    view: (result, call) => showView('show')(result, call as AnyCall),
  }),
  'PUT /servers/:server_id': route<'server', UpdateBody>()({
    summary: 'Change what a server is called and how it is reached.',
    policy: 'os_compute_api:servers:update',
    alsoAsks: viewRules,
    target: 'server',
    body: wrappedHistory('server', updateFields),
    status: 200,
    run: update,
    view: (result, call) => showView('update')(result, call as AnyCall),
  }),
  'DELETE /servers/:server_id': route<'server'>()({
    summary: 'Delete a server.',
    policy: 'os_compute_api:servers:delete',
    target: 'server',
    status: 204,
    run: (call) => call.services.ops.deleteServer(call.op, call.target),
  }),
});
