// Why: where everything stands in the drawing of networks follows from what there is: outside above, routers below it, networks as lanes,
// servers under theirs.

import { addressesOf } from './addresses.ts';
import type { Network, Server } from './types.ts';

export interface Subnet {
  readonly id: string;
  readonly network_id: string;
  readonly cidr: string;
}

export interface Router {
  readonly id: string;
  readonly name: string;
  readonly external_gateway_info: { readonly network_id: string } | null;
}

export interface Port {
  readonly id: string;
  readonly network_id: string;
  readonly device_id: string;
  readonly device_owner: string;
  readonly fixed_ips: readonly { readonly ip_address: string }[];
}

export interface Topology {
  readonly networks: readonly Network[];
  readonly subnets: readonly Subnet[];
  readonly routers: readonly Router[];
  readonly ports: readonly Port[];
  readonly servers: ReadonlyMap<string, Server>;
}

export type NodeKind = 'outside' | 'router' | 'network' | 'server' | 'more';

export interface DrawnNode {
  readonly key: string;
  readonly kind: NodeKind;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly name: string;
  readonly detail: string;
  /** Of a server: its id. */
  readonly server: Server | null;
}

export interface DrawnEdge {
  readonly key: string;
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
}

const GAP = 28;
const CHIP = { width: 164, height: 44, gap: 10 };
const BOX = { width: 180, height: 52 };
/** Columns of a lane: the fewer there are, the wider each. */
const COLUMNS: readonly number[] = [6, 6, 3];
const ROWS = 8;

interface Lanes {
  readonly columns: number;
  readonly width: number;
}

function lanesOf(count: number): Lanes {
  const columns = COLUMNS[count] ?? 2;
  return { columns, width: columns * (CHIP.width + CHIP.gap) - CHIP.gap };
}

const centre = ({ x, width }: DrawnNode): number => x + width / 2;

function edge(from: DrawnNode, to: DrawnNode): DrawnEdge {
  return {
    key: `${from.key}-${to.key}`,
    from: [centre(from), from.y + from.height],
    to: [centre(to), to.y],
  };
}

const box = (kind: NodeKind, id: string, name: string, x: number, y: number, detail = ''): DrawnNode => ({
  ...{ key: `${kind}-${id}`, kind, name, detail, server: null },
  ...{ x, y, ...BOX },
});

/** The servers of a network that hang under no other yet. */
function serversOf(network: Network, { ports, servers }: Topology, placed: ReadonlySet<string>): readonly Server[] {
  const here = ports.filter((port) => port.network_id === network.id && port.device_owner.startsWith('compute:'));
  return here.flatMap(({ device_id }) => {
    const server = servers.get(device_id);
    return server === undefined || placed.has(device_id) ? [] : [server];
  });
}

function chips(lane: DrawnNode, columns: number, found: readonly Server[]): readonly DrawnNode[] {
  const most = columns * ROWS;
  const place = (index: number) => ({
    x: lane.x + (index % columns) * (CHIP.width + CHIP.gap),
    y: lane.y + lane.height + 18 + Math.floor(index / columns) * (CHIP.height + CHIP.gap),
    width: CHIP.width,
    height: CHIP.height,
  });
  const shown = found.slice(0, most).map(
    (server, index): DrawnNode => ({
      ...{ key: `server-${server.id}`, kind: 'server', name: server.name, detail: addressesOf(server)[0] ?? '' },
      ...{ server, ...place(index) },
    }),
  );
  if (found.length <= most) return shown;
  const more = { key: `more-${lane.key}`, kind: 'more' as const, detail: '', server: null };
  return [...shown, { ...more, name: String(found.length - most), ...place(most) }];
}

/** Where everything stands. */
export function drawingOf(topology: Topology): Drawing {
  const { networks, subnets, routers, ports } = topology;
  const outside = networks.filter((network) => network['router:external'] === true);
  const inside = networks.filter((network) => network['router:external'] !== true);
  const { columns, width } = lanesOf(inside.length);
  const middle = (at: number): number => at * (width + GAP) + (width - BOX.width) / 2;
  const cidrs = ({ id }: Network): string =>
    subnets.flatMap((subnet) => (subnet.network_id === id ? [subnet.cidr] : [])).join(', ');
  const routersY = outside.length === 0 ? 8 : 8 + BOX.height + 48;
  const lanesY = routers.length === 0 ? routersY : routersY + BOX.height + 48;
  const tops = outside.map((network, at) => box('outside', network.id, network.name, middle(at), 8, cidrs(network)));
  const middles = routers.map((router, at) => box('router', router.id, router.name, middle(at), routersY));
  const lanes = inside.map(
    (network, at): DrawnNode => ({
      ...{ key: `network-${network.id}`, kind: 'network', name: network.name, detail: cidrs(network), server: null },
      ...{ x: at * (width + GAP), y: lanesY, width, height: 54 },
    }),
  );
  const of = (all: readonly DrawnNode[], key: string): DrawnNode[] => {
    const found = all.find((node) => node.key === key);
    return found === undefined ? [] : [found];
  };
  const gateways = routers.flatMap(({ id, external_gateway_info: gateway }) =>
    of(tops, `outside-${gateway?.network_id}`).flatMap((top) =>
      of(middles, `router-${id}`).map((router) => edge(top, router)),
    ),
  );
  const interfaces = ports
    .filter(({ device_owner: owner }) => owner.startsWith('network:router_interface'))
    .flatMap((port) =>
      of(middles, `router-${port.device_id}`).flatMap((router) =>
        of(lanes, `network-${port.network_id}`).map((lane) => edge(router, lane)),
      ),
    );
  const placed = new Set<string>();
  const hanging = inside.flatMap((network, at) => {
    const lane = lanes[at];
    if (lane === undefined) return [];
    const found = serversOf(network, topology, placed);
    for (const { id } of found) placed.add(id);
    return chips(lane, columns, found);
  });
  // a server of several networks hangs under the first, and is joined to the others
  const further = ports
    .filter(({ device_owner: owner }) => owner.startsWith('compute:'))
    .flatMap((port) =>
      of(lanes, `network-${port.network_id}`).flatMap((lane) =>
        of(hanging, `server-${port.device_id}`)
          .filter(({ x }) => x < lane.x || x >= lane.x + lane.width)
          .map((chip) => edge(lane, chip)),
      ),
    );
  const nodes = [...tops, ...middles, ...lanes, ...hanging];
  const furthest = (end: (node: DrawnNode) => number): number => Math.max(0, ...nodes.map(end));
  return {
    width: furthest(({ x, width }) => x + width) + 2,
    height: furthest(({ y, height }) => y + height) + 8,
    nodes,
    edges: [...gateways, ...interfaces, ...further],
  };
}
