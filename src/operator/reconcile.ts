// Why: one look at a machine and its server, and the next step that brings them together. Every step may be repeated, and nothing is remembered
// between two looks but what the machine's status says: an operator that is killed goes on where it was.

import { Fault, messageOf } from '../base/errors.ts';
import { withConditions, type Told } from './conditions.ts';
import { callHook, type HookName, mayCall } from './hook.ts';
import type { Observed, Provider } from './provider.ts';
import { planSnapshots } from './snapshots.ts';
import {
  ADOPT,
  type ConditionType,
  type Phase,
  type Size,
  type VirtualMachine,
  type VirtualMachineStatus,
} from './types.ts';
import { shownSize, type Wanted, wantedOf } from './wanted.ts';

/** What a look may use. */
export interface Reconciling {
  readonly provider: Provider;
  /** What a Secret's key holds; null: there is none. */
  readonly readSecret: (namespace: string, name: string, key: string) => Promise<Buffer | null>;
  /** Something that people shall read of the machine. */
  readonly tell: (vm: VirtualMachine, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly hookPrefixes: readonly string[];
  /** Waits for somebody who may take long, and keeps no other machine waiting meanwhile. */
  readonly aside: <T>(wait: () => Promise<T>) => Promise<T>;
  readonly now: () => number;
}

export interface Looked {
  readonly status: VirtualMachineStatus;
  /** When to look again, in milliseconds; null: when something changes. */
  readonly againMs: number | null;
}

/** While something is under way: what comes of it is told, and this is for what was not. */
const SOON_MS = 15_000;
/** After a refusal that may be another one later. */
const LATER_MS = 30_000;
/** Longer than that no timer is set: the machine is looked at anyway. */
const LONGEST_MS = 3_600_000;

const same = (a: Size, b: Size): boolean => a.cpu === b.cpu && a.memoryMb === b.memoryMb;
const sizeText = ({ cpu, memoryMb }: Size): string => `${cpu} vCPUs and ${memoryMb} MiB`;

type Conditions = Partial<Record<ConditionType, Told | null>>;

/** What one look collects. */
interface Look {
  phase: Phase;
  readonly conditions: Conditions;
  againMs: number | null;
  snapshots?: VirtualMachineStatus['snapshots'];
}

const phases: Readonly<Record<Observed['state'], Phase>> = {
  ...{ building: 'Provisioning', running: 'Running', stopped: 'Stopped', paused: 'Stopped' },
  ...{ error: 'Failed', other: 'Pending' },
};

const MOVES = /migrat/;

function phaseOf({ state, task, status }: Observed): Phase {
  if (MOVES.test(task ?? '') || status === 'MIGRATING') return 'Migrating';
  return phases[state];
}

/** What a refusal means for a machine: words for its condition; what may go well the next time is thrown on. */
function refusal(error: unknown): string {
  if (error instanceof Fault && error.kind !== 'unavailable' && error.kind !== 'unauthorized') return error.message;
  throw error;
}

async function hook(deps: Reconciling, vm: VirtualMachine, name: HookName): Promise<void> {
  const wanted = vm.spec.template.spec.hooks?.[name];
  if (wanted === undefined) return;
  if (!mayCall(wanted.url, vm.metadata.namespace, deps.hookPrefixes))
    throw new Fault(
      'forbidden',
      `The hook ${name} may not be called: ${wanted.url} is neither a service of its namespace nor allowed.`,
    );
  try {
    await deps.aside(() => callHook(name, wanted, vm));
  } catch (error) {
    deps.tell(vm, 'Warning', 'HookFailed', messageOf(error));
    throw error;
  }
}

/** Whether a server was made just now. Another operator, which lost the lease without knowing it, may have made one meanwhile. */
const isNew = ({ status }: VirtualMachine, { state }: Observed): boolean =>
  status?.phase === 'Provisioning' && state !== 'building';

/**
 * The server of a machine. Of several, which two operators made at once, the oldest stays.
 * @param seen as `reconcile` has it
 */
async function serverOf(deps: Reconciling, vm: VirtualMachine, seen: Observed | null): Promise<Observed | null> {
  const { provider, tell } = deps;
  const { uid, annotations } = vm.metadata;
  const known = vm.status?.serverID;
  const server = known === undefined ? null : seen?.id === known ? seen : await provider.show(known, uid);
  if (server !== null && !isNew(vm, server)) return server;
  if (known !== undefined && server === null) tell(vm, 'Warning', 'ServerGone', `The server ${known} is gone.`);
  let found = await provider.find(uid, server);
  const adopted = annotations?.[ADOPT];
  // whoever has a server adopts none: one of the two would be one too many, and be removed
  if (found.length === 0 && known === undefined && adopted !== undefined) {
    await provider.adopt(adopted, { uid, namespace: vm.metadata.namespace });
    tell(vm, 'Normal', 'Adopted', `The machine is the server ${adopted} from now on.`);
    found = await provider.find(uid);
  }
  const [first, ...others] = found;
  for (const { id } of others) {
    await provider.remove(id);
    tell(vm, 'Warning', 'Doubled', `The server ${id} was made twice, and is removed.`);
  }
  return first ?? null;
}

async function userDataOf(deps: Reconciling, vm: VirtualMachine): Promise<Buffer | null> {
  const { userData, userDataSecretRef: ref } = vm.spec.template.spec;
  if (ref === undefined) return userData === undefined ? null : Buffer.from(userData);
  const { name, key = 'userData' } = ref;
  const found = await deps.readSecret(vm.metadata.namespace, name, key);
  if (found === null) throw new Fault('notFound', `There is no key ${key} in a Secret ${name}.`);
  return found;
}

async function create(deps: Reconciling, vm: VirtualMachine, wanted: Wanted): Promise<string> {
  const { uid, name, namespace } = vm.metadata;
  const userData = await userDataOf(deps, vm);
  await hook(deps, vm, 'preStart');
  const keyName = vm.spec.template.spec.keyName ?? null;
  const id = await deps.provider.create({ uid, name, namespace, wanted, userData, keyName });
  deps.tell(vm, 'Normal', 'Created', `The server ${id} is being made.`);
  return id;
}

/** Switches the server on or off; whether something was done. */
async function power(deps: Reconciling, vm: VirtualMachine, wanted: Wanted, server: Observed): Promise<boolean> {
  if (wanted.running && (server.state === 'stopped' || server.state === 'paused')) {
    await hook(deps, vm, 'preStart');
    await deps.provider.start(server);
    deps.tell(vm, 'Normal', 'Starting', 'The machine is started.');
    return true;
  }
  if (!wanted.running && server.state === 'running') {
    await hook(deps, vm, 'preStop');
    await deps.provider.stop(server.id);
    deps.tell(vm, 'Normal', 'Stopping', 'The machine is stopped.');
    return true;
  }
  return false;
}

/** Why a size cannot be had while the machine runs; null: it can. */
function outside({ size }: Wanted, { floor, ceiling }: Observed['sizes']): string | null {
  const low = size.cpu < floor.cpu || size.memoryMb < floor.memoryMb;
  const high = size.cpu > ceiling.cpu || size.memoryMb > ceiling.memoryMb;
  if (!low && !high) return null;
  const [word, bound] = high ? ['above', ceiling] : ['below', floor];
  return `${sizeText(size)} is ${word} the ${high ? 'ceiling' : 'floor'} that the machine was made with, ${sizeText(bound)}.`;
}

/** Moves the server to the wanted size, as it runs. */
async function adjust(
  deps: Reconciling,
  vm: VirtualMachine,
  wanted: Wanted,
  server: Observed,
  look: Look,
): Promise<void> {
  const { sizes } = server;
  const say = (told: Told): void => void (look.conditions.Adjusted = told);
  const bad = outside(wanted, sizes);
  if (bad !== null) return say(['False', 'OutOfRange', bad]);
  if (sizes.adjusting) {
    look.againMs = SOON_MS;
    return say(['False', 'Adjusting', `The guest is on its way to ${sizeText(sizes.target)}.`]);
  }
  if (same(sizes.confirmed, wanted.size)) return say(['True', 'Confirmed', sizes.message ?? '']);
  try {
    await deps.provider.adjust(server.id, wanted.size);
    deps.tell(
      vm,
      'Normal',
      'Adjusting',
      `The machine goes from ${sizeText(sizes.confirmed)} to ${sizeText(wanted.size)}.`,
    );
    look.againMs = SOON_MS;
    say(['False', 'Adjusting', `${sizeText(wanted.size)} was asked for.`]);
  } catch (error) {
    look.againMs = LATER_MS;
    say(['False', 'Refused', refusal(error)]);
  }
}

/** Makes the snapshot that is due and removes those that are too many. */
async function snapshots(deps: Reconciling, vm: VirtualMachine, server: Observed, look: Look): Promise<void> {
  const policy = vm.spec.snapshotPolicy;
  if (policy === undefined) return void (look.conditions.SnapshotsScheduled = null);
  const nowMs = deps.now();
  try {
    const all = await deps.provider.snapshots(server.id);
    const { due, surplus, next, last, count } = planSnapshots(policy, all, Date.parse(server.createdAt), nowMs);
    look.snapshots = {
      count,
      ...(last === null ? {} : { last }),
      ...(next === null ? {} : { next: next.toISOString() }),
    };
    for (const id of surplus) await deps.provider.removeSnapshot(server.id, id);
    if (due !== null) {
      await deps.provider.snapshot(server.id, due);
      deps.tell(vm, 'Normal', 'SnapshotTaken', `The snapshot ${due} is being made.`);
    }
    const nextMs = next === null ? LONGEST_MS : Math.min(LONGEST_MS, next.getTime() - nowMs + 500);
    const waitMs = due === null ? nextMs : Math.min(nextMs, LATER_MS);
    look.againMs = Math.min(look.againMs ?? Infinity, Math.max(waitMs, 1_000));
    look.conditions.SnapshotsScheduled = [
      'True',
      'Scheduled',
      next === null ? '' : `The next one is at ${next.toISOString()}.`,
    ];
  } catch (error) {
    look.againMs = Math.min(look.againMs ?? Infinity, LATER_MS);
    look.conditions.SnapshotsScheduled = ['False', 'Refused', refusal(error)];
  }
}

/** What a machine's migration policy comes to: the hosts' own configuration says how they move guests. */
function migrationPolicy({ migrationPolicy: policy }: VirtualMachine['spec']): Told | null {
  if (policy === undefined) return null;
  const wants = Object.entries(policy).filter(([name, value]) => name !== 'allowLiveMigration' && value !== false);
  if (policy.allowLiveMigration === false)
    return [
      'False',
      'NotPerMachine',
      'Live migration cannot be forbidden for one machine: hosts are drained by their operator.',
    ];
  if (wants.length === 0) return ['True', 'Allowed', ''];
  const names = wants.map(([name]) => name).join(', ');
  return [
    'False',
    'HostsDecide',
    `${names}: how guests move is said by the configuration of the hosts (libvirt.live_migration_*).`,
  ];
}

function readyOf(server: Observed, wanted: Wanted): Told {
  if (server.state === 'error') return ['False', 'Failed', server.fault ?? 'The server is in ERROR.'];
  if (server.task !== null) return ['False', 'AtWork', `The server is at a task: ${server.task}.`];
  if (server.state === 'running') return ['True', 'Running', ''];
  if (server.state === 'stopped' && !wanted.running) return ['True', 'Stopped', ''];
  return ['False', server.status, `The server is ${server.status}.`];
}

/** Looks at a machine that has a server. */
async function tend(deps: Reconciling, vm: VirtualMachine, wanted: Wanted, server: Observed): Promise<Look> {
  const look: Look = { phase: phaseOf(server), conditions: { Ready: readyOf(server, wanted) }, againMs: null };
  if (server.state === 'error') return look;
  if (server.task !== null || server.state === 'building') return { ...look, againMs: SOON_MS };
  try {
    if (await power(deps, vm, wanted, server)) return { ...look, againMs: SOON_MS };
  } catch (error) {
    const words = refusal(error);
    return { ...look, conditions: { Ready: ['False', 'Refused', words] }, againMs: LATER_MS };
  }
  if (server.state === 'running') await adjust(deps, vm, wanted, server, look);
  await snapshots(deps, vm, server, look);
  return look;
}

const shown = (server: Observed, wanted: Wanted): VirtualMachineStatus => ({
  serverID: server.id,
  ...(server.node === null ? {} : { node: server.node }),
  addresses: server.addresses,
  resources: {
    requested: shownSize(wanted.size),
    claimed: shownSize(server.sizes.claimed),
    confirmed: shownSize(server.sizes.confirmed),
    floor: shownSize(server.sizes.floor),
    ceiling: shownSize(server.sizes.ceiling),
  },
});

function statusOf(deps: Reconciling, vm: VirtualMachine, look: Look, of: VirtualMachineStatus): VirtualMachineStatus {
  const { generation } = vm.metadata;
  return {
    ...of,
    phase: look.phase,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(look.snapshots === undefined ? {} : { snapshots: look.snapshots }),
    conditions: withConditions(vm.status?.conditions ?? [], look.conditions, generation, deps.now()),
  };
}

/**
 * Brings a machine that is wanted one step nearer to what it shall be. Throws what may go well the next time.
 * @param seen its server as it is; null: it has to be asked for
 */
export async function reconcile(deps: Reconciling, vm: VirtualMachine, seen: Observed | null): Promise<Looked> {
  const { wanted, problems } = wantedOf(vm.spec);
  const before: VirtualMachineStatus = vm.status ?? {};
  if (wanted === null) {
    const told: Told = ['False', 'Refused', problems.join('; ')];
    const conditions = { Accepted: told, ...(before.serverID === undefined ? { Ready: told } : {}) };
    const look: Look = {
      phase: before.serverID === undefined ? 'Failed' : (before.phase ?? 'Pending'),
      conditions,
      againMs: null,
    };
    return { status: statusOf(deps, vm, look, before), againMs: null };
  }
  const always: Conditions = { Accepted: ['True', 'Accepted'], MigrationPolicyApplied: migrationPolicy(vm.spec) };
  const refused = (error: unknown): Looked => {
    const words = refusal(error);
    deps.tell(vm, 'Warning', 'Refused', words);
    const look: Look = {
      phase: 'Pending',
      conditions: { ...always, Ready: ['False', 'Refused', words] },
      againMs: LATER_MS,
    };
    return { status: statusOf(deps, vm, look, {}), againMs: LATER_MS };
  };
  let server: Observed | null;
  try {
    server = await serverOf(deps, vm, seen);
  } catch (error) {
    return refused(error);
  }
  if (server !== null) {
    const look = await tend(deps, vm, wanted, server);
    const status = statusOf(
      deps,
      vm,
      { ...look, conditions: { ...always, ...look.conditions } },
      shown(server, wanted),
    );
    return { status, againMs: look.againMs };
  }
  if (!wanted.running) {
    const look: Look = {
      phase: 'Stopped',
      conditions: { ...always, Ready: ['True', 'NotMade', 'It has no server until it runs.'] },
      againMs: null,
    };
    return { status: statusOf(deps, vm, look, {}), againMs: null };
  }
  try {
    const serverID = await create(deps, vm, wanted);
    const look: Look = {
      phase: 'Provisioning',
      conditions: { ...always, Ready: ['False', 'Creating', 'Its server is being made.'] },
      againMs: SOON_MS,
    };
    return { status: statusOf(deps, vm, look, { serverID }), againMs: SOON_MS };
  } catch (error) {
    return refused(error);
  }
}

/** Removes what a machine has; whether all of it is gone. */
export async function release(deps: Reconciling, vm: VirtualMachine): Promise<boolean> {
  const servers = await deps.provider.find(vm.metadata.uid);
  if (servers.length === 0) {
    await deps.provider.clean(vm.metadata.uid);
    return true;
  }
  const isRunning = servers.some(({ state, task }) => state === 'running' && task === null);
  try {
    if (isRunning) await hook(deps, vm, 'preStop');
    for (const { id, task } of servers) if (task !== 'deleting') await deps.provider.remove(id);
  } catch (error) {
    // whoever waits for it to go must be able to read why it does not: a lock, a hook that may not be called
    if (error instanceof Fault && error.kind !== 'unavailable')
      deps.tell(vm, 'Warning', 'NotDeleted', messageOf(error));
    throw error;
  }
  return false;
}
