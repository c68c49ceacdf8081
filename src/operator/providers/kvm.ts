// Why: machines on this project's own compute service. A server carries its machine's uid as a tag, so that an operator which was killed
// between its creation and the note of it finds it again.

import { Fault } from '../../base/errors.ts';
import { makeTakeTurns } from '../../base/take-turns.ts';
import { absent, makePlugs } from './kvm-networks.ts';
import {
  type Adjustment,
  type ComputeClient,
  computeClient,
  segment,
  type Server,
  type SizedFlavor,
} from '../../client/compute.ts';
import type { Session } from '../../client/session.ts';
import type { NewMachine, Observed, Provider, Sizes, Usage } from '../provider.ts';
import type { Size } from '../types.ts';

/** Every server of this operator has it: by it all are listed at once. */
const OURS = 'novacron-operator';
const NAMESPACE = 'novacron.io:namespace';
const tagOf = (uid: string): string => `novacron-uid-${uid}`;
const MIB = 2 ** 20;

const states: Readonly<Record<string, Observed['state']>> = {
  ...{ BUILD: 'building', ACTIVE: 'running', SHUTOFF: 'stopped', ERROR: 'error' },
  ...{ PAUSED: 'paused', SUSPENDED: 'paused' },
};

function sizesOf({ vcpus, memory_mb: memory, status, message }: Adjustment): Sizes {
  const at = (part: 'target' | 'claimed' | 'current' | 'minimum' | 'maximum'): Size => ({
    cpu: vcpus[part],
    memoryMb: memory[part],
  });
  return {
    ...{ target: at('target'), claimed: at('claimed'), confirmed: at('current') },
    ...{ floor: at('minimum'), ceiling: at('maximum'), adjusting: status === 'adjusting' },
    message,
  };
}

const observed = (server: Server, adjustment: Adjustment): Observed => ({
  id: server.id,
  state: states[server.status] ?? 'other',
  status: server.status,
  task: server['OS-EXT-STS:task_state'],
  fault: server.fault?.message ?? null,
  node: server['OS-EXT-SRV-ATTR:host'] ?? null,
  addresses: Object.values(server.addresses).flatMap((some) => some.map(({ addr }) => addr)),
  createdAt: server.created,
  sizes: sizesOf(adjustment),
});

interface Link {
  readonly rel: string;
  readonly href: string;
}

/** All of a list, page by page as its links say: a page of metrics may have fewer lines than servers. */
async function allOf<T>(client: ComputeClient, path: string, key: string): Promise<T[]> {
  const all: T[] = [];
  let next: string | null = path;
  while (next !== null) {
    const body: Record<string, unknown> = await client.ask('GET', next);
    all.push(...(body[key] as T[]));
    const link = ((body[`${key}_links`] ?? []) as Link[]).find(({ rel }) => rel === 'next');
    // only what is asked for is taken from the link: where to ask is known here
    next = link === undefined ? null : `${path.replace(/\?.*/, '')}${new URL(link.href).search}`;
  }
  return all;
}

/** What is known of a server by what the lists said. */
interface Known {
  readonly server: Server | null;
  readonly adjustment: Adjustment | null;
  /** As it was told last. */
  readonly told: string;
}

/** The lists of what changed are put together with what is known of the rest, so that nobody need ask for one server. */
function makeChanges(client: ComputeClient, known: Map<string, Known>): Provider['changedSince'] {
  const none: Known = { server: null, adjustment: null, told: '' };

  function note(id: string, part: Partial<Known>): void {
    known.set(id, { ...(known.get(id) ?? none), ...part });
  }

  /** What is told of a server; undefined: nothing new. */
  function news(id: string): Observed | null | undefined {
    const { server, adjustment, told } = known.get(id) ?? none;
    if (server === null || server.status === 'DELETED') {
      known.delete(id);
      return null;
    }
    // one of a fixed size is in no list of adjustments: it is asked for once
    if (adjustment === null) return null;
    const now = observed(server, adjustment);
    const text = JSON.stringify(now);
    if (text === told) return undefined;
    note(id, { told: text });
    return now;
  }

  return async (ms) => {
    const since = encodeURIComponent(new Date(ms).toISOString());
    const [servers, adjustments] = await Promise.all([
      allOf<Server>(client, `/servers/detail?tags=${OURS}&changes-since=${since}`, 'servers'),
      allOf<Adjustment>(client, `/os-xloud-adjust?changes-since=${since}`, 'adjustments'),
    ]);
    for (const server of servers) note(server.id, { server });
    const ours = adjustments.filter(({ server_id: id }) => known.has(id));
    for (const adjustment of ours) note(adjustment.server_id, { adjustment });
    const ids = new Set([...servers.map(({ id }) => id), ...ours.map(({ server_id: id }) => id)]);
    return new Map(
      [...ids].flatMap((id) => {
        const told = news(id);
        return told === undefined ? [] : [[id, told] as const];
      }),
    );
  };
}

/** @param session as whoever owns the servers */
export function makeKvm(session: Session): Provider {
  const client = computeClient(session);
  const plugs = makePlugs(session);
  const adopting = makeTakeTurns(1);

  const known = new Map<string, Known>();
  const look = async (server: Server): Promise<Observed> => {
    const adjustment = await client.adjustment.show(server.id);
    const now = observed(server, adjustment);
    known.set(server.id, { server, adjustment, told: JSON.stringify(now) });
    return now;
  };

  async function flavorOf({ wanted }: NewMachine): Promise<string> {
    if (wanted.flavor === null) {
      const { size, ceiling, floor, diskGb } = wanted;
      const whole = size.cpu === ceiling.cpu && size.memoryMb === ceiling.memoryMb;
      const sized: SizedFlavor = {
        ...{ vcpus: ceiling.cpu, memory_mb: ceiling.memoryMb, disk_gb: diskGb },
        floor: { vcpus: floor.cpu, memory_mb: floor.memoryMb },
        start: whole ? 'maximum' : 'floor',
      };
      return (await client.sizedFlavor(sized)).id;
    }
    return client.flavorNamed(wanted.flavor);
  }

  return {
    async find(uid, known = null) {
      const { servers } = await client.ask<{ servers: Server[] }>('GET', `/servers/detail?tags=${tagOf(uid)}`);
      const oldestFirst = servers.toSorted((a, b) => a.created.localeCompare(b.created) || a.id.localeCompare(b.id));
      return Promise.all(oldestFirst.map(async (server) => (server.id === known?.id ? known : look(server))));
    },
    async show(id, uid) {
      const server = await client.servers.show(id).catch(absent);
      return server?.tags.includes(tagOf(uid)) ? look(server).catch(absent) : null;
    },
    async create(machine) {
      const { uid, name, namespace, wanted, userData, keyName } = machine;
      const server = {
        ...{ name, imageRef: (await client.images.find(wanted.image)).id, flavorRef: await flavorOf(machine) },
        ...{ networks: await plugs.plug(machine), tags: [OURS, tagOf(uid)] },
        metadata: { [NAMESPACE]: namespace, 'novacron.io:name': name },
        ...(userData === null ? {} : { user_data: userData.toString('base64') }),
        ...(keyName === null ? {} : { key_name: keyName }),
      };
      const hints = wanted.hostLabels.length === 0 ? {} : { host_labels: JSON.stringify(wanted.hostLabels) };
      const body = { server, 'OS-SCH-HNT:scheduler_hints': hints };
      return (await client.ask<{ server: { id: string } }>('POST', '/servers', body)).server.id;
    },
    // one after another: of two machines that name the same server at once both would find it free
    adopt: (id, { uid, namespace }) =>
      adopting(uid, async () => {
        const { metadata, tags } = await client.servers.show(id);
        if (metadata[NAMESPACE] !== namespace)
          throw new Fault(
            'forbidden',
            `The server ${id} may not be adopted: its owner must set its property ${NAMESPACE} to ${namespace}.`,
          );
        if (tags.some((tag) => tag.startsWith(tagOf('')) && tag !== tagOf(uid)))
          throw new Fault('conflict', `The server ${id} is another machine's.`);
        for (const tag of [OURS, tagOf(uid)]) await client.ask('PUT', `/servers/${segment(id)}/tags/${tag}`);
      }),
    async start({ id, status }) {
      const how: Readonly<Record<string, string>> = { PAUSED: 'unpause', SUSPENDED: 'resume' };
      await client.act(id, { [how[status] ?? 'os-start']: null });
    },
    stop: async (id) => void (await client.act(id, { 'os-stop': null })),
    adjust: async (id, { cpu, memoryMb }) =>
      void (await client.adjustment.change(id, { current_vcpus: cpu, current_memory_mb: memoryMb })),
    remove: async (id) => void (await client.servers.remove(id).catch(absent)),
    clean: (uid) => plugs.clean(uid),
    async snapshots(id) {
      const copies = await client.copies.list('snapshot', id);
      return copies.map((copy) => ({ id: copy.id, name: copy.name, status: copy.status, createdAt: copy.created_at }));
    },
    snapshot: async (id, name) => void (await client.copies.create('snapshot', id, { name })),
    removeSnapshot: async (_server, id) => void (await client.copies.remove('snapshot', id).catch(absent)),
    changedSince: makeChanges(client, known),
    async usage() {
      const metrics = await allOf<UsageRow>(client, '/os-xloud-metrics', 'metrics');
      return new Map(metrics.map((row) => [row.server_id, usageOf(row)]));
    },
  };
}

interface UsageRow {
  readonly server_id: string;
  readonly cpu: number;
  readonly memory_mb: { readonly total: number | null; readonly available: number | null };
}

const usageOf = ({ cpu, memory_mb: { total, available } }: UsageRow): Usage => ({
  cpu,
  memoryBytes: total === null || available === null ? null : (total - available) * MIB,
});
