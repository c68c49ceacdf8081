// Why: a host is emptied, and the load of hosts evened out, by the same calls that any administrator can make; what is next for a server
// follows from its state, by the rule that the command `xloud host drain` goes by.

import { signal } from '@preact/signals';
import { nextMove } from '../../../../base/drain-plan.ts';
import { get, listAll, messageOf, post, put } from './api.ts';
import type { ActionRecord, Server } from './types.ts';

export interface Moving {
  readonly title: string;
  readonly all: number;
  readonly done: number;
  readonly now: string | null;
  readonly left: readonly { readonly name: string; readonly why: string }[];
  readonly isOver: boolean;
}

interface PlannedMove {
  readonly server_id: string;
  readonly server_name: string;
  readonly from_host: string;
  readonly to_host: string;
}

export interface BalancePlan {
  readonly moves: readonly PlannedMove[];
  readonly hosts: readonly { readonly host: string; readonly claimed_before: number; readonly claimed_after: number }[];
}

const LOOK_MS = 1_000;

export const moving = signal<Moving | null>(null);

/** What would become of each server of a host that is emptied: a word for its way, or why it stays. */
export const drainPlan = (servers: readonly Server[]): readonly { server: Server; way: string; stays: boolean }[] =>
  servers.map((server) => {
    const next = nextMove(server);
    return 'stuck' in next ? { server, way: next.stuck, stays: true } : { server, way: next.label, stays: false };
  });

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_MS));

const read = async (id: string): Promise<Server> => (await get<{ server: Server }>('compute', `/servers/${id}`)).server;

async function settled(id: string): Promise<Server> {
  for (;;) {
    const server = await read(id);
    if (server['OS-EXT-STS:task_state'] === null) return server;
    await pause();
  }
}

/** Why the last thing that was done with a server went wrong. */
async function lastWords(id: string): Promise<string> {
  const path = `/servers/${id}/os-instance-actions`;
  const { instanceActions } = await get<{ instanceActions: readonly ActionRecord[] }>('compute', path);
  return instanceActions[0]?.message ?? 'It did not move.';
}

/** Takes one server off its host by what its state allows. Throws why it stays. */
async function moveAway(id: string, host: string): Promise<void> {
  const next = nextMove(await settled(id));
  if ('stuck' in next) throw new Error(next.stuck);
  if (!('action' in next)) return;
  await post('compute', `/servers/${id}/action`, next.action);
  const after = await settled(id);
  // a cold migration waits to be confirmed; this one was asked for here
  if (after.status === 'VERIFY_RESIZE') {
    await post('compute', `/servers/${id}/action`, { confirmResize: null });
    await settled(id);
    return;
  }
  if (after['OS-EXT-SRV-ATTR:host'] === host) throw new Error(await lastWords(id));
}

async function moveTo({ server_id: id, to_host: host }: PlannedMove): Promise<void> {
  await post('compute', `/servers/${id}/action`, { 'os-migrateLive': { host, block_migration: 'auto' } });
  const after = await settled(id);
  if (after['OS-EXT-SRV-ATTR:host'] !== host) throw new Error(await lastWords(id));
}

async function oneByOne<T>(
  title: string,
  items: readonly T[],
  nameOf: (item: T) => string,
  work: (item: T) => Promise<void>,
): Promise<void> {
  moving.value = { title, all: items.length, done: 0, now: null, left: [], isOver: false };
  for (const item of items) {
    const before: Moving | null = moving.value;
    if (before === null) return;
    moving.value = { ...before, now: nameOf(item) };
    const why = await work(item).then(
      () => null,
      (error: unknown) => messageOf(error),
    );
    const now: Moving | null = moving.value;
    if (now === null) return;
    const left: Moving['left'] = why === null ? now.left : [...now.left, { name: nameOf(item), why }];
    moving.value = { ...now, done: now.done + 1, left };
  }
  if (moving.value !== null) moving.value = { ...moving.value, now: null, isOver: true };
}

export const setEnabled = (serviceId: string, enabled: boolean, reason = ''): Promise<unknown> =>
  put(
    'compute',
    `/os-services/${serviceId}`,
    enabled ? { status: 'enabled' } : { status: 'disabled', disabled_reason: reason },
  );

/** Disables a host and moves its servers away, one after another. */
export async function drain(title: string, host: string, serviceId: string, reason: string): Promise<void> {
  await setEnabled(serviceId, false, reason);
  const path = `/servers/detail?all_tenants=1&host=${encodeURIComponent(host)}&limit=500`;
  const servers = await listAll<Server>(path, 'servers');
  await oneByOne(
    title,
    servers,
    ({ name }) => name,
    ({ id }) => moveAway(id, host),
  );
}

export const planBalance = (moves: number): Promise<BalancePlan> =>
  post<BalancePlan>('compute', '/os-xloud-scheduler/balance', { moves });

export const balance = (title: string, { moves }: BalancePlan): Promise<void> =>
  oneByOne(title, moves, ({ server_name }) => server_name, moveTo);
