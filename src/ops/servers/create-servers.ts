// Why: POST /servers. Everything that can be refused is refused before the 202; then one transaction makes the rows and an
// action for each server, and the saga places it, gives it ports, and builds it on its host.

import { badRequest, Fault, forbidden, internal } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { otherZones } from '../../db/aggregates.ts';
import { findFlavor } from '../../db/flavors.ts';
import { findHost } from '../../db/hosts.ts';
import { insertDetails } from '../../db/server-details.ts';
import { insertNics, replaceNics } from '../../db/server-nics.ts';
import { insertServers, type NewServer, updateServer } from '../../db/servers.ts';
import { isZoneServed } from '../../db/services.ts';
import { tx } from '../../db/tx.ts';
import { namesOf, rootDeviceName, sanitizeHostname } from '../../domain/servers/build-spec.ts';
import type { CreateServersRequest } from '../../domain/servers/create-request.ts';
import { type FlavorSnapshot, minimumOf, elasticProblem, snapshotOf } from '../../domain/machines/flavor.ts';
import { checkHardware } from '../../domain/machines/hardware.ts';
import { autoDiskConfigOf, diskConfigProblem, imageProblem } from '../../domain/machines/image-fit.ts';
import { power, type Server } from '../../domain/servers/instance.ts';
import { localDisksProblem, saysOfDisks } from '../../domain/servers/local-disks.ts';
import { checkPciPolicy, pciWishOf } from '../../domain/pci/pci-alias.ts';
import { fittingCount } from '../../domain/placement/quota.ts';
import { wakeWorkers, holdActions, enqueueAction } from '../engine/begin.ts';
import { activeImage, bootParts, checkBelongings, keypairNamed, needsConfigDrive } from './boot-source.ts';
import { type BuildRequest, portTargetOf, specToBuild } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { giveUpPlace, type Placed, placementOf, placeServer } from '../placement/place.ts';
import { placeOrWait } from '../placement/wait-for-room.ts';
import { handOver, placeTogether, type TogetherInput } from '../placement/place-together.ts';
import { accountsOf, lockQuota } from '../administration/quota-sets.ts';
import { hintedGroup, joinGroup } from '../administration/server-groups.ts';
import { type Failure, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView, vmStateOf } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';

export interface CreatedServers {
  readonly reservationId: string;
  readonly autoDiskConfig: boolean;
  readonly servers: readonly { readonly uuid: string; readonly adminPass: string }[];
}

// --- the request ----------------------------------------------------------------------------------------------------

/** The flavor of a new server of the caller's. Throws 400 for one that the caller does not see, or that is no good. */
export async function flavorFor(deps: OpsDeps, op: Op, flavorRef: string): Promise<FlavorSnapshot> {
  const project = op.caller.isAdmin ? undefined : (op.caller.projectId ?? '');
  const flavor = await findFlavor(deps.database.read, flavorRef, project);
  if (flavor === null || flavor.disabled) throw badRequest(`Flavor ${flavorRef} could not be found.`);
  const problem = elasticProblem(flavor);
  if (problem !== null) throw badRequest(problem);
  pciWishOf(flavor, null, deps.config.pciAliases);
  return snapshotOf(flavor);
}

/** A server that is forced to a host is kept to that host's zone, whatever zone was named with it; null: to none. */
async function zoneFor(deps: OpsDeps, { zone, forcedHost, forcedNode }: CreateServersRequest): Promise<string | null> {
  if (forcedHost === null) return forcedNode === null || zone === 'nova' ? zone : null;
  const { read } = deps.database;
  const [made] = await otherZones(read, [forcedHost], NO_AGGREGATE);
  if (made !== undefined) return made;
  const own = (await findHost(read, { host: forcedHost }))?.zone ?? 'nova';
  return zone === own ? zone : null;
}

async function checkDestination(deps: OpsDeps, request: CreateServersRequest): Promise<void> {
  const { zone, requestedHost, requestedNode } = request;
  const { read } = deps.database;
  if (zone !== null && request.forcedHost === null && !(await isZoneServed(read, zone))) {
    throw badRequest('The requested availability zone is not available');
  }
  if (requestedHost !== null && (await findHost(read, { host: requestedHost })) === null) {
    throw badRequest(`Compute host ${requestedHost} could not be found.`);
  }
  if (requestedNode !== null && (await findHost(read, { hypervisor_hostname: requestedNode })) === null) {
    throw badRequest(`Compute host ${requestedNode} could not be found.`);
  }
}

function checkCounts({ maxCount, networks }: CreateServersRequest): void {
  if (maxCount === 1 || networks === null || typeof networks === 'string') return;
  if (networks.some((wish) => wish.fixedIp !== null)) {
    throw badRequest('Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.');
  }
  if (networks.some((wish) => wish.portId !== null)) {
    throw badRequest(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. ' +
        'Please launch your instance one by one with different ports.',
    );
  }
}

const RESERVATION_CHARACTERS = 8;

const newReservation = (): string =>
  `r-${BigInt(`0x${newUuid().replaceAll('-', '')}`)
    .toString(36)
    .slice(-RESERVATION_CHARACTERS)}`;

function hostnameOf(request: CreateServersRequest, uuid: string, index: number, count: number): string {
  if (request.hostname === null) return namesOf(request.name, uuid, index, count).hostname;
  // one that was asked for is kept to the letter; several servers cannot share it
  return count === 1 ? request.hostname : `${sanitizeHostname(request.hostname)}-${index + 1}`;
}

const NO_AGGREGATE = 0;

/** What the saga needs beyond the row. The password is forgotten when the action ends. */
export interface CreateInput extends TogetherInput {
  readonly adminPass: string | null;
  /** Hosts on which it was tried already. */
  readonly excluded: readonly string[];
  /** Why the last of them did not build it. */
  readonly lastProblem: string | null;
}

/**
 * Creates `minCount` to `maxCount` servers, as many as the quota allows. Throws Nova's 400s, 403 (quota) and 409s; after
 * it returned, each server ends ACTIVE or in ERROR with a fault.
 */
export async function createServers(deps: OpsDeps, op: Op, asked: CreateServersRequest): Promise<CreatedServers> {
  const projectId = op.caller.projectId;
  if (projectId === null) throw badRequest('Servers are created in a project: the token is scoped to none.');
  const request = { ...asked, zone: await zoneFor(deps, asked) };
  checkCounts(request);
  const flavor = await flavorFor(deps, op, request.flavorRef);
  const image = await activeImage(deps, op.caller, request.imageRef, 'Can not find requested image');
  const disabled = diskConfigProblem(image, request.autoDiskConfig);
  if (disabled !== null) throw badRequest(disabled);
  const autoDiskConfig = autoDiskConfigOf(image, request.autoDiskConfig);
  await checkBelongings(deps, op, request);
  const problem = imageProblem(flavor, image);
  if (problem !== null) throw badRequest(problem);
  if (flavor.rootGb === 0 && !request.mayLackDisk) {
    throw forbidden('Only volume-backed servers are allowed for flavors with zero disk.', { code: 'flavor.noDisk' });
  }
  const room = localDisksProblem(request.disks, flavor);
  if (room !== null) throw badRequest(room);
  checkHardware(flavor, image);
  checkPciPolicy(flavor, image);
  const keypair = request.keyName === null ? null : await keypairNamed(deps, op, request.keyName);
  await checkDestination(deps, request);
  const build: BuildRequest = {
    network: await deps.network.plan(
      op.caller,
      request.networks,
      request.securityGroups,
      request.maxCount,
      request.mayAttachExternal,
    ),
    ...(await bootParts(deps, op.caller, image)),
    keyType: keypair?.type ?? null,
    userName: op.caller.userName,
    roles: op.caller.roles,
    projectName: op.caller.projectName,
    forcedHost: request.forcedHost,
    forcedNode: request.forcedNode,
    requestedHost: request.requestedHost,
    requestedNode: request.requestedNode,
    files: request.files,
    ...(saysOfDisks(request.disks) && { disks: request.disks }),
  };
  const group = await hintedGroup(deps, op.caller, request.schedulerHints);
  const reservationId = newReservation();
  const minimum = minimumOf(flavor);

  const made = await tx(deps.database, async (t) => {
    await lockQuota(t, projectId);
    const accounts = await accountsOf(t, deps.config.quota, { projectId, userId: op.caller.userId });
    const fitting = fittingCount(accounts, minimum, request.minCount, request.maxCount);
    if ('message' in fitting) throw forbidden(fitting.message, { code: 'quota' });
    const nowMs = deps.clock.now();
    const servers = Array.from({ length: fitting.count }, (_, index): NewServer => {
      const uuid = newUuid();
      return {
        uuid,
        projectId,
        userId: op.caller.userId,
        displayName: namesOf(request.name, uuid, index, fitting.count).displayName,
        description: request.description,
        hostname: hostnameOf(request, uuid, index, fitting.count),
        reservationId,
        launchIndex: index,
        vmState: 'building',
        taskState: 'scheduling',
        powerState: power.noState,
        progress: 0,
        imageRef: request.imageRef,
        image,
        flavor,
        host: null,
        node: null,
        availabilityZone: null,
        requestedZone: request.zone,
        schedulerHints: request.schedulerHints,
        keyName: keypair?.name ?? null,
        keyData: keypair?.publicKey ?? null,
        userData: request.userData,
        configDrive: request.configDrive || needsConfigDrive(deps.config, image, request.files),
        autoDiskConfig,
        accessIpV4: request.accessIpV4,
        accessIpV6: request.accessIpV6,
        rootDeviceName: rootDeviceName(image),
        lockedBy: null,
        lockedReason: null,
        currentVcpus: minimum.vcpus,
        currentMemoryMb: minimum.memoryMb,
        targetVcpus: minimum.vcpus,
        targetMemoryMb: minimum.memoryMb,
        bootVcpus: minimum.vcpus,
        bootMemoryMb: minimum.memoryMb,
        guestOnlineVcpus: null,
        guestAvailableMb: null,
        adjustStatus: 'idle',
        adjustPersist: true,
        adjustRequestId: null,
        adjustMessage: null,
        adjustUpdatedAt: null,
        createdAt: nowMs,
        launchedAt: null,
        terminatedAt: null,
        deletedAt: null,
        deleted: false,
        build,
      };
    });
    const ids = await insertServers(t, servers);
    await insertDetails(t, ids, request.metadata, request.tags);
    const rows = servers.map((server, index) => ({ ...server, id: ids[index] as number, updatedAt: nowMs }));
    const [first, others] = [rows[0] as Server, rows.slice(1)];
    const input: CreateInput = { adminPass: request.adminPass, excluded: [], lastProblem: null };
    const places: CreateInput = others.length === 0 ? input : { ...input, together: { part: 'places' } };
    const actionId = await enqueueAction(t, op, first, createAction, places, nowMs);
    const waits: CreateInput = { ...input, together: { part: 'waits' } };
    await holdActions(t, op, others, createAction, waits, nowMs, nowMs + limits.placedTogetherMs);
    if (group !== null) await joinGroup(t, deps, op, group, rows);
    return { actionId, rows };
  });
  wakeWorkers(deps, createAction, [made.actionId]);
  return {
    reservationId,
    autoDiskConfig,
    servers: made.rows.map(({ uuid }) => ({ uuid, adminPass: request.adminPass })),
  };
}

// --- the saga -------------------------------------------------------------------------------------------------------

const exhausted = (server: Server, lastProblem: string | null): Fault =>
  internal(
    'Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ' +
      `${server.uuid}.`,
    { code: 'noValidHost', detail: `Last exception: ${lastProblem ?? 'none'}` },
  );

/** As `placeServer`; where other hosts were tried before, the failure tells of the last of them. */
async function place(context: StepContext<CreateInput>): Promise<Placed> {
  const { deps, server, input } = context;
  const wish = { ...placementOf(deps, server, context.build()), excluded: input.excluded };
  if (input.excluded.length === 0) {
    const { together } = input;
    if (together?.part === 'refused') {
      throw internal(together.message, { code: 'noValidHost', detail: together.detail });
    }
    return placeOrWait(context, () =>
      together?.part === 'places' ? placeTogether(context, wish) : placeServer(context, wish, 'networking'),
    );
  }
  return placeServer(context, wish, 'networking').catch((error: unknown) => {
    const none = error instanceof Fault && error.code === 'noValidHost';
    throw none ? exhausted(server, input.lastProblem) : error;
  });
}

const giveBackPlace = (context: StepContext<CreateInput>): Promise<void> => giveUpPlace(context, 'scheduling');

async function makePorts(context: StepContext<CreateInput>) {
  const { deps, server } = context;
  const nics = await deps.network.allocate(portTargetOf(server), context.build().network, 0, !context.again);
  context.point('made');
  return context.finish(async (t, nowMs) => {
    await insertNics(t, server.id, nics);
    await updateServer(t, server.id, { taskState: 'spawning' }, nowMs);
    return { ports: nics.map((nic) => nic.portId) };
  });
}

async function giveBackPorts({ deps, server, commit }: StepContext<CreateInput>): Promise<void> {
  await deps.network.release(server);
  await commit((t) => replaceNics(t, server.id, []));
}

const build = step({
  name: 'build',
  event: 'compute__do_build_and_run_instance',
  async run({ deps, server, claim, input, build: asked, call }: StepContext<CreateInput>) {
    const spec = await specToBuild(deps.database.read, { server, claim, build: asked() }, input.adminPass);
    return call(server.host as string, 'spawn', { spec });
  },
  async undo({ server, call }) {
    if (server.host !== null) await call(server.host, 'destroy', { uuid: server.uuid });
  },
});

/** Another host may do better, unless one was named; what the request itself did wrong no host mends. */
function elsewhere(failure: Failure, { input, server }: StepContext<CreateInput>) {
  if (failure.step !== build.name || failure.kind === 'badRequest' || failure.kind === 'unavailable') return null;
  if (server.host === null || input.excluded.length + 1 >= limits.buildAttempts) return null;
  return {
    from: 'place',
    input: { ...input, excluded: [...input.excluded, server.host], lastProblem: failure.message },
  };
}

export const createAction = defineAction<CreateInput>()({
  name: 'create',
  transitions: {
    create: defineTransition('create', 'Create the server.', [], {
      task: 'scheduling',
      to: 'active',
      launched: false,
      lockable: false,
    }),
  },
  notification: 'create',
  secrets: ['adminPass'],
  steps: [
    { name: 'place', event: 'conductor_schedule_and_build_instances', run: place, undo: giveBackPlace },
    { name: 'ports', run: makePorts, undo: giveBackPorts },
    build,
  ],
  retry: elsewhere,
  overtaken: handOver,
  async settle(t, { server, output }, nowMs) {
    const view = output(build);
    const born = { launchedAt: nowMs, vmState: vmStateOf(view.powerState) ?? ('active' as const) };
    await settleFromView(t, server, view, nowMs, true, born);
    return null;
  },
  async failed(t, { server }, failure, nowMs) {
    await settleFailed(t, server, failure, nowMs, { vmState: 'error' });
  },
});
