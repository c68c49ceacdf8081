// Why: one table of servers serves the list, their pages and the drawings; it is read once and then follows the changes.

import { computed, signal } from '@preact/signals';
import { get, listAll, messageOf } from './api.ts';
import { onNews } from './live.ts';
import { isOperator, remembered, session, store } from './session.ts';
import type { Adjustment, Server } from './types.ts';

const PAGE = 200;
/** More than so many changed sizes are read as a list. */
const SINGLE_SIZES = 24;
/** What was written a moment before the service's clock was read may not have been committed. */
const OVERLAP_MS = 5_000;

export const servers = signal<ReadonlyMap<string, Server>>(new Map());
export const sizes = signal<ReadonlyMap<string, Adjustment>>(new Map());
export const loadState = signal<'loading' | 'more' | 'ready' | 'failed'>('loading');
export const loadError = signal('');
/** Operators may look at the servers of all projects. */
export const ofAll = signal(remembered<boolean>('xloud.all') ?? false);

const isWide = computed(() => ofAll.value && isOperator.value === true);
const scope = (): string => (isWide.value ? '&all_tenants=1' : '');

/** Newest first, those of one second by name. */
export const ordered = computed(() =>
  [...servers.value.values()].sort((a, b) =>
    a.created === b.created ? (a.name < b.name ? -1 : 1) : a.created < b.created ? 1 : -1,
  ),
);

export interface Size {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly floor: { readonly vcpus: number; readonly memoryMb: number };
  readonly ceiling: { readonly vcpus: number; readonly memoryMb: number };
}

const numberOf = (text: string | undefined, fallback: number): number => {
  const value = Number(text);
  return text === undefined || Number.isNaN(value) ? fallback : value;
};

/** What a server's flavor says, and where it stands between. */
export function sizeOf({ id, flavor }: Server, known: ReadonlyMap<string, Adjustment>): Size {
  const specs = flavor.extra_specs ?? {};
  const ceiling = { vcpus: flavor.vcpus, memoryMb: flavor.ram };
  const floor = {
    vcpus: numberOf(specs['minimum_cpu'], flavor.vcpus),
    memoryMb: numberOf(specs['minimum_memory'], flavor.ram),
  };
  const own = known.get(id);
  return {
    vcpus: own?.vcpus.current ?? floor.vcpus,
    memoryMb: own?.memory_mb.current ?? floor.memoryMb,
    floor: own === undefined ? floor : { vcpus: own.vcpus.minimum, memoryMb: own.memory_mb.minimum },
    ceiling,
  };
}

/** Whether a server's size may change: what its flavor says, or, where a policy hides that, what the service says of it. */
export function isElastic({ id, flavor }: Server): boolean {
  const { minimum_cpu: cpu, minimum_memory: memory } = flavor.extra_specs ?? {};
  if (numberOf(cpu, flavor.vcpus) < flavor.vcpus || numberOf(memory, flavor.ram) < flavor.ram) return true;
  const own = sizes.value.get(id);
  return own !== undefined && (own.vcpus.minimum < own.vcpus.maximum || own.memory_mb.minimum < own.memory_mb.maximum);
}

/** By the service's clock: from when on changes are asked for next. */
let sinceMs = 0;
/** Counts the loads, so that answers for a project which was left are dropped. */
let generation = 0;

const dateIn = (headers: Headers): number => new Date(headers.get('Date') ?? Date.now()).getTime() - OVERLAP_MS;

function merge(changed: readonly Server[]): void {
  if (changed.length === 0) return;
  const next = new Map(servers.value);
  for (const server of changed) {
    if (server.status === 'DELETED' || server.status === 'SOFT_DELETED') next.delete(server.id);
    else next.set(server.id, server);
  }
  servers.value = next;
}

function mergeSizes(changed: readonly Adjustment[]): void {
  if (changed.length === 0) return;
  const next = new Map(sizes.value);
  for (const one of changed) next.set(one.server_id, one);
  sizes.value = next;
}

const readAllSizes = async (): Promise<void> => {
  const mine = generation;
  await listAll<Adjustment>(`/os-xloud-adjust?limit=500${scope()}`, 'adjustments', (page) => {
    if (mine === generation) mergeSizes(page);
  });
};

/** Reads everything anew: another project, or the first time. */
export async function loadServers(): Promise<void> {
  generation += 1;
  const mine = generation;
  servers.value = new Map();
  sizes.value = new Map();
  loadState.value = 'loading';
  try {
    // without them flavors tell what there is to tell
    const withSizes = readAllSizes().catch(() => undefined);
    let isFirst = true;
    await listAll<Server>(`/servers/detail?limit=${PAGE}${scope()}`, 'servers', (page, headers) => {
      if (mine !== generation) return;
      if (isFirst) sinceMs = dateIn(headers);
      isFirst = false;
      merge(page);
      loadState.value = 'more';
    });
    await withSizes;
    if (mine === generation) loadState.value = 'ready';
  } catch (error) {
    if (mine !== generation) return;
    loadState.value = 'failed';
    loadError.value = messageOf(error);
  }
}

async function readSizes(changed: readonly Server[]): Promise<void> {
  const elastic = changed.filter((server) => server.status !== 'DELETED' && isElastic(server));
  if (elastic.length > SINGLE_SIZES) return readAllSizes();
  const mine = generation;
  const found = await Promise.all(
    elastic.map(({ id }) => get<Adjustment>('compute', `/os-xloud-adjust/${id}`).catch(() => null)),
  );
  if (mine === generation) mergeSizes(found.filter((one) => one !== null));
}

/** Reads what changed since the last time. */
async function readChanges(): Promise<void> {
  if (session.value === null || loadState.value === 'loading') return;
  const mine = generation;
  const since = new Date(sinceMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const path = `/servers/detail?limit=${PAGE}&changes-since=${encodeURIComponent(since)}${scope()}`;
  let atMs: number | null = null;
  const changed = await listAll<Server>(path, 'servers', (_page, headers) => {
    atMs ??= dateIn(headers);
  });
  if (mine !== generation) return;
  sinceMs = atMs ?? sinceMs;
  merge(changed);
  await readSizes(changed);
}

let reading: Promise<void> | null = null;
let isAskedAgain = false;

/** Follows changes; whatever is asked for while one look is under way is one look after it. */
export function refresh(): Promise<void> {
  if (reading !== null) {
    isAskedAgain = true;
    return reading;
  }
  reading = readChanges()
    .catch(() => undefined)
    .finally(() => {
      reading = null;
      if (!isAskedAgain) return;
      isAskedAgain = false;
      void refresh();
    });
  return reading;
}

onNews(({ ids, more }) => {
  if (more || ids.length > 0) void refresh();
});

export function showAll(all: boolean): void {
  store('local', 'xloud.all', all);
  ofAll.value = all;
  void loadServers();
}
