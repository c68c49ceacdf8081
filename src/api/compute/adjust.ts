// Why: operators and tenants grow and shrink a running guest without a reboot; Nova has no such call. What is wished goes in
// as absolute sizes, what the guest has comes out, and the two may differ: both are shown.

import { isoSeconds } from '../../base/clock.ts';
import { findClaims } from '../../db/claims.ts';
import { listServers } from '../../db/server-list.ts';
import type { Way } from '../../domain/adjustment/adjust-plan.ts';
import type { PlannedAdjustment } from '../../ops/servers/adjust-plan.ts';
import { type AdjustRequest, parseAdjust } from '../../domain/adjustment/adjust-request.ts';
import { maximumOf, minimumOf } from '../../domain/machines/flavors.ts';
import { type Server, toldStatus } from '../../domain/servers/servers.ts';
import { memoryLaws, memoryMethodOf } from '../../domain/adjustment/memory-method.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { nextLinks } from '../links.ts';
import { dateTime, multi, paging, query, text } from '../parameters.ts';
import { type Call, resource, route, type TargetKind } from '../resource.ts';
import { parseList, type ServerList } from './servers/list.ts';
import { SORT_KEYS } from './servers/list-schema.ts';

const ALL_TENANTS = 'os_compute_api:xloud:index:get_all_tenants';
const MAY_MIGRATE = 'os_compute_api:xloud:adjust:may_migrate';
const HOSTS = 'os_compute_api:xloud:plan:hosts';

interface Adjustment {
  readonly server: Server;
  /** What the host's inventory and the quota count; nothing while the server has no host. */
  readonly claimed: Size;
}

const size = { type: ['integer', 'string', 'null'], pattern: '^[0-9]+$', minimum: 1 };

/** For the reference only: `parseAdjust` has the words of refusal. */
const described = {
  type: 'object',
  properties: {
    current_vcpus: size,
    current_memory_mb: size,
    persist: { type: 'boolean', default: true },
    may_migrate: { type: ['boolean', 'null'] },
  },
  additionalProperties: false,
};

type AnyCall = Call<TargetKind, unknown>;

async function adjustmentsOf({ services }: Pick<AnyCall, 'services'>, servers: readonly Server[]) {
  const claims = await findClaims(
    services.db,
    servers.map((server) => server.id),
  );
  return servers.map((server): Adjustment => ({ server, claimed: claims.get(server.id) ?? { vcpus: 0, memoryMb: 0 } }));
}

const adjustmentOf = async (call: Pick<AnyCall, 'services'>, server: Server): Promise<Adjustment> =>
  (await adjustmentsOf(call, [server]))[0] as Adjustment;

/** How the server's memory moves, and in blocks of how many MiB; a size between two blocks becomes the larger one. */
function memoryView(flavor: Server['flavor']) {
  const method = memoryMethodOf(flavor);
  return { method, block_mb: memoryLaws[method].blockMb };
}

/** The adjustment resource; memory in MiB. */
function view({ server, claimed }: Adjustment) {
  const minimum = minimumOf(server.flavor);
  const maximum = maximumOf(server.flavor);
  return {
    server_id: server.uuid,
    status: toldStatus(server.adjustStatus),
    vcpus: {
      current: server.currentVcpus,
      target: server.targetVcpus,
      minimum: minimum.vcpus,
      maximum: maximum.vcpus,
      claimed: claimed.vcpus,
      guest_online: server.guestOnlineVcpus,
    },
    memory_mb: {
      current: server.currentMemoryMb,
      target: server.targetMemoryMb,
      minimum: minimum.memoryMb,
      maximum: maximum.memoryMb,
      claimed: claimed.memoryMb,
      guest_available: server.guestAvailableMb,
      ...memoryView(server.flavor),
    },
    persist: server.adjustPersist,
    request_id: server.adjustRequestId,
    updated_at: server.adjustUpdatedAt === null ? null : isoSeconds(server.adjustUpdatedAt),
    message: server.adjustMessage,
  };
}

interface Listed {
  readonly list: ServerList;
  readonly adjustments: readonly Adjustment[];
}

/** The servers that may change their size, in the pages and orders of GET /servers; none that is deleted. */
async function index(call: Call): Promise<Listed> {
  const list = parseList(call, ALL_TENANTS);
  const servers =
    list.filter === null
      ? []
      : await listServers(
          call.services.db,
          { ...list.filter, deleted: false, elastic: true },
          { ...list.page, sort: list.sort },
        );
  return { list, adjustments: await adjustmentsOf(call, servers) };
}

function indexView({ list, adjustments }: Listed, call: Call) {
  const ids = adjustments.map(({ server }) => server.uuid);
  const links = nextLinks(call.url, call.query, list.page, call.services.settings.pageSize, ids);
  return { adjustments: adjustments.map(view), ...(links.length === 0 ? {} : { adjustments_links: links }) };
}

const wayView = ({ reasons }: Way) => ({ possible: reasons.length === 0, reasons });
export const sizeView = ({ vcpus, memoryMb }: Size) => ({ vcpus, memory_mb: memoryMb });

/** Hosts by their kind, and by name for those who may see names. */
function hostsView(hosts: PlannedAdjustment['afterMigration']['hosts'], named: boolean) {
  const kinds = Map.groupBy(hosts, ({ zone, inventory }) => `${zone} ${inventory.hypervisorType}`);
  return [...kinds.values()].map((kind) => ({
    availability_zone: kind[0]?.zone,
    hypervisor_type: kind[0]?.inventory.hypervisorType,
    count: kind.length,
    ...(named ? { names: kind.map(({ host }) => host) } : {}),
  }));
}

const planView = (outlook: PlannedAdjustment, call: Call<'server', AdjustRequest>) => ({
  server_id: call.target.uuid,
  result: outlook.result,
  target: sizeView(outlook.target),
  memory: memoryView(call.target.flavor),
  persist: call.body.persist,
  growth: sizeView(outlook.grows),
  ways: {
    live: wayView(outlook.live),
    live_after_migration: {
      ...wayView(outlook.afterMigration),
      automatic: outlook.mayMigrate,
      hosts: hostsView(outlook.afterMigration.hosts, call.allows(HOSTS)),
    },
    next_boot: wayView(outlook.nextBoot),
  },
  largest: outlook.largest === null ? null : sizeView(outlook.largest),
});

export default resource({
  'GET /os-xloud-adjust': route()({
    summary: 'List the servers whose size may change, each with its sizes.',
    policy: 'os_compute_api:xloud:index',
    alsoAsks: [ALL_TENANTS, 'os_compute_api:servers:allow_all_filters'],
    query: query(
      {
        ...paging,
        sort_key: multi({ type: 'string', enum: SORT_KEYS }),
        sort_dir: multi(text),
        all_tenants: multi(text),
        'changes-since': multi(dateTime),
      },
      'strict',
    ),
    status: 200,
    cacheable: true,
    run: index,
    view: indexView,
  }),
  'GET /os-xloud-adjust/:server_id': route<'server'>()({
    summary: "Show a server's sizes: what it has, what was asked for, its bounds, and what is claimed for it.",
    policy: 'os_compute_api:xloud:show',
    target: 'server',
    status: 200,
    cacheable: true,
    run: (call) => adjustmentOf(call, call.target),
    view,
  }),
  'POST /os-xloud-adjust/:server_id': route<'server', AdjustRequest>()({
    summary: 'Change the vCPUs or memory of a server, while it runs, between its minimum and maximum.',
    policy: 'os_compute_api:xloud:adjust',
    alsoAsks: [MAY_MIGRATE],
    target: 'server',
    body: described,
    parse: parseAdjust,
    status: 202,
    run: (call) => {
      if (call.body.mayMigrate) call.enforce(MAY_MIGRATE);
      return call.services.ops.adjustServer(call.op, call.target, call.body);
    },
    view,
  }),
  'POST /os-xloud-adjust/:server_id/plan': route<'server', AdjustRequest>()({
    summary: 'Say which ways there are to another size, why not the others, and how far the server could go.',
    policy: 'os_compute_api:xloud:plan',
    alsoAsks: [HOSTS],
    target: 'server',
    body: described,
    parse: parseAdjust,
    status: 200,
    run: (call) => call.services.ops.planAdjustment(call.op, call.target, call.body),
    view: planView,
  }),
});
