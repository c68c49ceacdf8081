// Why: a server goes to another host as it runs. Its guest is on one of the two at every moment; the row says the new one once
// the guest is there, and from then on there is no way back.

import { invariant } from '../../base/invariant.ts';
import { badRequest, conflict, Fault, internal, outwardMessage, unavailable } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { findClaim } from '../../db/claims.ts';
import { findHost } from '../../db/hosts.ts';
import { findMigration, type MigrationPatch, updateMigration } from '../../db/migrations.ts';
import { addRemnant } from '../../db/remnants.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { freeOf } from '../../domain/placement/claims.ts';
import { minimumOf } from '../../domain/machines/flavors.ts';
import type { GuestSpec, LiveProgress } from '../../domain/servers/guests.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import { power, powerNames, type Server } from '../../domain/servers/servers.ts';
import type { MigrationStatus } from '../../domain/servers/migrations.ts';
import type { NumaTopology } from '../../domain/numa/numa.ts';
import { defineTransition, refusal, type Transition } from '../../domain/servers/transition.ts';
import { asksForDevices } from '../../domain/pci/pci-alias.ts';
import { wakeWorkers, enqueueAction, lockServerFor, recordDone } from '../engine/begin.ts';
import { guestSpec, placementFor } from './build.ts';
import { clearHost } from './clear-host.ts';
import { volumesAhead } from './connect-volumes.ts';
import { type Growth, growHere, notGrown } from './growth.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import {
  acceptMove,
  bindTo,
  bindAtHome,
  destinationOf,
  endMove,
  leaveGivenUp,
  leaveUnsure,
  giveBackPlace,
  holdPlace,
  hostNamed,
  isCurrentPlacement,
  type MoveInput,
  moveOf,
  moveRequest,
  type Placement,
  placementAt,
  currentPlacement,
  switchPlacement,
} from './migrations.ts';
import { hostsFor, type PlaceRequest, whereOf } from '../placement/place.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { settleFailed, vmStateOf } from '../engine/settle.ts';
import { defineAction, defineInstantAction, type InstantAction } from '../engine/action.ts';
import { endElsewhere } from './whereabouts.ts';

export interface LiveMigrateRequest {
  /** Null: the scheduler chooses. */
  readonly host: string | null;
  /** The host is taken without asking the scheduler's filters. */
  readonly forced: boolean;
  /** Null: whatever the storage needs. */
  readonly blockMigration: boolean | null;
  /** Whether a destination must be found before the answer (before 2.34); else the outcome is in the server's actions. */
  readonly checkFirst: boolean;
}

export interface LiveInput extends MoveInput {
  readonly host: string | null;
  readonly forced: boolean;
  readonly blockMigration: boolean | null;
  /** What the server is on its old host. */
  readonly old: Placement;
  /** It moves in order to grow; absent: for its own sake. */
  readonly growth?: Growth;
}

type Target = Pick<LiveInput, 'host' | 'forced' | 'growth'>;

// --- where it may go ------------------------------------------------------------------------------------------------

const movable: readonly number[] = [power.running, power.paused];

/** Throws Nova's 400 for a host that does not report. */
function mustServe(deps: OpsDeps, host: Host): void {
  if (isUp(deps, host)) return;
  throw badRequest(`Compute service of ${host.host} is unavailable at this time.`, { code: 'host.down' });
}

/** Why a guest of one hypervisor cannot run on another, in Nova's words; null when it can. */
export function misfit(from: Host, to: Host): string | null {
  const [old, next] = [from.inventory, to.inventory];
  if (old.hypervisorType !== next.hypervisorType) return 'The supplied hypervisor type of is invalid.';
  if (old.hypervisorVersion > next.hypervisorVersion) {
    return 'The instance requires a newer hypervisor version than has been provided.';
  }
  return null;
}

/** What Nova checks of a host that the scheduler is not asked about. */
function checkForced(deps: OpsDeps, server: Server, source: Host, host: Host, memoryMb: number): void {
  if (host.host === source.host) {
    throw badRequest(`Unable to migrate instance (${server.uuid}) to current host (${host.host}).`);
  }
  mustServe(deps, host);
  const freeMb = freeOf(host).memoryMb;
  if (freeMb < memoryMb) {
    throw badRequest(
      `Migration pre-check error: Unable to migrate ${server.uuid} to ${host.host}: ` +
        `Lack of memory(host:${freeMb} <= instance:${memoryMb})`,
    );
  }
  const unfit = misfit(source, host);
  if (unfit !== null) throw badRequest(unfit);
}

/** Why a server does not move as it runs, wherever it shall go: Nova's 409 and 400; null: it does. */
export function liveProblem(server: Server): Fault | null {
  if (!movable.includes(server.powerState)) {
    const state = powerNames[server.powerState];
    return conflict(`Cannot 'os-migrateLive' instance ${server.uuid} while it is in power_state ${state}`);
  }
  if (server.flavor.startedElsewhere === true) {
    const why = 'it runs as Nova started it, and moves as it runs from its next start on (a reboot is one)';
    return conflict(`Cannot 'os-migrateLive' instance ${server.uuid}: ${why}.`);
  }
  if (!asksForDevices(server.flavor)) return null;
  return badRequest('Migration pre-check error: This request does not explicitly request live-migratable devices.', {
    code: 'migration.devices',
  });
}

/** What the server asks of its destination: room for what it has now. Throws Nova's 400s and 409. */
async function liveRequest(deps: OpsDeps, server: Server, { host, forced, growth }: Target): Promise<PlaceRequest> {
  const problem = liveProblem(server);
  if (problem !== null) throw problem;
  const { read } = deps.database;
  const source = await hostNamed({ deps }, server.host);
  mustServe(deps, source);
  const claim = growth?.claim ?? (await findClaim(read, server.id)) ?? minimumOf(server.flavor);
  const size = { vcpus: claim.vcpus, memoryMb: claim.memoryMb };
  const named = forced && host !== null ? await findHost(read, { host }) : null;
  if (named !== null) checkForced(deps, server, source, named, size.memoryMb);
  return moveRequest({ deps }, server, {
    minimum: size,
    forcedHost: forced ? host : null,
    requestedHost: forced ? null : host,
    excluded: [source.host],
    suits: (one) => misfit(source, one) === null,
    verb: 'liveMigrate',
  });
}

// --- the request ----------------------------------------------------------------------------------------------------

/**
 * Throws Nova's 400s for a host that is not known and, if asked for, where no destination can be found now. What the
 * transaction will refuse anyway is left to it.
 */
async function precheck(deps: OpsDeps, op: Op, uuid: string, request: LiveMigrateRequest): Promise<void> {
  const { read } = deps.database;
  const server = await findServer(read, uuid);
  if (server === null || refusal(server, liveMigrateAction.transitions.liveMigrate, op.caller.isAdmin) !== null) return;
  const { host, checkFirst } = request;
  if (host !== null && (await findHost(read, { host })) === null) {
    throw badRequest(`Compute host ${host} could not be found.`);
  }
  const source = await hostNamed({ deps }, server.host);
  if (!checkFirst || !source.inventory.facts.capabilities.verbs.includes('liveMigrate')) return;
  try {
    await hostsFor(deps, server, await liveRequest(deps, server, request));
  } catch (error) {
    if (error instanceof Fault && error.code === 'noValidHost') throw badRequest(error.message, { code: error.code });
    throw error;
  }
}

/** Moves a running or paused server to another host. Throws Nova's 400s, 404 and 409s. */
export async function liveMigrateServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  request: LiveMigrateRequest,
): Promise<void> {
  await precheck(deps, op, uuid, request);
  const { host, forced, blockMigration } = request;
  const id = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, liveMigrateAction.transitions.liveMigrate);
    const nowMs = deps.clock.now();
    const move = await acceptMove(t, op, server, 'live-migration', server.flavor, null, nowMs);
    await updateServer(t, server.id, { taskState: 'migrating' }, nowMs);
    const input: LiveInput = { ...move, host, forced, blockMigration, old: currentPlacement(server) };
    return enqueueAction(t, op, server, liveMigrateAction, input, nowMs);
  });
  wakeWorkers(deps, liveMigrateAction, [id]);
}

export const abortAction = defineInstantAction({
  name: 'live_migration_cancel',
  transitions: {
    abortMigration: defineTransition('abort live migration', 'Give the live migration up.', null, {
      tasks: ['migrating'],
    }),
  },
  event: 'live_migration_cancel_wish',
  notification: null,
});

export const forceCompleteAction = defineInstantAction({
  name: 'live_migration_force_complete',
  transitions: {
    forceComplete: defineTransition('force_complete', 'Let the live migration end at any price.', ['active'], {
      tasks: ['migrating'],
    }),
  },
  event: 'live_migration_force_complete_wish',
  notification: null,
});

/** Writes what is asked of a live migration, if its status allows it. */
async function steer(
  deps: OpsDeps,
  op: Op,
  uuid: string,
  migrationId: string,
  asked: {
    readonly transition: Transition;
    readonly action: Pick<InstantAction, 'name' | 'event'>;
    readonly steering: 'abort' | 'force';
    readonly words: string;
    readonly statuses: readonly MigrationStatus[];
    readonly missing: (message: string) => Fault;
  },
): Promise<void> {
  await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, asked.transition);
    const found = /^\d{1,9}$/.test(migrationId) ? await findMigration(t, Number(migrationId)) : null;
    if (found === null || found.serverUuid !== uuid) {
      throw asked.missing(`Migration ${migrationId} not found for instance ${uuid}`);
    }
    if (!asked.statuses.includes(found.status)) {
      throw badRequest(
        `Migration ${migrationId} state of instance ${uuid} is ${found.status}. ` +
          `Cannot ${asked.words} while the migration is in this state.`,
      );
    }
    const nowMs = deps.clock.now();
    await updateMigration(t, found.id, { steering: asked.steering }, nowMs);
    await recordDone(t, op, server, asked.action, nowMs);
  });
}

/** Gives a live migration up; one that only waits, too, if `queuedToo`. Throws Nova's 400, 404 and 409s. */
export const abortLiveMigration = (
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  migrationId: string,
  queuedToo: boolean,
): Promise<void> =>
  steer(deps, op, uuid, migrationId, {
    transition: abortAction.transitions.abortMigration,
    action: abortAction,
    steering: 'abort',
    words: 'abort live migration',
    statuses: queuedToo ? ['running', 'queued', 'preparing'] : ['running'],
    missing: (message) => new Fault('notFound', message),
  });

/** Ends a live migration at any price. Throws Nova's 400s, 404 and 409s. */
export const forceLiveMigration = (
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  migrationId: string,
): Promise<void> =>
  steer(deps, op, uuid, migrationId, {
    transition: forceCompleteAction.transitions.forceComplete,
    action: forceCompleteAction,
    steering: 'force',
    words: 'force complete',
    statuses: ['running'],
    missing: badRequest,
  });

// --- the saga -------------------------------------------------------------------------------------------------------

type Context = StepContext<LiveInput>;

const CANCELLED = 'migration.cancelled';

const cancelled = () => conflict('The live migration was given up, as it was asked.', { code: CANCELLED });

const tooSlow = () =>
  conflict(`The live migration was not over after ${limits.liveMigrationMs / 1000} s and was given up.`, {
    code: 'migration.slow',
  });

const stopped = (host: string) =>
  conflict(
    `Host ${host} gave the live migration up: it took longer than live_migration_completion_timeout, or somebody ended it there.`,
    { code: 'migration.slow' },
  );

/** Nothing is known of where the guest will be: both claims stay until somebody looks. */
const stillMoving = (host: string) =>
  internal(`Host ${host} does not give its live migration up.`, { code: 'migration.stillMoving' });

/** Its hypervisor ended at the switch-over and left it standing still, to nobody's avail. */
const interrupted = (host: string) =>
  conflict(`The live migration was interrupted on host ${host} when the guest had stopped there.`, {
    code: 'migration.interrupted',
  });

const note = ({ input, commit }: Context, patch: MigrationPatch): Promise<void> =>
  commit((t, nowMs) => updateMigration(t, input.migrationId, patch, nowMs));

/** Whether the guest stands still on a host though nobody asked for that: its move did it, and went no further. */
async function standsStill({ server, call }: Context, host: string): Promise<boolean> {
  if (server.vmState !== 'active') return false;
  return (await call(host, 'inspect', { uuid: server.uuid }))?.powerState === power.paused;
}

/**
 * Whether the guest is on its new host though nobody heard of its arrival: the old one has at most what is left of it. Where a
 * hypervisor ends at the switch-over the other one lets the guest run.
 */
async function hasArrived({ server, call }: Context, from: string, to: string): Promise<boolean> {
  const { uuid } = server;
  if ((await call(from, 'inspect', { uuid }))?.powerState === power.running) return false;
  const there = await call(to, 'inspect', { uuid });
  return there !== null && movable.includes(there.powerState);
}

/** The guest as its destination shall make ready for it, its volumes within that host's reach. */
async function specAhead(context: Context, to: Host): Promise<GuestSpec> {
  const spec = await guestSpec(context.deps.database.read, { ...context.server, ...whereOf(to) }, null);
  if ((spec.disks.volumes ?? []).length === 0) return spec;
  return { ...spec, disks: { ...spec.disks, volumes: await volumesAhead(context, to) } };
}

/** Begins the guest's move, with what its destination makes ready for it; one that goes on, or is over, goes on. */
async function beginLive(context: Context, from: string, to: Host, numa: NumaTopology | null): Promise<LiveProgress> {
  const { deps, server, input, again, call } = context;
  const { uuid } = server;
  const seen = again ? await call(from, 'liveProgress', { uuid }) : null;
  if (seen?.state === 'running' || seen?.state === 'completed') return seen;
  if (seen !== null && (await hasArrived(context, from, to.host))) return { ...seen, state: 'completed' };
  if (seen !== null && (await standsStill(context, from))) throw interrupted(from);
  const { blockMigration } = input;
  const source = await hostNamed({ deps }, from);
  const { hypervisorHostname: node, hostIp } = to.inventory;
  const offer = await call(from, 'offerDisk', { uuid });
  const spec = { ...(await specAhead(context, to)), numa };
  const { inventory } = source;
  const at = { node: inventory.hypervisorHostname, hostIp: inventory.hostIp, offer };
  const landing = await call(to.host, 'prepareLive', { spec, from: at, blockMigration });
  return call(from, 'liveMigrate', { uuid, to: { node, hostIp, blockMigration, numa, landing } });
}

/** Whether it has left: until then others of its host go first. */
const hasBegun = ({ memory, disk }: LiveProgress): boolean => memory.total !== null || disk.total !== null;

/** How far the guest is; one whose move failed may be there all the same. */
async function lookAt(context: Context, from: string, to: Host): Promise<LiveProgress | 'arrived'> {
  try {
    return await context.call(from, 'liveProgress', { uuid: context.server.uuid });
  } catch (error) {
    const failed = error instanceof Fault && error.kind !== 'unavailable';
    if (failed && (await hasArrived(context, from, to.host))) return 'arrived';
    throw error;
  }
}

/** Moves the guest from one host to another and waits until it is there; `attend` is called while it is under way. */
async function monitorLiveMigration(
  context: Context,
  from: string,
  to: Host,
  numa: NumaTopology | null,
  attend: (progress: LiveProgress) => Promise<void>,
): Promise<void> {
  const { deps, server, call, rest } = context;
  const { uuid } = server;
  let giveUpAt = Number.POSITIVE_INFINITY;
  const isLate = (): boolean => deps.clock.now() > giveUpAt;
  let progress: LiveProgress | 'arrived' = await beginLive(context, from, to, numa);
  while (progress !== 'arrived' && progress.state === 'running') {
    if (hasBegun(progress)) giveUpAt = Math.min(giveUpAt, deps.clock.now() + limits.liveMigrationMs);
    await attend(progress);
    if (isLate()) await call(from, 'steerLive', { uuid, how: 'abort' });
    if (deps.clock.now() > giveUpAt + limits.liveAbortMs) throw stillMoving(from);
    await rest(deps.clock.sleep(limits.livePollMs));
    progress = await lookAt(context, from, to);
  }
  const state = progress === 'arrived' ? 'completed' : progress.state;
  if (state === 'cancelled') {
    if (isLate()) throw tooSlow();
    throw (await moveOf(context)).steering === 'abort' ? cancelled() : stopped(from);
  }
  // whoever knows of no move any more is asked to begin again: a guest that has arrived is told at once
  if (state === 'none') throw unavailable(`Host ${from} lost its live migration.`, { code: 'migration.lost' });
  await call(to.host, 'landLive', { spec: await specAhead(context, to) });
}

async function move(context: Context): Promise<void> {
  const { deps, server, input, call } = context;
  await note(context, { status: 'preparing' });
  if ((await moveOf(context)).steering === 'abort') throw cancelled();
  await note(context, { status: 'running' });
  const numa = await placementFor(deps.database.read, server, input.migrationId);
  const destination = await destinationOf(context);
  // it speaks there before anybody can tell the network that it has arrived
  await deps.network.announceMove(server, destination.host);
  context.point('announced');
  await monitorLiveMigration(context, server.host as string, destination, numa, async ({ memory, disk }) => {
    await note(context, { memory, disk });
    const { steering } = await moveOf(context);
    if (steering !== null) await call(server.host as string, 'steerLive', { uuid: server.uuid, how: steering });
  });
}

async function upHost({ deps }: Context, name: string | null): Promise<Host | null> {
  const host = name === null ? null : await findHost(deps.database.read, { host: name });
  return host !== null && isUp(deps, host) ? host : null;
}

/** Whatever became of it: the guest is on its old host in the end. */
async function bringBack(context: Context): Promise<void> {
  const { deps, server, call, rest } = context;
  const { uuid } = server;
  const home = server.host as string;
  await call(home, 'steerLive', { uuid, how: 'abort' });
  const giveUpAt = deps.clock.now() + limits.liveAbortMs;
  while ((await call(home, 'liveProgress', { uuid })).state === 'running') {
    if (deps.clock.now() > giveUpAt) throw stillMoving(home);
    await rest(deps.clock.sleep(limits.livePollMs));
  }
  const { destCompute } = await moveOf(context);
  const here = await call(home, 'inspect', { uuid });
  const there = here?.powerState === power.running ? null : await upHost(context, destCompute);
  if (here !== null && there !== null && (await hasArrived(context, home, there.host))) {
    // the guest is the one over there: what is at home is only what it left
    await call(there.host, 'landLive', {
      spec: await guestSpec(deps.database.read, { ...server, ...whereOf(there) }, null),
    });
    await clearHost(context, home, ['guest']);
  } else if (here !== null) {
    // what was made ready there for a guest that did not come
    if (destCompute !== null) await clearHost(context, destCompute, ['guest']);
    if (await standsStill(context, home)) await call(home, 'unpause', { uuid });
    return;
  }
  const numa = await placementFor(deps.database.read, server);
  await monitorLiveMigration(
    // it may be on its way already
    { ...context, again: true },
    destCompute as string,
    await hostNamed(context, home),
    numa,
    async () => undefined,
  );
}

/** As `bringBack`, and the network takes it nowhere else. */
async function takeBack(context: Context): Promise<void> {
  await bringBack(context);
  await bindAtHome(context);
}

const cleanup = step({
  name: 'cleanup',
  async run(context: Context) {
    const { server, input, call } = context;
    invariant(server.host !== input.old.host, `server ${server.uuid} is not where its guest is removed`);
    await clearHost(context, input.old.host as string, ['guest']);
    return call(server.host as string, 'inspect', { uuid: server.uuid });
  },
  undo: 'what is left there goes when its host is asked again',
});

async function settle(t: Tx, context: Context, nowMs: number): Promise<null> {
  const { server, input, outputIfDone } = context;
  const view = outputIfDone(cleanup);
  const state =
    view === null ? {} : { powerState: view.powerState, vmState: vmStateOf(view.powerState) ?? server.vmState };
  await updateServer(t, server.id, { ...state, taskState: null }, nowMs);
  await endMove(t, input.migrationId, 'completed', nowMs);
  if (input.growth !== undefined)
    await growHere(t, context, { ...server, ...state, taskState: null }, input.growth, nowMs);
  return null;
}

export const liveMigrateAction = defineAction<LiveInput>()({
  name: 'live-migration',
  transitions: {
    liveMigrate: defineTransition('os-migrateLive', 'Move the running server to another host.', ['active', 'paused'], {
      task: 'migrating',
      verb: 'liveMigrate',
      placing: true,
    }),
  },
  notification: 'live_migration_post',
  secrets: [],
  steps: [
    {
      name: 'place',
      event: 'conductor_migrate_server',
      async run(context) {
        // of a move that was given up its guest may be on its way still, and its place kept
        const here = { ...context, server: await endElsewhere(context, context.input.migrationId) };
        return holdPlace(here, await liveRequest(here.deps, here.server, here.input), 'queued');
      },
      undo: giveBackPlace,
    },
    { name: 'move', event: 'compute_live_migration', run: move, undo: takeBack },
    {
      name: 'network',
      run: async (context) => bindTo(context, await destinationOf(context)),
      undo: bindAtHome,
    },
    {
      name: 'switch',
      event: 'compute_post_live_migration_at_destination',
      run: async (context) => switchPlacement(context, placementAt(context.server, await destinationOf(context))),
      undo: (context) => switchPlacement(context, context.input.old),
      final: true,
    },
    cleanup,
  ],
  settle,
  async failed(t, context, failure, nowMs) {
    const { server, input } = context;
    const stuck = failure.stuck !== null;
    if (!stuck && !isCurrentPlacement(server, input.old)) {
      // there already: only what is left on the old host is in doubt
      await addRemnant(t, { serverUuid: server.uuid, host: input.old.host as string }, nowMs);
      await settle(t, context, nowMs);
      return;
    }
    const given = failure.code === CANCELLED;
    const status = given ? 'cancelled' : failure.step === 'place' ? 'error' : 'failed';
    if (stuck) await leaveUnsure(t, input.migrationId, nowMs);
    else await endMove(t, input.migrationId, status, nowMs);
    if (input.growth !== undefined) {
      await updateServer(t, server.id, notGrown(outwardMessage(failure), nowMs), nowMs);
    }
    if (given && !stuck) await updateServer(t, server.id, { taskState: null }, nowMs);
    else await settleFailed(t, server, failure, nowMs, stuck ? { vmState: 'error' } : {});
  },
  async givenUp(t, context, stuck, nowMs) {
    if (context.input.growth !== undefined) {
      await updateServer(t, context.server.id, notGrown('The server did not move to where it has room.', nowMs), nowMs);
    }
    // its guest may be on its way still, and the only one: nothing of it is removed, and its place is kept
    if (stuck) await leaveUnsure(t, context.input.migrationId, nowMs);
    else await leaveGivenUp(t, context, stuck, nowMs);
  },
});
