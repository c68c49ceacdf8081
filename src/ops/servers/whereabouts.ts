// Why: a server has one guest. A move that could not be taken back may have it on the other host, or its disks aside at home. So
// before a guest is started it is looked for, and goes on where it is; only then what is left elsewhere is ended.

import { conflict, Fault, unavailable } from '../../base/errors.ts';
import { findHost } from '../../db/hosts.ts';
import { listMigrations, unfinishedMoves } from '../../db/migrations.ts';
import { addRemnant, remnantHosts } from '../../db/remnants.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { MigrationStatus, ServerMigration } from '../../domain/servers/migrations.ts';
import { hostCan } from '../engine/begin.ts';
import { guestSpec } from './build.ts';
import { clearHost } from './clear-host.ts';
import { isUp } from '../placement/host-up.ts';
import { switchTo, bindTo, endMove, hostNamed, placementAt } from './migrations.ts';
import type { StepContext } from '../engine/saga.ts';

type Context = StepContext<unknown>;

const isLive = ({ type }: ServerMigration): boolean => type === 'live-migration';

/** Cold moves in these may have left the server's disks aside on the host where they began. */
const disksAside: readonly MigrationStatus[] = ['migrating', 'post-migrating', 'error'];

/** Whether a move may have left the server's disks aside on its own host. */
async function mayHaveAside({ deps, server }: Context, unfinished: readonly ServerMigration[]): Promise<boolean> {
  const filter = { serverUuid: server.uuid, sourceCompute: server.host as string, status: 'error' };
  return [...unfinished, ...(await listMigrations(deps.database.read, filter, null))].some(
    ({ type, status, sourceCompute }) =>
      (type === 'resize' || type === 'migration') && sourceCompute === server.host && disksAside.includes(status),
  );
}

/** The guest is made again, off, of what stands aside at home; false: nothing does. */
async function isRestored({ deps, server, call }: Context): Promise<boolean> {
  const home = server.host as string;
  if (!(await hostCan(deps.database.read, home, 'restoreDisk'))) return false;
  try {
    await call(home, 'restoreDisk', { spec: await guestSpec(deps.database.read, server, null), on: false });
    return true;
  } catch (error) {
    if (error instanceof Fault && error.kind === 'notFound') return false;
    throw error;
  }
}

/** The live migration that brought the guest to its destination, where it is; null: none did. */
export async function arrivedBy(
  { deps, server, call }: Context,
  moves: readonly ServerMigration[],
): Promise<ServerMigration | null> {
  for (const move of moves) {
    const { destCompute, sourceCompute } = move;
    if (!isLive(move) || sourceCompute !== server.host || destCompute === null) continue;
    if (!isUp(deps, await findHost(deps.database.read, { host: destCompute }))) continue;
    if ((await call(destCompute, 'inspect', { uuid: server.uuid })) !== null) return move;
  }
  return null;
}

/** What a live migration could neither end nor take back ends where its guest is. */
async function turnThere(context: Context, move: ServerMigration): Promise<Server> {
  const { server, commit } = context;
  const host = await hostNamed(context, move.destCompute);
  await bindTo(context, host);
  return commit(async (t, nowMs) => {
    await addRemnant(t, { serverUuid: server.uuid, host: server.host as string }, nowMs);
    const there = await switchTo(t, server, move.id, placementAt(server, host), nowMs);
    await endMove(t, move.id, 'completed', nowMs);
    return there;
  });
}

/** Gives up what moves the guest away from the server's host; throws `unavailable` while the host goes on with it. */
async function mustStandStill({ server, call }: Context, moves: readonly ServerMigration[]): Promise<void> {
  const { uuid, host } = server;
  if (host === null || !moves.some((move) => isLive(move) && move.sourceCompute === host)) return;
  await call(host, 'steerLive', { uuid, how: 'abort' });
  if ((await call(host, 'liveProgress', { uuid })).state !== 'running') return;
  throw unavailable(`Host ${host} still moves its guest away.`, { code: 'migration.stillMoving' });
}

/** The other hosts on which something of a server may be. */
async function otherHosts({ deps, server }: Context, moves: readonly ServerMigration[]): Promise<string[]> {
  const hosts = new Set([
    ...moves.flatMap(({ sourceCompute, destCompute }) => [sourceCompute, destCompute]),
    ...(await remnantHosts(deps.database.read, server.uuid)),
  ]);
  return [...hosts].filter((host) => host !== null && host !== server.host) as string[];
}

/** The moves of a server that did not come to their end, but for the one that asks. */
async function otherMoves({ deps, server }: Context, except: number | undefined): Promise<ServerMigration[]> {
  return (await unfinishedMoves(deps.database.read, server)).filter(({ id }) => id !== except);
}

/**
 * The server, on the host that has its guest: its own, where disks that were set aside are the guest again, or the one that a live
 * migration brought it to. Null: its host has none, another may.
 * @param except a move that is only about to begin
 */
export async function findGuest(context: Context, except?: number): Promise<Server | null> {
  const { deps, server, call } = context;
  const moves = await otherMoves(context, except);
  const others = await otherHosts(context, moves);
  const aside = server.host !== null && (await mayHaveAside(context, moves));
  if (server.host === null || (others.length === 0 && !aside)) return server;
  // one that is down cannot be asked; a guest that is seen to have left it is not there
  if (isUp(deps, await findHost(deps.database.read, { host: server.host }))) {
    await mustStandStill(context, moves);
    if ((await call(server.host, 'inspect', { uuid: server.uuid })) !== null) return server;
    if (aside && (await isRestored(context))) return server;
  }
  const arrived = await arrivedBy(context, moves);
  if (arrived !== null) return turnThere(context, arrived);
  return others.length === 0 ? server : null;
}

/** What moves that failed, or a deletion that did, left on other hosts goes, and what they held. */
async function clearElsewhere(context: Context, except?: number): Promise<void> {
  const { server, commit } = context;
  const moves = await otherMoves(context, except);
  for (const host of await otherHosts(context, moves)) await clearHost(context, host, ['guest', 'aside']);
  // the move may have taken the ports with it
  if (moves.length > 0) await bindTo(context, await hostNamed(context, server.host));
  for (const { id, status } of moves) {
    await commit((t, nowMs) => endMove(t, id, status === 'finished' ? 'confirmed' : 'error', nowMs));
  }
}

/**
 * Before a guest is started, or moved: nothing of its server may run anywhere else. A host that is up and refuses keeps the server from
 * starting; one that is down was fenced by whoever brought the server here. Returns the server, which may be on another host now.
 * Throws a conflict where its host has no guest and another may have the only one.
 * @param except the move that is about to begin
 */
export async function endElsewhere<I>(context: StepContext<I>, except?: number): Promise<Server> {
  const server = await findGuest(context as Context, except);
  if (server === null) {
    throw conflict(`Instance ${context.server.uuid} is not on its host, and may be on another.`, {
      code: 'guest.elsewhere',
    });
  }
  await clearElsewhere({ ...(context as Context), server }, except);
  return server;
}

/** As `endElsewhere`, for a server whose guest is made anew on its host, whatever became of the old one. */
export async function makeWay<I>(context: StepContext<I>): Promise<void> {
  const { deps, server } = context;
  await mustStandStill(context as Context, await unfinishedMoves(deps.database.read, server));
  await clearElsewhere(context as Context);
}

/** Disks that stand aside on the server's own host are no more needed: its guest has new ones. */
export async function forgetAside<I>(context: StepContext<I>): Promise<void> {
  if (!(await mayHaveAside(context as Context, []))) return;
  await clearHost(context, context.server.host as string, ['aside']);
}
