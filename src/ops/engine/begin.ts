// Why: every verb that answers 202 begins alike: look at the row as it is now, check that the transition is legal, change it and
// leave an action behind, all in one transaction; then tell the workers.

import { invariant } from '../../base/invariant.ts';
import { badRequest, conflict, notFound, notImplemented } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import { findHost } from '../../db/hosts.ts';
import { type InstanceAction, insertAction, insertClosedAction, insertHeldActions } from '../../db/instance-actions.ts';
import { lockServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { OptionalVerb } from '../../domain/placement/hosts.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { refusal, type Transition } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { envelopeOf, type Saga } from './saga.ts';

/** Whether the driver of a host has an optional verb. */
export async function hostCan(reader: Reader, name: string, verb: OptionalVerb): Promise<boolean> {
  const host = await findHost(reader, { host: name });
  return host?.inventory.facts.capabilities.verbs.includes(verb) ?? false;
}

/** Throws as `lockServerFor`, on a row that was read: before something that takes long and that a refusal would spare. */
export async function checkTransition(reader: Reader, op: Op, server: Server, transition: Transition): Promise<void> {
  const problem = refusal(server, transition, op.caller.isAdmin);
  if (problem !== null) throw conflict(problem);
  const { verb, placing } = transition;
  if (verb === null || server.host === null || (await hostCan(reader, server.host, verb))) return;
  const code = `driver.${verb}` as const;
  if (!placing) throw notImplemented('The requested functionality is not supported.', { code });
  throw badRequest('No valid host was found. The driver of its host cannot move the server.', {
    code,
    detail: server.host,
  });
}

/**
 * The server as it is now, locked; throws Nova's 404 and 409, and 501 (400 where it is about another host) where its host's driver
 * lacks the verb. Administrators may override a lock.
 */
export async function lockServerFor(t: Tx, op: Op, uuid: string, transition: Transition): Promise<Server> {
  const server = await lockServer(t, uuid);
  if (server === null || server.deleted) throw notFound(`Instance ${uuid} could not be found.`, { code: 'server' });
  await checkTransition(t, op, server, transition);
  return server;
}

/** The host of a server of which something is only read; throws as `lockServerFor`. */
export async function hostFor(reader: Reader, op: Op, server: Server, transition: Transition): Promise<string> {
  await checkTransition(reader, op, server, transition);
  if (server.host === null) throw conflict(`Instance ${server.uuid} is not ready`);
  return server.host;
}

const recordOf = (op: Op, server: Server, action: string, nowMs: number) => ({
  serverUuid: server.uuid,
  action,
  requestId: op.requestId,
  projectId: op.caller.projectId ?? server.projectId,
  userId: op.caller.userId,
  nowMs,
});

/** Leaves an action for the workers: its name and what its input must be are those of the saga that will carry it out. */
export const enqueueAction = <I>(
  t: Tx,
  op: Op,
  server: Server,
  saga: Saga<I>,
  args: NoInfer<I>,
  nowMs: number,
  heldMs: number | null = null,
): Promise<number> => {
  invariant(!server.deleted, `server ${server.uuid}, which something begins for, is there`);
  return insertAction(t, { ...recordOf(op, server, saga.name, nowMs), input: envelopeOf<I>(args) }, heldMs);
};

/** Leaves what an action that ends leads to: asked for by the same request. */
export const enqueueNext = <I>(
  t: Tx,
  { requestId, projectId, userId }: Pick<InstanceAction, 'requestId' | 'projectId' | 'userId'>,
  server: Server,
  saga: Saga<I>,
  args: NoInfer<I>,
  nowMs: number,
): Promise<number> => {
  const record = { serverUuid: server.uuid, action: saga.name, requestId, projectId, userId, nowMs };
  return insertAction(t, { ...record, input: envelopeOf<I>(args) }, null);
};

/** Leaves actions that wait for another of the same request to wake them, and no longer than until `dueMs`. */
export const holdActions = <I>(
  t: Tx,
  op: Op,
  servers: readonly Server[],
  saga: Saga<I>,
  args: NoInfer<I>,
  nowMs: number,
  dueMs: number,
): Promise<void> =>
  insertHeldActions(
    t,
    servers.map((server) => ({ ...recordOf(op, server, saga.name, nowMs), input: envelopeOf<I>(args) })),
    dueMs,
  );

/** Records what was asked and is done: an action with at most one event, that went well. */
export const recordDone = (
  t: Tx,
  op: Op,
  server: Server,
  { name, event }: { readonly name: string; readonly event: string | null },
  nowMs: number,
): Promise<void> =>
  insertClosedAction(t, recordOf(op, server, name, nowMs), event === null ? null : { name: event, error: false });

/** Tells the workers, after the commit: of what a saga shall do, or of what it overtook. */
export function wakeWorkers(deps: OpsDeps, { name }: Pick<Saga<never>, 'name'>, actionIds: readonly number[]): void {
  deps.hooks?.point?.(`${name}.committed`);
  for (const id of actionIds) deps.bus.nudge(id);
}

/** What `enqueueTransition` left. */
export interface Enqueued {
  readonly actionId: number;
  readonly server: Server;
}

/**
 * A transition that sets its task, if it has one, and leaves an action for its saga. `holdMs`: the workers wait for
 * `readyAction`, `withdrawAction` or `letGoAction`, but no longer; so does what overtakes the action meanwhile.
 */
export const enqueueTransition = <I>(
  deps: OpsDeps,
  op: Op,
  uuid: string,
  transition: Transition,
  saga: Saga<I>,
  argsOf: (server: Server) => NoInfer<I>,
  holdMs: number | null = null,
): Promise<Enqueued> =>
  tx(deps.database, async (t) => {
    const { task } = transition;
    const server = await lockServerFor(t, op, uuid, transition);
    const nowMs = deps.clock.now();
    if (task !== null) await updateServer(t, server.id, { taskState: task }, nowMs);
    const heldMs = holdMs === null ? null : nowMs + holdMs;
    return { actionId: await enqueueAction(t, op, server, saga, argsOf(server), nowMs, heldMs), server };
  });

/** As `enqueueTransition`, and tells the workers. Returns the action's number. */
export async function beginAction<I>(
  deps: OpsDeps,
  op: Op,
  uuid: string,
  transition: Transition,
  saga: Saga<I>,
  argsOf: (server: Server) => NoInfer<I>,
): Promise<number> {
  const { actionId } = await enqueueTransition(deps, op, uuid, transition, saga, argsOf);
  wakeWorkers(deps, saga, [actionId]);
  return actionId;
}
