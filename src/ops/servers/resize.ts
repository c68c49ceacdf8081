// Why: a server goes to another flavor or another host with its disks, switched off meanwhile. The old host keeps everything it had,
// set aside and claimed, until the move is confirmed (confirm-resize.ts) or taken back (revert-resize.ts).

import { badRequest, conflict } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { findClaim } from '../../db/claims.ts';
import { findFlavor } from '../../db/flavors.ts';
import { findHost } from '../../db/hosts.ts';
import { updateMigration } from '../../db/migrations.ts';
import { findBuild, findServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { bootSizeOf } from '../../domain/servers/build-spec.ts';
import { type FlavorSnapshot, elasticProblem, snapshotOf } from '../../domain/machines/flavors.ts';
import type { AgentArgs } from '../../domain/servers/agent-methods.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { diskConfigProblem, imageProblem } from '../../domain/machines/image-fit.ts';
import { checkHardware } from '../../domain/machines/hardware.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { localDisksProblem } from '../../domain/servers/local-disks.ts';
import { pciRequestOf } from '../../domain/pci/pci-alias.ts';
import { wakeWorkers, enqueueAction, lockServerFor } from '../engine/begin.ts';
import { awaitPorts } from './await-ports.ts';
import { type BuildRequest, guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import {
  acceptMove,
  becomeThere,
  bindTo,
  bindAtHome,
  destinationOf,
  endMove,
  leaveGivenUp,
  leaveUnsure,
  giveBackPlace,
  holdPlace,
  hostNamed,
  type MoveInput,
  moveRequest,
  removeThere,
} from './migrations.ts';
import { whereOf } from '../placement/place.ts';
import { checkMore, lockQuota } from '../administration/quota-sets.ts';
import { type Saga, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import { defineTransition, type Transition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';
import { endElsewhere } from './whereabouts.ts';

export interface ResizeInput extends MoveInput {
  /** The flavor afterwards; of a migration the same. */
  readonly flavor: FlavorSnapshot;
  /** The host that was asked for. */
  readonly host: string | null;
  readonly mayStay: boolean;
}

// --- the request ----------------------------------------------------------------------------------------------------

export interface ResizeRequest {
  readonly flavorRef: string;
  /** `OS-DCF:diskConfig`; null: not given. */
  readonly autoDiskConfig: boolean | null;
}

/** The server under another flavor, its size within the new bounds. */
export function under(server: Server, flavor: FlavorSnapshot): Server {
  const boot = bootSizeOf({ ...server, flavor });
  return { ...server, flavor, bootVcpus: boot.vcpus, bootMemoryMb: boot.memoryMb };
}

/** Throws Nova's 409 where a host does not report. */
export async function mustBeUp(t: Tx, deps: OpsDeps, name: string): Promise<void> {
  if (isUp(deps, await findHost(t, { host: name }))) return;
  throw conflict('Service is unavailable at this time.', { code: 'host.down' });
}

/** The flavor to resize to, after Nova's checks in Nova's order; throws 400 and, for the quota, 403. */
async function newFlavor(
  t: Tx,
  deps: OpsDeps,
  op: Op,
  server: Server,
  request: ResizeRequest,
): Promise<FlavorSnapshot> {
  const disabled = diskConfigProblem(server.image, request.autoDiskConfig);
  if (disabled !== null) throw badRequest(disabled);
  const { flavorRef } = request;
  const found = await findFlavor(t, flavorRef, op.caller.isAdmin ? undefined : (op.caller.projectId ?? ''));
  if (found === null) throw badRequest(`Flavor ${flavorRef} could not be found.`);
  const boots = bootsFromVolume(server);
  if (found.rootGb === 0 && server.flavor.rootGb !== 0 && !boots) {
    throw badRequest('Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.');
  }
  const same = found.flavorid === server.flavor.flavorid;
  if (found.disabled && !same) throw badRequest(`Flavor ${flavorRef} could not be found.`);
  if (same) throw badRequest('When resizing, instances must change flavor!');
  const flavor = snapshotOf(found);
  const problem = elasticProblem(flavor);
  if (problem !== null) throw badRequest(problem);
  pciRequestOf(flavor, null, deps.config.pciAliases);
  await checkUpsize(t, deps, server, flavor);
  // what an image needs of a root disk, its volume was asked for
  const misfit = server.image === null ? null : imageProblem(boots ? { ...flavor, rootGb: 0 } : flavor, server.image);
  if (misfit !== null) throw badRequest(misfit);
  const { disks } = await findBuild<BuildRequest>(t, server.id);
  const room = localDisksProblem(disks, flavor);
  if (room !== null) throw badRequest(room);
  checkHardware(flavor, server.image);
  return flavor;
}

/** Throws Nova's 403 where the server would claim more under a flavor than its project may have. */
export async function checkUpsize(t: Tx, deps: OpsDeps, server: Server, flavor: FlavorSnapshot): Promise<void> {
  const next = bootSizeOf({ ...server, flavor });
  const now = (await findClaim(t, server.id)) ?? { vcpus: 0, memoryMb: 0 };
  const grows = {
    vcpus: Math.max(0, next.vcpus - now.vcpus),
    memoryMb: Math.max(0, next.memoryMb - now.memoryMb),
  };
  if (grows.vcpus > 0 || grows.memoryMb > 0) await checkMore(t, deps.config.quota, server, grows, 0);
}

async function checkHost(t: Tx, server: Server, host: string | null): Promise<void> {
  if (host === null) return;
  if (host === server.host) throw badRequest('Cannot migrate to the host where the server exists.');
  if ((await findHost(t, { host })) === null) throw badRequest(`Compute host ${host} could not be found.`);
}

interface Asked {
  readonly flavor: FlavorSnapshot;
  readonly host: string | null;
  readonly autoDiskConfig: boolean;
  readonly mayStay: boolean;
}

async function begin(
  deps: OpsDeps,
  op: Op,
  uuid: string,
  action: Saga<ResizeInput>,
  transition: Transition,
  ask: (t: Tx, server: Server) => Promise<Asked>,
): Promise<void> {
  const id = await tx(deps.database, async (t) => {
    const seen = await findServer(t, uuid);
    if (seen !== null) await lockQuota(t, seen.projectId);
    const server = await lockServerFor(t, op, uuid, transition);
    await mustBeUp(t, deps, server.host as string);
    const { flavor, host, autoDiskConfig, mayStay } = await ask(t, server);
    const nowMs = deps.clock.now();
    const before = {
      flavor: server.flavor,
      vmState: server.vmState,
      boot: { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb },
      availabilityZone: server.availabilityZone,
    };
    const type = action === resizeAction ? 'resize' : 'migration';
    const move = await acceptMove(t, op, server, type, flavor, before, nowMs);
    const promised = bootSizeOf({ ...server, flavor });
    await updateServer(t, server.id, { taskState: 'resize_prep', progress: 0, autoDiskConfig, promised }, nowMs);
    return enqueueAction(t, op, server, action, { ...move, flavor, host, mayStay }, nowMs);
  });
  wakeWorkers(deps, action, [id]);
}

/** Moves a server to another flavor. Throws Nova's 400s, 403 (quota), 404 and 409s. */
export const resizeServer = (
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  request: ResizeRequest,
): Promise<void> =>
  begin(deps, op, uuid, resizeAction, resizeAction.transitions.resize, async (t, server) => ({
    flavor: await newFlavor(t, deps, op, server, request),
    host: null,
    // as Nova: what is not asked for is off
    autoDiskConfig: request.autoDiskConfig ?? false,
    mayStay: deps.config.allowResizeToSameHost,
  }));

/** Moves a server to another host, switched off meanwhile; null: the scheduler chooses. Throws 400, 404 and 409s. */
export const migrateServer = (
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  host: string | null,
): Promise<void> =>
  begin(deps, op, uuid, migrateAction, migrateAction.transitions.migrate, async (t, server) => {
    await checkHost(t, server, host);
    return { flavor: server.flavor, host, autoDiskConfig: false, mayStay: false };
  });

// --- the saga -------------------------------------------------------------------------------------------------------

type Context = StepContext<ResizeInput>;

const wasOn = ({ vmState }: Server): boolean => vmState !== 'stopped';

const place = step({
  name: 'place',
  event: 'cold_migrate',
  async run(asked: Context) {
    // of a move that was given up something may be left there, and its place kept
    const context = { ...asked, server: await endElsewhere(asked, asked.input.migrationId) };
    const { server, input } = context;
    const request = moveRequest(context, under(server, input.flavor), {
      requestedHost: input.host,
      excluded: input.mayStay ? [] : [server.host as string],
      verb: 'receiveDisk',
    });
    return holdPlace(context, request, 'pre-migrating');
  },
  undo: giveBackPlace,
});

/** The guest is off and its disks stand aside on the old host. */
async function setAside({ deps, server, input, commit, call }: Context): Promise<void> {
  await commit(async (t, nowMs) => {
    await updateServer(t, server.id, { taskState: 'resize_migrating' }, nowMs);
    await updateMigration(t, input.migrationId, { status: 'migrating' }, nowMs);
  });
  await call(server.host as string, 'migrateDisk', { uuid: server.uuid, timeoutMs: deps.config.shutdownMs });
  await commit(async (t, nowMs) => {
    await updateServer(t, server.id, { taskState: 'resize_migrated' }, nowMs);
    await updateMigration(t, input.migrationId, { status: 'post-migrating' }, nowMs);
  });
}

async function putBack({ deps, server, call }: Context): Promise<void> {
  const spec = await guestSpec(deps.database.read, server, null);
  await call(server.host as string, 'restoreDisk', { spec, on: wasOn(server) });
}

/** Waits until the disks are where they shall be taken over; how far they are is the server's progress. */
async function bringDisks(context: Context, host: string, what: AgentArgs<'fetchDisk'>): Promise<void> {
  const { deps, server, commit, call, rest } = context;
  let told = 0;
  for (;;) {
    const { done, disk } = await call(host, 'fetchDisk', what);
    if (done) return;
    const progress = disk.total ? Math.floor((100 * (disk.processed ?? 0)) / disk.total) : 0;
    if (progress !== told) await commit((t, nowMs) => updateServer(t, server.id, { progress }, nowMs));
    told = progress;
    await rest(deps.clock.sleep(limits.livePollMs));
  }
}

/** The guest is made anew over its disks, on the new host and under the new flavor. */
const destination = step({
  name: 'destination',
  event: 'compute_finish_resize',
  async run(context: Context) {
    const { deps, server, input, commit, call } = context;
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'resize_finish' }, nowMs));
    const source = await hostNamed(context, server.host);
    const host = await destinationOf(context);
    const after = { ...under(server, input.flavor), ...whereOf(host) };
    const spec = await guestSpec(deps.database.read, after, null, input.migrationId);
    const { hypervisorHostname: node, hostIp } = source.inventory;
    // the key in it is for this attempt: no record of the step has it
    const offer = source.host === host.host ? null : await call(source.host, 'offerDisk', { uuid: server.uuid });
    const from = { node, hostIp, offer };
    await bringDisks(context, host.host, { spec, from });
    const view = await call(host.host, 'receiveDisk', { spec, from, on: wasOn(server) });
    if (wasOn(server)) await awaitPorts(context);
    return view;
  },
  undo: removeThere,
});

async function settle(t: Tx, context: Context, nowMs: number): Promise<null> {
  const { server, input, output } = context;
  const { migrationId, flavor } = input;
  const after = under(server, flavor);
  const moved = await becomeThere(t, server, after, input, output(place), nowMs);
  await updateMigration(t, migrationId, { status: 'finished' }, nowMs);
  const resized = { vmState: 'resized' as const, launchedAt: nowMs };
  await settleFromView(t, moved, output(destination), nowMs, wasOn(server), resized);
  return null;
}

const coldMove: Omit<Saga<ResizeInput>, 'name'> = {
  notification: 'resize',
  secrets: [],
  steps: [
    place,
    { name: 'source', event: 'compute_resize_instance', run: setAside, undo: putBack },
    {
      name: 'network',
      event: 'compute_prep_resize',
      run: async (context) => bindTo(context, await destinationOf(context)),
      undo: bindAtHome,
    },
    destination,
  ],
  settle,
  observe: ({ server, call }) => call(server.host as string, 'inspect', { uuid: server.uuid }),
  async failed(t, { server, input }, failure, nowMs, seen) {
    const stuck = failure.stuck !== null;
    if (stuck) await leaveUnsure(t, input.migrationId, nowMs);
    else await endMove(t, input.migrationId, 'error', nowMs);
    // before its guest was touched, nothing of the server has changed
    const view = failure.step === place.name ? null : (seen as GuestView | null);
    await settleFailed(t, server, failure, nowMs, stuck ? { vmState: 'error' } : {}, view);
  },
  givenUp: leaveGivenUp,
};

const moving: Partial<Transition> = {
  task: 'resize_prep',
  to: 'resized',
  placed: true,
  verb: 'migrateDisk',
  placing: true,
};

export const resizeAction = defineAction<ResizeInput>()({
  name: 'resize',
  transitions: {
    resize: defineTransition('resize', 'Move the server to another flavor.', ['active', 'stopped'], moving),
  },
  ...coldMove,
});

export const migrateAction = defineAction<ResizeInput>()({
  name: 'migrate',
  transitions: {
    migrate: defineTransition('migrate', 'Move the server to another host.', ['active', 'stopped'], moving),
  },
  ...coldMove,
});
