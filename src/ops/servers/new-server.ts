// Why: everything of a new server that can be refused is refused before its row is made, in Nova's order.

import { badRequest, forbidden } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Op } from '../../base/op.ts';
import { otherZones } from '../../db/aggregates.ts';
import { findFlavor } from '../../db/flavors.ts';
import { findHost } from '../../db/hosts.ts';
import type { NewServer } from '../../db/servers.ts';
import { isZoneServed } from '../../db/services.ts';
import { elasticProblem, type FlavorSnapshot, snapshotOf, startSizeOf } from '../../domain/machines/flavors.ts';
import { checkHardware } from '../../domain/machines/hardware.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { autoDiskConfigOf, diskConfigProblem, imageProblem } from '../../domain/machines/image-fit.ts';
import { checkPciPolicy, pciRequestOf } from '../../domain/pci/pci-alias.ts';
import { templateAskedFor } from '../../domain/servers/cloud-init-templates.ts';
import { namesOf, rootDeviceName, sanitizeHostname } from '../../domain/servers/build-spec.ts';
import type { CreateServersRequest } from '../../domain/servers/create-request.ts';
import { power } from '../../domain/servers/servers.ts';
import { checkMergeable } from '../../domain/servers/user-data.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import { localDisksProblem, saysOfDisks } from '../../domain/servers/local-disks.ts';
import type { BegunVolumes } from './early-volumes.ts';
import type { OpsDeps } from '../deps.ts';
import { activeImage, bootParts, checkBelongings, keypairNamed, needsConfigDrive } from './boot-source.ts';
import type { BuildRequest } from './build.ts';
import { checkVolumes, imageOfVolume } from './new-volumes.ts';

const NO_AGGREGATE = 0;

/** The flavor of a new server of the caller's. Throws 400 for one that the caller does not see, or that is no good. */
export async function flavorFor(deps: OpsDeps, op: Op, flavorRef: string): Promise<FlavorSnapshot> {
  const project = op.caller.isAdmin ? undefined : (op.caller.projectId ?? '');
  const flavor = await findFlavor(deps.database.read, flavorRef, project);
  if (flavor === null || flavor.disabled) throw badRequest(`Flavor ${flavorRef} could not be found.`);
  const problem = elasticProblem(flavor);
  if (problem !== null) throw badRequest(problem);
  pciRequestOf(flavor, null, deps.config.pciAliases);
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
  if (networks.some((one) => one.fixedIp !== null)) {
    throw badRequest('Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.');
  }
  if (networks.some((one) => one.portId !== null)) {
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

/** What is known of new servers once nothing speaks against them but the quota. */
export interface CheckedRequest {
  readonly request: CreateServersRequest;
  readonly projectId: string;
  readonly flavor: FlavorSnapshot;
  readonly image: ImageFacts;
  readonly autoDiskConfig: boolean;
  readonly keypair: Awaited<ReturnType<typeof keypairNamed>> | null;
  readonly build: BuildRequest;
}

const refuse = (problem: string | null): void => {
  if (problem !== null) throw badRequest(problem);
};

/** What is known of a server's image before it is looked for. */
export interface KnownImage {
  /** It is only made for this server. */
  readonly made?: ImageFacts;
  /** It was found just now; of a server that boots from a volume it may be the one that its volumes are said in. */
  readonly found?: ImageFacts | null;
}

/** Image and flavor, each for itself and together; throws Nova's 400s and 403. */
async function checkParts(deps: OpsDeps, op: Op, request: CreateServersRequest, { made, found = null }: KnownImage) {
  const flavor = await flavorFor(deps, op, request.flavorRef);
  const volumes = await checkVolumes(deps, op, request);
  const boots = bootsFromVolume(request);
  const image = boots
    ? imageOfVolume(volumes, found)
    : (made ?? (await activeImage(deps, op.caller, request.imageRef, 'Can not find requested image', found)));
  refuse(diskConfigProblem(image, request.autoDiskConfig));
  await checkBelongings(deps, op, request);
  // what an image needs of a root disk its volume was asked for
  refuse(imageProblem(boots ? { ...flavor, rootGb: 0 } : flavor, image));
  if (flavor.rootGb === 0 && !request.mayLackDisk && !boots) {
    throw forbidden('Only volume-backed servers are allowed for flavors with zero disk.', { code: 'flavor.noDisk' });
  }
  refuse(localDisksProblem(request.disks, flavor));
  checkHardware(flavor, image);
  checkPciPolicy(flavor, image);
  return { flavor, image, autoDiskConfig: autoDiskConfigOf(image, request.autoDiskConfig) };
}

/** What the saga and the driver need later, of the request and of who asks. */
async function buildOf(
  deps: OpsDeps,
  { caller }: Op,
  request: CreateServersRequest,
  image: ImageFacts,
  keyType: string | null,
): Promise<BuildRequest> {
  const template = templateAskedFor(deps.config.cloudInitTemplates, request.metadata);
  checkMergeable(template, request.userData);
  const { networks, securityGroups, maxCount, mayAttachExternal, disks, volumes } = request;
  const { forcedHost, forcedNode, requestedHost, requestedNode, files } = request;
  return {
    network: await deps.network.plan(caller, networks, securityGroups, maxCount, mayAttachExternal),
    ...(await bootParts(deps, caller, image)),
    keyType,
    userName: caller.userName,
    roles: caller.roles,
    projectName: caller.projectName,
    ...{ forcedHost, forcedNode, requestedHost, requestedNode, files },
    ...(template !== null && { template }),
    ...(saysOfDisks(disks) && { disks }),
    ...(volumes.length > 0 && { volumes: volumes.map((volume) => ({ ...volume, volumeId: volume.id })) }),
  };
}

/**
 * Throws Nova's 400s and 403s, in Nova's order.
 */
export async function checkRequest(
  deps: OpsDeps,
  op: Op,
  asked: CreateServersRequest,
  image: KnownImage = {},
): Promise<CheckedRequest> {
  const { projectId } = op.caller;
  if (projectId === null) throw badRequest('Servers are created in a project: the token is scoped to none.');
  const request = { ...asked, zone: await zoneFor(deps, asked) };
  checkCounts(request);
  const parts = await checkParts(deps, op, request, image);
  const keypair = request.keyName === null ? null : await keypairNamed(deps, op, request.keyName);
  await checkDestination(deps, request);
  const build = await buildOf(deps, op, request, parts.image, keypair?.type ?? null);
  return { request, projectId, ...parts, keypair, build };
}

/** The sizes of a server that never ran: its minimum, unless its flavor says otherwise. */
function newSizes(flavor: FlavorSnapshot) {
  const { vcpus, memoryMb } = startSizeOf(flavor);
  return {
    currentVcpus: vcpus,
    currentMemoryMb: memoryMb,
    targetVcpus: vcpus,
    targetMemoryMb: memoryMb,
    bootVcpus: vcpus,
    bootMemoryMb: memoryMb,
    guestOnlineVcpus: null,
    guestAvailableMb: null,
    adjustStatus: 'idle',
    adjustPersist: true,
    adjustRequestId: null,
    adjustMessage: null,
    adjustUpdatedAt: null,
  } as const;
}

/** Each server has volumes of its own: those that are to be made have their ids from here on. @param begun the ids of those that are begun */
const withOwnVolumes = (build: BuildRequest, begun: readonly string[] = []): BuildRequest =>
  build.volumes === undefined
    ? build
    : {
        ...build,
        volumes: build.volumes.map((volume, index) => ({
          ...volume,
          volumeId: volume.source === 'volume' ? volume.id : (begun[index] ?? newUuid()),
        })),
      };

/** The rows of `count` servers of one request. */
export function newServers(
  deps: OpsDeps,
  userId: string,
  { request, projectId, flavor, image, autoDiskConfig, keypair, build }: CheckedRequest,
  count: number,
  nowMs: number,
  begun: BegunVolumes['ids'] = [],
): NewServer[] {
  const reservationId = newReservation();
  const { description, imageRef, zone, schedulerHints, userData, accessIpV4, accessIpV6, files } = request;
  const shared = {
    ...{ projectId, userId, reservationId, flavor, image, imageRef, autoDiskConfig, build, description },
    ...{ schedulerHints, userData, accessIpV4, accessIpV6 },
    ...newSizes(flavor),
    vmState: 'building',
    taskState: 'scheduling',
    powerState: power.noState,
    progress: 0,
    host: null,
    node: null,
    availabilityZone: null,
    requestedZone: zone,
    keyName: keypair?.name ?? null,
    keyData: keypair?.publicKey ?? null,
    configDrive: request.configDrive || needsConfigDrive(deps.config, image, files),
    rootDeviceName: rootDeviceName(image),
    lockedBy: null,
    lockedReason: null,
    createdAt: nowMs,
    launchedAt: null,
    terminatedAt: null,
    deletedAt: null,
    deleted: false,
  } as const;
  return Array.from({ length: count }, (_, index) => {
    const uuid = newUuid();
    return {
      ...shared,
      build: withOwnVolumes(build, begun[index]),
      uuid,
      displayName: namesOf(request.name, uuid, index, count).displayName,
      hostname: hostnameOf(request, uuid, index, count),
      launchIndex: index,
    };
  });
}
