// Why: what an operator's Placement does in a bad hour cannot be asked of a real one: it loses a generation, answers 500, not at all, or only
// after it did what it was asked. This one keeps providers, generations and consumers as Placement does, and fails when it is told to.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `stale`: as if somebody had been quicker. `broken`: 503. `before`, `after`: cut off before or after it was done. `mute`: never answered. */
export type Mishap = 'stale' | 'broken' | 'before' | 'after' | 'mute';

interface Provider {
  name: string;
  generation: number;
  inventories: Record<string, Inventory>;
  traits: string[];
  aggregates: string[];
}
interface Inventory {
  readonly total: number;
  readonly reserved: number;
  readonly allocation_ratio: number;
}
interface Consumer {
  generation: number;
  readonly project_id: string;
  readonly user_id: string;
  readonly consumer_type: string;
  /** By provider. */
  readonly allocations: Record<string, { resources: Record<string, number> }>;
}

export interface PlacementDouble {
  readonly endpoint: string;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly consumers: Map<string, Consumer>;
  /** Requests so far: `PUT /allocations/…`. */
  readonly asked: string[];
  /** What of a request tells with which version it is spoken. */
  readonly versions: (string | undefined)[];
  /** The newest version that it speaks. */
  newest: string;
  /** What happens to a request; null: nothing. */
  mishap: (request: string) => Mishap | null;
  close(): Promise<void>;
}

type Answer = readonly [status: number, body?: unknown];

const refusal = (status: number, detail: string, code = 'placement.undefined_code'): Answer => [
  status,
  { errors: [{ status, title: 'refused', detail, code }] },
];
const STALE = refusal(409, 'somebody was quicker', 'placement.concurrent_update');

/** The rules of Placement, as far as the mirror meets them. */
function makeRules(providers: Map<string, Provider>, consumers: Map<string, Consumer>, newest: () => string) {
  const used = (uuid: string, name: string, but = ''): number =>
    [...consumers].reduce(
      (sum, [consumer, { allocations }]) => sum + (consumer === but ? 0 : (allocations[uuid]?.resources[name] ?? 0)),
      0,
    );

  // oxlint-disable-next-line typescript/no-explicit-any -- it reads what it expects
  function setAllocations(consumer: string, body: any): Answer {
    const before = consumers.get(consumer);
    if ((before?.generation ?? null) !== body.consumer_generation) return STALE;
    const allocations = body.allocations as Consumer['allocations'];
    if (Object.keys(allocations).length === 0) {
      consumers.delete(consumer);
      return [204];
    }
    for (const [uuid, { resources }] of Object.entries(allocations)) {
      const provider = providers.get(uuid);
      if (provider === undefined)
        return refusal(400, `Allocation for resource provider '${uuid}' that does not exist.`);
      for (const [name, amount] of Object.entries(resources)) {
        const has = provider.inventories[name];
        if (has === undefined) return refusal(409, `Unable to allocate inventory: no inventory of ${name}`);
        if (used(uuid, name, consumer) + amount > (has.total - has.reserved) * has.allocation_ratio)
          return refusal(409, 'Unable to allocate inventory: The requested amount would exceed the capacity.');
      }
    }
    for (const uuid of Object.keys(allocations)) (providers.get(uuid) as Provider).generation += 1;
    const { project_id, user_id, consumer_type } = body;
    consumers.set(consumer, {
      ...{ project_id, user_id, consumer_type, allocations },
      generation: (before?.generation ?? 0) + 1,
    });
    return [204];
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- it reads what it expects
  function setPart(uuid: string, provider: Provider, part: string, body: any): Answer {
    if (body.resource_provider_generation !== provider.generation) return STALE;
    if (part === 'inventories') {
      const gone = Object.keys(provider.inventories).filter((name) => !(name in body.inventories));
      if (gone.some((name) => used(uuid, name) > 0)) return refusal(409, 'in use', 'placement.inventory.inuse');
    }
    Object.assign(provider, { [part]: body[part] });
    provider.generation += 1;
    return [200, {}];
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- it reads what it expects
  return function answer(method: string, url: URL, body: any): Answer {
    const [noun = '', uuid = '', part = ''] = url.pathname.split('/').slice(1);
    if (noun === '') return [200, { versions: [{ max_version: newest() }] }];
    if (noun === 'traits' && method === 'GET') {
      const [, names = ''] = /^in:(.*)$/.exec(url.searchParams.get('name') ?? '') ?? [];
      return [200, { traits: names.split(',').filter((name) => !name.startsWith('CUSTOM_')) }];
    }
    if (noun === 'traits' || noun === 'resource_classes') return [204];
    if (noun === 'allocations') {
      if (method === 'PUT') return setAllocations(uuid, body);
      const { generation, ...rest } = consumers.get(uuid) ?? { allocations: {}, generation: null };
      return [200, generation === null ? rest : { ...rest, consumer_generation: generation }];
    }
    const named = (name: unknown, but = '') =>
      [...providers].find(([other, one]) => one.name === name && other !== but)?.[0];
    if (uuid === '' && method === 'GET') {
      const found = named(url.searchParams.get('name'));
      return [200, { resource_providers: found === undefined ? [] : [{ uuid: found }] }];
    }
    if (uuid === '') {
      if (named(body.name) !== undefined || providers.has(body.uuid))
        return refusal(409, 'taken', 'placement.duplicate_name');
      providers.set(body.uuid, { name: body.name, generation: 0, inventories: {}, traits: [], aggregates: [] });
      return [201, {}];
    }
    const provider = providers.get(uuid);
    if (provider === undefined) return refusal(404, 'no such provider');
    if (part === 'allocations') {
      const found = [...consumers].flatMap(([consumer, { allocations }]) =>
        allocations[uuid] === undefined ? [] : [[consumer, allocations[uuid]] as const],
      );
      return [200, { allocations: Object.fromEntries(found) }];
    }
    if (part !== '' && method === 'PUT') return setPart(uuid, provider, part, body);
    if (part !== '')
      return [200, { [part]: provider[part as 'traits'], resource_provider_generation: provider.generation }];
    if (method === 'DELETE') {
      if ([...consumers.values()].some(({ allocations }) => allocations[uuid] !== undefined))
        return refusal(409, 'in use', 'placement.resource_provider.inuse');
      providers.delete(uuid);
      return [204];
    }
    if (method === 'PUT') {
      if (named(body.name, uuid) !== undefined) return refusal(409, 'taken', 'placement.duplicate_name');
      provider.name = body.name;
      return [200, {}];
    }
    return [200, { uuid, name: provider.name, generation: provider.generation }];
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString('utf8');
  return text === '' ? null : JSON.parse(text);
}

export async function startPlacementDouble(): Promise<PlacementDouble> {
  const providers = new Map<string, Provider>();
  const consumers = new Map<string, Consumer>();
  const rules = makeRules(providers, consumers, () => double.newest);
  const asked: string[] = [];
  const versions: PlacementDouble['versions'] = [];
  const nothing = (): Mishap | null => null;
  const double = { providers, consumers, asked, versions, newest: '1.39', mishap: nothing } as unknown as {
    -readonly [K in keyof PlacementDouble]: PlacementDouble[K];
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const body = await bodyOf(request);
    asked.push(`${method} ${url}`);
    versions.push(request.headers['openstack-api-version'] as string | undefined);
    const mishap = double.mishap(`${method} ${url}`);
    if (mishap === 'mute') return;
    if (mishap === 'before') return void request.socket.destroy();
    const changes = method !== 'GET';
    const [status, said] =
      mishap === 'broken'
        ? refusal(503, 'overloaded')
        : mishap === 'stale' && changes
          ? STALE
          : rules(method, new URL(url, 'http://double'), body);
    if (mishap === 'after') return void request.socket.destroy();
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(said === undefined ? '' : JSON.stringify(said));
  }

  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  double.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  double.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return double;
}
