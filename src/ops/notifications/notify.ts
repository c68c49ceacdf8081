// Why: listeners are told of a change exactly when it is true: the notification is written in the transaction of the change,
// and sent by a relay (notification-relay.ts). Without a broker in the configuration nothing is written.

import type { Op } from '../../base/op.ts';
import type { InstanceAction } from '../../db/instance-actions.ts';
import { findKeypair } from '../../db/keypairs.ts';
import { insertNotification } from '../../db/notifications.ts';
import { allDetails, loadDetails } from '../../db/server-details.ts';
import { findServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import type { Server, ServerDetail } from '../../domain/servers/servers.ts';
import {
  type ActionFacts,
  actionNotification,
  apiNotification,
  type KeyPairFacts,
  type NotificationContext,
  type Phase,
  type StateBefore,
  updateNotification,
  type VersionedObject,
} from '../../domain/notifications/notifications.ts';
import type { OpsDeps } from '../deps.ts';

/** What only the action itself knows of what it makes. */
export type SagaFacts = Partial<Pick<ActionFacts, 'snapshotImageId' | 'rescueImageRef'>>;

const contextOfOp = (op: Op): NotificationContext => ({
  requestId: op.requestId,
  userId: op.caller.userId,
  projectId: op.caller.projectId ?? '',
});

async function detailOf(t: Tx, uuid: string): Promise<ServerDetail | null> {
  const server = await findServer(t, uuid, { deleted: true });
  if (server === null) return null;
  const [detail] = await loadDetails(t, [server], allDetails);
  return detail ?? null;
}

async function keyOf(t: Tx, { userId, keyName }: Server): Promise<KeyPairFacts | null> {
  return keyName === null ? null : findKeypair(t, userId, keyName);
}

/**
 * Tells that an action began, ended or failed, and of the state that the server came to.
 * @param name what the action is called in notifications; null: nothing is told
 */
export async function noteAction(
  t: Tx,
  deps: OpsDeps,
  action: Pick<InstanceAction, 'serverUuid' | 'requestId' | 'userId' | 'projectId'>,
  name: string | null,
  phase: Phase,
  before: StateBefore,
  nowMs: number,
  facts: SagaFacts & Pick<Partial<ActionFacts>, 'failure'> = {},
): Promise<void> {
  if (!deps.config.notifications || name === null) return;
  const detail = await detailOf(t, action.serverUuid);
  if (detail === null) return;
  const context = { requestId: action.requestId, userId: action.userId, projectId: action.projectId };
  const whole: ActionFacts = {
    failure: null,
    snapshotImageId: null,
    rescueImageRef: null,
    key: await keyOf(t, detail.server),
    ...facts,
  };
  await insertNotification(t, actionNotification(name, phase, detail, context, whole), nowMs);
  await insertNotification(t, updateNotification(before, detail, context, nowMs), nowMs);
}

/** Tells that a server's name, tags or state changed by a request that leaves no action to carry out. */
export async function noteUpdate(t: Tx, deps: OpsDeps, op: Op, before: Server): Promise<void> {
  if (!deps.config.notifications) return;
  const detail = await detailOf(t, before.uuid);
  if (detail === null) return;
  const nowMs = deps.clock.now();
  await insertNotification(t, updateNotification(before, detail, contextOfOp(op), nowMs), nowMs);
}

/** Tells of something that a request did to a server at once: a lock. */
export async function noteDone(t: Tx, deps: OpsDeps, op: Op, before: Server, name: string | null): Promise<void> {
  const done = { serverUuid: before.uuid, ...contextOfOp(op) };
  await noteAction(t, deps, done, name, null, before, deps.clock.now());
}

/** Tells of something that is no server's. */
export async function note(
  t: Tx,
  deps: OpsDeps,
  op: Op,
  eventType: string,
  payload: () => VersionedObject | Promise<VersionedObject>,
): Promise<void> {
  if (!deps.config.notifications) return;
  const told = apiNotification(eventType, 'nova-api:xloud', await payload(), contextOfOp(op));
  await insertNotification(t, told, deps.clock.now());
}
