// Why: a console is opened by a token: the host says where the guest's console listens, and whoever brings the token within its
// time is told.

import { asFault, badRequest, conflict } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { type ConsoleToken, findConsoleToken, insertConsoleToken } from '../../db/console-auth-tokens.ts';
import { tx } from '../../db/tx.ts';
import { type ConsoleEndpoint, type ConsoleProtocol, isSamePlace } from '../../domain/servers/console-endpoint.ts';
import { type Server, type TaskState, taskStates } from '../../domain/servers/servers.ts';
import { consoleUrl, isCarried, isOfProtocol, protocolOf } from '../../domain/servers/remote-consoles.ts';
import { hostCan, hostFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { anytime, defineTransition, type Transition } from '../../domain/servers/transition.ts';

/** Tasks after which a server is no longer where it was. */
const ending: ReadonlySet<TaskState> = new Set(['deleting', 'migrating']);

/** A console of a server that stays where it is. */
const open = (word: string) =>
  defineTransition(word, 'Open a console.', null, {
    ...anytime,
    tasks: [null, ...taskStates.filter((task) => !ending.has(task))],
    placed: true,
  });

export const consoleTransitions: Readonly<Record<ConsoleProtocol, Transition>> = {
  vnc: open('get_vnc_console'),
  spice: open('get_spice_console'),
  serial: open('get_serial_console'),
  mks: open('get_mks_console'),
};

const unavailable = (type: string) => badRequest(`Unavailable console type ${type}.`, { code: 'console' });

/** Null: the guest has no such console. */
async function endpointOf(
  deps: OpsDeps,
  host: string,
  server: Server,
  protocol: ConsoleProtocol,
): Promise<ConsoleEndpoint | null> {
  if (!(await hostCan(deps.database.read, host, 'remoteConsole'))) return null;
  try {
    return await deps.bus.call(host, 'remoteConsole', { uuid: server.uuid, protocol });
  } catch (error) {
    if (asFault(error).code !== 'virt.no_guest' || server.vmState !== 'building') throw error;
    throw conflict(`Instance ${server.uuid} is not ready`);
  }
}

/**
 * The address of a console, good for a while.
 * @param ownBaseUrl where this program's own consoles are, for a cloud whose operator has no proxy of his own
 * @throws Nova's 409s, and its 400 where no such console is to be had
 */
export async function openRemoteConsole(
  deps: OpsDeps,
  op: Op,
  server: Server,
  protocol: ConsoleProtocol,
  type: string,
  ownBaseUrl: string,
): Promise<string> {
  const host = await hostFor(deps.database.read, op, server, consoleTransitions[protocol]);
  const { consoleBaseUrl } = deps.config;
  if (!isOfProtocol(type, protocol)) throw badRequest(`Invalid console type ${type}`, { code: 'console' });
  if (consoleBaseUrl === null && !isCarried(type)) throw unavailable(type);
  const endpoint = await endpointOf(deps, host, server, protocol);
  if (endpoint === null) throw unavailable(type);
  const token = newUuid();
  const nowMs = deps.clock.now();
  const expiresAt = nowMs + limits.consoleTokenMs;
  await tx(deps.database, (t) =>
    insertConsoleToken(
      t,
      { token, userId: op.caller.userId, serverId: server.id, serverHost: host, type, endpoint, expiresAt },
      nowMs,
    ),
  );
  return consoleUrl(consoleBaseUrl ?? ownBaseUrl, type, token);
}

/**
 * What a token stands for, held against what the guest's host says now, as Nova asks there; null: it opens nothing. Throws where
 * the host does not answer.
 */
export async function followConsoleToken(deps: OpsDeps, token: string): Promise<ConsoleToken | null> {
  const found = await findConsoleToken(deps.database.read, token, deps.clock.now());
  if (found === null) return null;
  const { serverUuid: uuid, serverHost, type, endpoint } = found;
  try {
    const now = await deps.bus.call(serverHost, 'remoteConsole', { uuid, protocol: protocolOf(type) });
    return now !== null && isSamePlace(now, endpoint) ? found : null;
  } catch (error) {
    if (asFault(error).code === 'virt.no_guest') return null;
    throw error;
  }
}
