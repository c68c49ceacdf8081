// Why: whatever moves a server does the same few things: it holds a claim on the other host, binds the ports there, and makes
// the other host the server's own in one transaction. Until then the server is where it was; from then on it is where it shall be.

import { internal } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Op } from '../../base/op.ts';
import { findClaim, findHeldClaim, holdClaim, moveClaim, releaseHeld, swapClaims } from '../../db/claims.ts';
import { findFlavor } from '../../db/flavors.ts';
import { findHost } from '../../db/hosts.ts';
import { openActions } from '../../db/instance-actions.ts';
import { findMigration, insertMigration, unfinishedMoves, updateMigration } from '../../db/migrations.ts';
import { addRemnant } from '../../db/remnants.ts';
import { nicsOfServer, replaceNics } from '../../db/server-nics.ts';
import { asKnown } from '../../domain/networks/server-nics.ts';
import { lockServer, updateServer } from '../../db/servers.ts';
import { afterCommit, type Tx } from '../../db/tx.ts';
import type { FlavorSnapshot } from '../../domain/machines/flavors.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import { disksOnHost } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { Before, MigrationStatus, MigrationType, ServerMigration } from '../../domain/servers/migrations.ts';
import { clearHost } from './clear-host.ts';
import { connectVolumes } from './connect-volumes.ts';
import { anywhere, claimPlace, placementOf, type PlaceRequest, whereOf } from '../placement/place.ts';
import type { StepContext } from '../engine/saga.ts';

/** What every saga that moves a server begins with. */
export interface MoveInput {
  readonly migrationId: number;
  /** For the log; absent in what an older version left. */
  readonly migrationUuid?: string;
}

type MoveContext = StepContext<MoveInput>;

/** Nova's numbers for the flavors of a move; null for one that is no more. */
async function flavorNumber(t: Tx, { flavorid }: FlavorSnapshot): Promise<number | null> {
  return (await findFlavor(t, flavorid))?.id ?? null;
}

/** Notes the move that a request asks for; `to` is the flavor afterwards. */
export async function acceptMove(
  t: Tx,
  op: Op,
  server: Server,
  type: MigrationType,
  to: FlavorSnapshot,
  before: Before | null,
  nowMs: number,
): Promise<Required<MoveInput>> {
  const flavors = type !== 'evacuation';
  const uuid = newUuid();
  const migrationId = await insertMigration(t, {
    uuid,
    serverUuid: server.uuid,
    type,
    sourceCompute: server.host as string,
    sourceNode: server.node ?? '',
    oldFlavorId: flavors ? await flavorNumber(t, server.flavor) : null,
    newFlavorId: flavors ? await flavorNumber(t, to) : null,
    userId: op.caller.userId,
    projectId: op.caller.projectId ?? server.projectId,
    before,
    nowMs,
  });
  const { uuid: id, host } = server;
  afterCommit(t, () => op.log.info({ server: id, migration: uuid, type, host }, 'a migration is asked for'));
  return { migrationId, migrationUuid: uuid };
}

export async function moveOf({ deps, input }: MoveContext): Promise<ServerMigration> {
  const found = await findMigration(deps.database.read, input.migrationId);
  if (found === null) throw internal(`Migration ${input.migrationId} has no row.`);
  return found;
}

export async function hostNamed({ deps }: Pick<MoveContext, 'deps'>, name: string | null): Promise<Host> {
  const host = name === null ? null : await findHost(deps.database.read, { host: name });
  if (host === null) throw internal(`Host ${name} is not known.`, { code: 'host.unknown' });
  return host;
}

/** The destination that `holdPlace` chose. */
export const destinationOf = async (context: MoveContext): Promise<Host> =>
  hostNamed(context, (await moveOf(context)).destCompute);

/** What a server that moves asks of its next host: nothing of what was forced when it was made. */
export const moveRequest = (
  { deps }: Pick<MoveContext, 'deps'>,
  server: Server,
  more: Partial<PlaceRequest>,
): PlaceRequest => ({
  ...placementOf(deps, server, anywhere, disksOnHost(server)),
  excluded: [],
  ...more,
});

/** Finds the destination and holds a claim on it for the move; a move that has one keeps it. */
export async function holdPlace(
  context: MoveContext,
  request: PlaceRequest,
  status: MigrationStatus,
): Promise<{ host: string }> {
  const { deps, input } = context;
  const move = await moveOf(context);
  if (move.destCompute !== null && (await findHeldClaim(deps.database.read, input.migrationId)) !== null) {
    return { host: move.destCompute };
  }
  return claimPlace(
    context,
    request,
    (t, claim, generation) => holdClaim(t, input.migrationId, claim, generation),
    (t, found, nowMs) =>
      updateMigration(
        t,
        input.migrationId,
        {
          status,
          destCompute: found.host,
          destNode: found.inventory.hypervisorHostname,
          // as Nova, whose live migrations do not say
          ...(move.type === 'live-migration' ? {} : { destHost: found.inventory.hostIp }),
        },
        nowMs,
      ),
  );
}

export const giveBackPlace = ({ input, commit }: MoveContext): Promise<void> =>
  commit((t) => releaseHeld(t, input.migrationId));

/** The ports and volumes follow the server to a host (empty: to none), and the rows keep the ports as they are there. */
export async function bindTo<I>(context: StepContext<I>, host: Pick<Host, 'host' | 'zone'>): Promise<void> {
  const { deps, server, commit, point } = context;
  const before = await nicsOfServer(deps.database.read, server.id);
  const nics = asKnown(before, await deps.network.rebind({ ...server, host: host.host, zone: host.zone }));
  point('bound');
  await commit((t) => replaceNics(t, server.id, nics));
  await connectVolumes(context, host.host);
}

export const bindAtHome = async (context: MoveContext): Promise<void> =>
  bindTo(context, await hostNamed(context, context.server.host));

/** Where and what a server is on one placement of its move. */
export type Placement = Pick<Server, 'host' | 'node' | 'availabilityZone' | 'flavor' | 'bootVcpus' | 'bootMemoryMb'>;

export const currentPlacement = (server: Server): Placement => ({
  host: server.host,
  node: server.node,
  availabilityZone: server.availabilityZone,
  flavor: server.flavor,
  bootVcpus: server.bootVcpus,
  bootMemoryMb: server.bootMemoryMb,
});

export const placementAt = (server: Server, host: Host): Placement => ({
  ...currentPlacement(server),
  ...whereOf(host),
});

/** A resize on one host changes the flavor, any other move the host. */
export const isCurrentPlacement = (server: Server, placement: Placement): boolean =>
  server.host === placement.host && server.flavor.flavorid === placement.flavor.flavorid;

/**
 * The other placement becomes the server's own, with its claim; being there already, nothing happens. That is asked of the row as it is
 * now: who comes a second time, with the row as it was before, would take the claims back.
 */
export async function switchTo(
  t: Tx,
  server: Server,
  migrationId: number,
  placement: Placement,
  nowMs: number,
): Promise<Server> {
  const row = await lockServer(t, server.uuid);
  if (row === null) throw internal(`Server ${server.uuid} has no row.`);
  if (isCurrentPlacement(row, placement)) return { ...server, ...placement };
  await swapClaims(t, migrationId, server.id);
  await updateServer(t, server.id, placement, nowMs);
  return { ...server, ...placement };
}

/** As `switchTo`, as a step of a saga. */
export const switchPlacement = ({ commit, server, input }: MoveContext, placement: Placement): Promise<void> =>
  commit(async (t, nowMs) => void (await switchTo(t, server, input.migrationId, placement, nowMs)));

/** The server turns to the destination that `holdPlace` chose; `after` is what it is there, under another flavor perhaps. */
export async function becomeThere(
  t: Tx,
  server: Server,
  after: Server,
  { migrationId }: MoveInput,
  { host }: { readonly host: string },
  nowMs: number,
): Promise<Server> {
  const found = await findHost(t, { host });
  if (found === null) throw internal(`Host ${host} is not known.`, { code: 'host.unknown' });
  return switchTo(t, server, migrationId, placementAt(after, found), nowMs);
}

/** Whatever was made of the server on its destination goes. */
export async function removeThere(context: MoveContext): Promise<void> {
  const { destCompute } = await moveOf(context);
  if (destCompute !== null) await context.call(destCompute, 'destroy', { uuid: context.server.uuid });
}

/** The move is over: what it held is given back. */
export async function endMove(t: Tx, migrationId: number, status: MigrationStatus, nowMs: number): Promise<void> {
  await releaseHeld(t, migrationId);
  await updateMigration(t, migrationId, { status }, nowMs);
}

/** What stands aside on the server's own host in these is of before the move. */
const turned: readonly MigrationStatus[] = ['finished', 'confirming', 'reverting'];

/**
 * The move is over and an error: what it may have on the server's other host, and what it may have left aside on its own, is on record
 * to be removed. What may be all that the server has stays until there is a guest again (reconcile/remnants.ts).
 * @param stuck it could not be undone, or nobody tried: its disks may stand aside on the server's own host
 */
export async function giveUpMove(
  t: Tx,
  server: Pick<Server, 'uuid' | 'host'>,
  { id, status, sourceCompute, destCompute }: ServerMigration,
  stuck: boolean,
  nowMs: number,
): Promise<void> {
  for (const host of new Set([sourceCompute, destCompute])) {
    const has = host !== server.host || stuck || turned.includes(status);
    if (host !== null && has) await addRemnant(t, { serverUuid: server.uuid, host }, nowMs);
  }
  await endMove(t, id, 'error', nowMs);
}

/** A move is over of which nobody knows where it left the guest: its place on both hosts is kept until somebody looks. */
export const leaveUnsure = (t: Tx, migrationId: number, nowMs: number): Promise<void> =>
  updateMigration(t, migrationId, { status: 'error' }, nowMs);

/** The guest of a move in these is what the move made of it. */
const arrived: readonly MigrationStatus[] = ['finished', 'confirming'];

/**
 * A resize on one host is given up half way, and its guest may be of either size: instead of two claims it has one that is large
 * enough for both, until the host tells which size it is.
 */
async function claimEither(t: Tx, { id, status, sourceCompute, destCompute }: ServerMigration): Promise<void> {
  const isEither = sourceCompute === destCompute && !arrived.includes(status);
  const held = isEither ? await findHeldClaim(t, id) : null;
  const own = held === null ? null : await findClaim(t, held.serverId);
  if (held === null || own === null || own.hostId !== held.hostId) return;
  await releaseHeld(t, id);
  const either = { vcpus: Math.max(own.vcpus, held.vcpus), memoryMb: Math.max(own.memoryMb, held.memoryMb) };
  await moveClaim(t, own, either);
}

/**
 * As `giveUpMove`, for a move that nothing carries and nobody looked for. A live migration may have brought the only guest to its
 * destination: nothing of it is removed (whereabouts.ts looks).
 */
export async function giveUpUnseen(
  t: Tx,
  server: Pick<Server, 'uuid' | 'host'>,
  move: ServerMigration,
  nowMs: number,
): Promise<void> {
  const unsure = move.type === 'live-migration' && move.destCompute !== null && server.host === move.sourceCompute;
  if (unsure) await leaveUnsure(t, move.id, nowMs);
  else {
    await claimEither(t, move);
    await giveUpMove(t, server, move, true, nowMs);
  }
}

/** As `giveUpMove`, for a saga that was overtaken (`givenUp`). */
export async function leaveGivenUp(t: Tx, context: MoveContext, stuck: boolean, nowMs: number): Promise<void> {
  const move = await findMigration(t, context.input.migrationId);
  if (move === null) return;
  if (stuck) await claimEither(t, move);
  await giveUpMove(t, context.server, move, stuck, nowMs);
}

/**
 * An action that would have ended the server's moves is given up itself: those that were there before it, and that nothing carries
 * any more, are given up too. Where others are still to be given up, the last of them sees to it.
 * @param except of moves in this state: they wait for a word
 */
export async function leaveUncarried<I>(
  t: Tx,
  { server, action }: Pick<StepContext<I>, 'server' | 'action'>,
  nowMs: number,
  except?: MigrationStatus,
): Promise<void> {
  const others = (await openActions(t, server.uuid)).filter(({ id }) => id !== action.id);
  if (others.some(({ cancel }) => cancel)) return;
  for (const move of await unfinishedMoves(t, server)) {
    if (move.createdAt <= action.startTime && move.status !== except) await giveUpUnseen(t, server, move, nowMs);
  }
}

/** What a move ends as that something overtakes. */
const endOf = ({ status }: ServerMigration): MigrationStatus =>
  status === 'finished' ? 'confirmed' : status === 'error' ? 'error' : 'failed';

/**
 * Ends the server's moves of which `which` is true, where something overtook them (a deletion, an evacuation) or they could not be
 * taken back: what they have on other hosts, and what is set aside on its own, goes.
 */
export async function abandonMoves<I>(
  context: StepContext<I>,
  which: (move: ServerMigration) => boolean = () => true,
): Promise<void> {
  const { deps, server, commit } = context;
  const moves = await unfinishedMoves(deps.database.read, server);
  for (const move of moves.filter(which)) {
    for (const host of new Set([move.sourceCompute, move.destCompute])) {
      if (host !== null) await clearHost(context, host, host === server.host ? ['aside'] : ['guest', 'aside']);
    }
    await commit((t, nowMs) => endMove(t, move.id, endOf(move), nowMs));
  }
}

/**
 * Removes the server's guest and whatever moves have of it, on every host. Other hosts come first: where one refuses, the server
 * still has its guest. What a resize on one host holds is claimed for as long as the guest is there, so that move ends last.
 * Returns why something is left on the server's host, or null.
 */
export async function removeGuestEverywhere<I>(context: StepContext<I>): Promise<string | null> {
  const { host } = context.server;
  await abandonMoves(context, (move) => move.sourceCompute !== move.destCompute);
  const left = host === null ? null : await clearHost(context, host, ['guest', 'aside']);
  await abandonMoves(context);
  return left;
}
