// Why: what is connected with what is seen in a drawing sooner than in lists.

import { get } from '../lib/api.ts';
import { useLoaded } from '../lib/load.ts';
import { hrefOf } from '../lib/route.ts';
import { servers } from '../lib/servers.ts';
import {
  type Drawing,
  type DrawnEdge,
  type DrawnNode,
  drawingOf,
  type Port,
  type Router,
  type Subnet,
} from '../lib/topology.ts';
import type { Network } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { Icon } from '../parts/icons.tsx';
import { toneOf } from '../parts/status.tsx';

interface Found {
  readonly networks: readonly Network[];
  readonly subnets: readonly Subnet[];
  readonly routers: readonly Router[];
  readonly ports: readonly Port[];
}

async function readNetworks(): Promise<Found> {
  const list = async <T,>(name: string): Promise<readonly T[]> =>
    (await get<Record<string, readonly T[]>>('network', `/${name}`))[name] ?? [];
  const [networks, subnets, routers, ports] = await Promise.all([
    list<Network>('networks'),
    list<Subnet>('subnets'),
    // an engine without routers has none
    list<Router>('routers').catch(() => []),
    list<Port>('ports'),
  ]);
  return { networks, subnets, routers, ports };
}

const Edge = ({ from: [x1, y1], to: [x2, y2] }: DrawnEdge) => {
  const middle = (y1 + y2) / 2;
  return <path class="net-edge" d={`M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`} />;
};

/** Text that does not fit ends in dots; the whole of it is in the title. */
const fit = (text: string, width: number): string => {
  const most = Math.floor((width - 24) / 7.4);
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
};

function Node({ node }: { node: DrawnNode }) {
  const { kind, x, y, width, height, name, detail, server } = node;
  const body = (
    <>
      {fit(name, width - 12) !== name && <title>{name}</title>}
      <rect {...{ x, y, width, height }} rx={10} />
      {server !== null && <circle class={`net-dot ${toneOf(server)}`} cx={x + 14} cy={y + 17} r={4} />}
      <text class="net-name" x={x + (server === null ? 14 : 25)} y={y + (detail === '' ? height / 2 + 5 : 21)}>
        {fit(kind === 'more' ? t('networks.more', { count: name }) : name, width - (server === null ? 0 : 12))}
      </text>
      {detail !== '' && (
        <text class="net-detail" x={x + 14} y={y + height - 9}>
          {fit(detail, width)}
        </text>
      )}
    </>
  );
  if (server === null) return <g class={`net-node ${kind}`}>{body}</g>;
  return (
    <a class={`net-node ${kind}`} href={hrefOf('servers', server.id)}>
      {body}
    </a>
  );
}

const Picture = ({ drawing: { width, height, nodes, edges } }: { drawing: Drawing }) => (
  <svg
    class="topology"
    viewBox={`0 0 ${width} ${height}`}
    width={width}
    height={height}
    role="group"
    aria-label={t('networks.drawing')}
  >
    {edges.map((edge) => (
      <Edge {...edge} key={edge.key} />
    ))}
    {nodes.map((node) => (
      <Node key={node.key} node={node} />
    ))}
  </svg>
);

export function Networks() {
  const { value, error } = useLoaded(readNetworks, [servers.value.size], 30_000);
  const drawing = value === null ? null : drawingOf({ ...value, servers: servers.value });
  return (
    <>
      <header class="head">
        <h1>{t('nav.networks')}</h1>
      </header>
      {error !== null && <p class="plan bad">{error}</p>}
      {drawing !== null && drawing.nodes.length === 0 && (
        <div class="empty">
          <Icon name="network" />
          <h2>{t('networks.none')}</h2>
        </div>
      )}
      {drawing !== null && drawing.nodes.length > 0 && (
        <section class="card topology-card" tabIndex={0} aria-label={t('nav.networks')}>
          <Picture drawing={drawing} />
        </section>
      )}
    </>
  );
}
