// Why: writes to an operator's Placement carry the generation that was read, and every answer becomes one of few outcomes, so that the mirror
// knows whether to read again, to give up, or to retry later.

import type { Dispatcher } from 'undici';
import { limits } from '../base/limits.ts';
import type { ClassAmounts, Inventories, Inventory, ProviderAmounts } from '../domain/placement/placement-mirror.ts';
import { type Fault, unavailable } from '../base/errors.ts';
import { countOrNull, mustHaveList, mustHaveObject, record, records, textOf } from './answer-values.ts';
import { makeNeighbour, type NeighbourAnswer, type NeighbourOptions } from './neighbour.ts';

/** The result of a write. */
export type Outcome =
  | { readonly kind: 'done' }
  /** A generation conflict: somebody changed it since it was read. */
  | { readonly kind: 'stale' }
  /** The provider does not exist. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly why: Refusal; readonly reason: string };

/** `taken`: another provider has the name. `used`: there are allocations or child providers. `full`: the capacity would be exceeded. */
export type Refusal = 'taken' | 'used' | 'full' | 'other';

/** A part of a provider, and the generation with which it may be written. */
export interface Read<T> {
  readonly generation: number;
  readonly value: T;
}

export interface ConsumerState {
  readonly allocations: ProviderAmounts;
  /** Null: a new consumer. */
  readonly generation: number | null;
  readonly owner: ConsumerOwner;
}

/** The owner of a consumer; Placement requires it with every write, also with the last one. */
export interface ConsumerOwner {
  readonly projectId: string;
  readonly userId: string;
  /** `INSTANCE` or `MIGRATION`; sent if Placement supports types. */
  readonly type: string;
}

export interface NewAllocations extends Pick<ConsumerState, 'allocations' | 'generation'> {
  readonly owner: ConsumerOwner;
}

/** Every call throws `unavailable` if Placement does not answer. Null: there is no such provider. */
export interface Placement {
  name(provider: string): Promise<string | null>;
  /** The uuid of the provider with a name; null: there is none. */
  providerNamed(name: string): Promise<string | null>;
  addProvider(provider: string, name: string): Promise<Outcome>;
  renameProvider(provider: string, name: string): Promise<Outcome>;
  removeProvider(provider: string): Promise<Outcome>;
  inventories(provider: string): Promise<Read<Inventories> | null>;
  setInventories(provider: string, generation: number, inventories: Inventories): Promise<Outcome>;
  /** Creates a custom resource class (`CUSTOM_…`). Idempotent. */
  makeClass(name: string): Promise<Outcome>;
  traits(provider: string): Promise<Read<readonly string[]> | null>;
  setTraits(provider: string, generation: number, traits: readonly string[]): Promise<Outcome>;
  /** Those of these traits that exist. */
  knownTraits(names: readonly string[]): Promise<ReadonlySet<string>>;
  makeTrait(name: string): Promise<Outcome>;
  aggregates(provider: string): Promise<Read<readonly string[]> | null>;
  setAggregates(provider: string, generation: number, aggregates: readonly string[]): Promise<Outcome>;
  /** Allocations on a provider, by consumer uuid. */
  allocationsOn(provider: string): Promise<ProviderAmounts | null>;
  consumer(uuid: string): Promise<ConsumerState>;
  setAllocations(consumer: string, wanted: NewAllocations): Promise<Outcome>;
  /** The newest microversion: `[1, 39]`. */
  newest(): Promise<readonly [major: number, minor: number]>;
}

export interface PlacementService {
  /** Calls that are aborted by a signal. */
  during(until: AbortSignal): Placement;
  close(): Promise<void>;
}

export interface PlacementOptions extends Pick<NeighbourOptions, 'endpoint' | 'serviceToken' | 'timeoutMs'> {
  /** Called with every answer; status 0: there was none. */
  readonly answered?: (method: string, status: number) => void;
}

/** The oldest supported microversion: consumer generations, and empty allocations delete the consumer (Rocky, 2018). */
const LEAST = 28;
/** The first microversion with consumer types, and the newest that is used. */
const TYPED = 38;
/** Names in one query, to keep the URL short enough for any proxy. */
const NAMES_AT_ONCE = 50;

const CONCURRENT = 'placement.concurrent_update';
const reasons: Readonly<Record<string, Refusal>> = {
  'placement.duplicate_name': 'taken',
  'placement.inventory.inuse': 'used',
  'placement.resource_provider.inuse': 'used',
  'placement.resource_provider.cannot_delete_parent': 'used',
};

/** Placement has an error code for concurrent updates of allocations only; other refusals are recognised by their message. */
function refusalOf({ type, message }: NeighbourAnswer): Refusal {
  const known = reasons[type];
  if (known !== undefined) return known;
  return /exceed the capacity|over capacity|violate constraints/i.test(message) ? 'full' : 'other';
}

function outcomeOf(answer: NeighbourAnswer): Outcome {
  const { status, type, message } = answer;
  if (status >= 200 && status < 300) return { kind: 'done' };
  if (status === 404) return { kind: 'gone' };
  if (status === 409 && type === CONCURRENT) return { kind: 'stale' };
  // an allocation on a provider that does not exist
  if (status === 400 && /resource provider '?[\w-]+'? that does not exist/i.test(message)) return { kind: 'gone' };
  return { kind: 'refused', why: refusalOf(answer), reason: message === '' ? `status ${status}` : message };
}

const id = (value: string): string => encodeURIComponent(value);
const at = (provider: string, what = ''): string => `/resource_providers/${id(provider)}${what}`;
const amountsIn = (value: unknown): ClassAmounts =>
  Object.fromEntries(Object.entries(record(value)).map(([name, amount]) => [name, Number(amount)]));
/** Reads `allocations`, each with its `resources`, by uuid. */
const allocationsIn = (body: unknown): ProviderAmounts =>
  Object.fromEntries(
    Object.entries(mustHaveObject('placement', body, 'allocations')).map(([uuid, one]) => [
      uuid,
      amountsIn(record(one)['resources']),
    ]),
  );

type Json = Readonly<Record<string, unknown>>;

const unusable = (detail: string): Fault => unavailable('The placement service is not available now.', { detail });

const namesIn = (body: unknown, name: string): readonly string[] => {
  const value = record(body)[name];
  if (!Array.isArray(value)) throw unusable(`its answer has no ${name}`);
  return value.filter((one) => typeof one === 'string');
};

/** Each number of an inventory has to be one: what is compared, and written back, is all of them. */
const inventoriesIn = (body: unknown): Inventories =>
  Object.fromEntries(
    Object.entries(mustHaveObject('placement', body, 'inventories')).map(([name, one]) => {
      const has = record(one);
      const of = (unit: keyof Inventory): number => {
        const value = has[unit];
        if (typeof value !== 'number' || !Number.isFinite(value)) throw unusable(`its ${name} has no ${unit}`);
        return value;
      };
      const [total, reserved] = [of('total'), of('reserved')];
      const units = { min_unit: of('min_unit'), max_unit: of('max_unit'), step_size: of('step_size') };
      return [name, { total, reserved, ...units, allocation_ratio: of('allocation_ratio') }];
    }),
  );

type Ask = (method: Dispatcher.HttpMethod, path: string, body?: unknown) => Promise<NeighbourAnswer>;

function callsOf(ask: Ask, minor: () => Promise<number>): Placement {
  const unexpected = (what: string, { status, message }: NeighbourAnswer) => unusable(`${what}: ${status} ${message}`);
  const change = async (method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<Outcome> =>
    outcomeOf(await ask(method, path, body));
  const get = async (path: string): Promise<Json | null> => {
    const answer = await ask('GET', path);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw unexpected(`GET ${path}`, answer);
    return record(answer.body);
  };
  const read = async <T>(path: string, of: (body: Json) => T): Promise<Read<T> | null> => {
    const body = await get(path);
    if (body === null) return null;
    const generation = countOrNull(body['resource_provider_generation']);
    if (generation === null) throw unusable('its answer has no generation');
    return { generation, value: of(body) };
  };
  const generationOf = (generation: number) => ({ resource_provider_generation: generation });

  return {
    async name(provider) {
      const body = await get(at(provider));
      if (body !== null && typeof body['name'] !== 'string') throw unusable('its answer has no name');
      return body === null ? null : textOf(body['name']);
    },
    async providerNamed(name) {
      const body = await get(`/resource_providers?name=${id(name)}`);
      const [found] = mustHaveList('placement', body, 'resource_providers');
      return found === undefined ? null : textOf(found['uuid']);
    },
    addProvider: (uuid, name) => change('POST', '/resource_providers', { uuid, name }),
    renameProvider: (provider, name) => change('PUT', at(provider), { name }),
    removeProvider: (provider) => change('DELETE', at(provider)),
    inventories: (provider) => read(at(provider, '/inventories'), inventoriesIn),
    setInventories: (provider, generation, inventories) =>
      change('PUT', at(provider, '/inventories'), { ...generationOf(generation), inventories }),
    makeClass: (name) => change('PUT', `/resource_classes/${id(name)}`),
    traits: (provider) => read(at(provider, '/traits'), (body) => namesIn(body, 'traits')),
    setTraits: (provider, generation, traits) =>
      change('PUT', at(provider, '/traits'), { ...generationOf(generation), traits }),
    async knownTraits(names) {
      const known = new Set<string>();
      for (let from = 0; from < names.length; from += NAMES_AT_ONCE) {
        const some = names.slice(from, from + NAMES_AT_ONCE).map(id);
        for (const name of namesIn(await get(`/traits?name=in:${some.join(',')}`), 'traits')) known.add(name);
      }
      return known;
    },
    makeTrait: (name) => change('PUT', `/traits/${id(name)}`),
    aggregates: (provider) => read(at(provider, '/aggregates'), (body) => namesIn(body, 'aggregates')),
    setAggregates: (provider, generation, aggregates) =>
      change('PUT', at(provider, '/aggregates'), { ...generationOf(generation), aggregates }),
    async allocationsOn(provider) {
      const body = await get(at(provider, '/allocations'));
      return body === null ? null : allocationsIn(body);
    },
    async consumer(uuid) {
      const body = await get(`/allocations/${id(uuid)}`);
      if (body === null) throw unusable('it knows nothing of consumers');
      const { consumer_generation: generation, consumer_type: type } = body;
      return {
        allocations: allocationsIn(body),
        generation: typeof generation === 'number' ? generation : null,
        owner: {
          projectId: textOf(body['project_id']),
          userId: textOf(body['user_id']),
          // a consumer from before types is `unknown`, which Placement does not accept in a write
          type: typeof type === 'string' && type !== 'unknown' ? type : 'INSTANCE',
        },
      };
    },
    async setAllocations(consumer, { allocations, generation, owner }) {
      const { projectId, userId, type } = owner;
      const typed = (await minor()) >= TYPED ? { consumer_type: type } : {};
      return change('PUT', `/allocations/${id(consumer)}`, {
        allocations: Object.fromEntries(Object.entries(allocations).map(([uuid, resources]) => [uuid, { resources }])),
        ...{ consumer_generation: generation, project_id: projectId, user_id: userId, ...typed },
      });
    },
    async newest() {
      const [found] = records(record((await ask('GET', '/')).body)['versions']);
      const [, major, newest] = /^(\d+)\.(\d+)$/.exec(textOf(found?.['max_version'])) ?? [];
      return [Number(major ?? 0), Number(newest ?? 0)];
    },
  };
}

export function makePlacement(options: PlacementOptions): PlacementService {
  const { answered = () => {}, timeoutMs = limits.placementMs } = options;
  const neighbour = makeNeighbour('placement', { ...options, timeoutMs });
  /** The negotiated minor version; null: not known yet. */
  let spoken: number | null = null;

  const asking =
    (until: AbortSignal): Ask =>
    async (method, path, body) => {
      const headers = spoken === null ? {} : { 'OpenStack-API-Version': `placement 1.${spoken}` };
      try {
        const answer = await neighbour.ask(null, method, path, body, { until, headers });
        answered(method, answer.status);
        // Placement's version changed: negotiate again
        if (answer.status === 406) spoken = null;
        return answer;
      } catch (error) {
        answered(method, 0);
        throw error;
      }
    };

  /** Negotiates the version; once, and again after a 406. */
  async function agree(ask: Ask): Promise<number> {
    if (spoken !== null) return spoken;
    const [major, newest] = await callsOf(ask, async () => 0).newest();
    if (major !== 1 || newest < LEAST) {
      const found = major === 0 ? 'the answering service is not Placement' : `its newest version is ${major}.${newest}`;
      throw unavailable('The placement service is too old.', { detail: `${found}; 1.${LEAST} is required` });
    }
    return (spoken = Math.min(newest, TYPED));
  }

  return {
    during(until) {
      const plain = asking(until);
      const ask: Ask = async (method, path, body) => {
        await agree(plain);
        return plain(method, path, body);
      };
      return callsOf(ask, () => agree(plain));
    },
    close: () => neighbour.close(),
  };
}
