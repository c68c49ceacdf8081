// Why: a host that holds what a server had there is asked to remove it; one that is down does not hold the rest up. What it
// keeps is on record and goes when it is back (reconcile/remnants.ts).

import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { findHost } from '../../db/hosts.ts';
import { addRemnant } from '../../db/remnants.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import { isUp } from '../placement/host-up.ts';
import type { StepContext } from '../engine/saga.ts';

/** `guest`: the guest with all it has. `aside`: the disks that a move set aside. */
export type Remains = 'guest' | 'aside';

type Caller = Pick<StepContext<unknown>, 'deps' | 'call'>;

/** Asks a host that is up to remove what is named of a server. `known`: the host, where it was just looked at. */
export async function askToClear(
  { deps, call }: Caller,
  name: string,
  uuid: string,
  what: readonly Remains[],
  known: Host | null = null,
): Promise<void> {
  if (what.includes('guest')) await call(name, 'destroy', { uuid });
  if (!what.includes('aside')) return;
  const host = known ?? (await findHost(deps.database.read, { host: name }));
  if (host?.inventory.facts.capabilities.verbs.includes('dropDisk')) await call(name, 'dropDisk', { uuid });
}

/** As `askToClear`; a host that is down or does not answer is remembered. Returns why something is left, or null. */
export async function clearHost<I>(
  context: StepContext<I>,
  name: string,
  what: readonly Remains[],
): Promise<string | null> {
  const { deps, server, action, commit, log } = context;
  const leave = async (why: string): Promise<string> => {
    log.warn({ host: name }, `what the server has on its host is left: ${why}`);
    await commit((t, nowMs) => addRemnant(t, { serverUuid: server.uuid, host: name }, nowMs));
    return why;
  };
  const host = await findHost(deps.database.read, { host: name });
  if (!isUp(deps, host)) return leave(`host ${name} is down`);
  try {
    await askToClear(context, name, server.uuid, what, host);
    return null;
  } catch (error) {
    const lastTry = action.attempts >= limits.stepAttempts;
    if (!(error instanceof Fault) || error.kind !== 'unavailable' || !lastTry) throw error;
    return leave(`host ${name} did not answer`);
  }
}
