// Why: a server's ports come and go while it lives. Attaching is asked for and waited for, as Nova has it; detaching is promised.

import { type Fault, internal, notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import type { NetworkPlan } from '../../cloud/network.ts';
import type { NetworkRequest } from '../../domain/servers/create-request.ts';
import { findHost } from '../../db/hosts.ts';
import { addNic, nicsOfServer, removeNic } from '../../db/server-nics.ts';
import { tx } from '../../db/tx.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import type { Server, VmState } from '../../domain/servers/servers.ts';
import { interfacePlanOf } from '../../domain/networks/interface-plan.ts';
import type { ServerPort } from '../../domain/networks/networks.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';
import { awaitAction } from '../engine/await-action.ts';
import { wakeWorkers, checkTransition, enqueueAction, lockServerFor } from '../engine/begin.ts';
import { portTargetOf } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import { ending, finishPorts } from './made-ports.ts';
import { withMadePorts } from './own-ports.ts';
import { refreshNetwork } from './refresh-network.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { recordFailure } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';

type Named = Pick<Server, 'uuid'>;

/** The ports as the network service has them now, with the tags that their server gave them. */
export interface ShownInterface extends ServerPort {
  readonly tag: string | null;
}

const tagsOf = async (deps: OpsDeps, server: Server): Promise<ReadonlyMap<string, string | null>> =>
  new Map((await nicsOfServer(deps.database.read, server.id)).map(({ portId, tag }) => [portId, tag]));

export async function listInterfaces(deps: OpsDeps, op: Op, server: Server): Promise<readonly ShownInterface[]> {
  const [ports, tags] = await Promise.all([deps.network.seenPorts(op.caller, server), tagsOf(deps, server)]);
  return ports.map((port) => ({ ...port, tag: tags.get(port.portId) ?? null }));
}

/** Throws notFound for a port that is not there, not the caller's to see, or not this server's. */
export async function showInterface(deps: OpsDeps, op: Op, server: Server, portId: string): Promise<ShownInterface> {
  const port = await deps.network.seenPort(op.caller, portId);
  if (port === null) throw notFound(`Port id ${portId} could not be found.`, { code: 'PortNotFound' });
  if (port.serverUuid !== server.uuid) {
    throw notFound(`Instance ${server.uuid} does not have a port with id ${portId}`, { code: 'PortNotFound' });
  }
  return { ...port, tag: (await tagsOf(deps, server)).get(portId) ?? null };
}

interface AttachInput {
  readonly plan: NetworkPlan;
}

/**
 * Plugs one more port into a server and waits until it is there. Returns the port's id. Throws Nova's 400s, 403, 404s and
 * 409s; 500 when the host could not do it.
 */
export async function attachInterface(
  deps: OpsDeps,
  op: Op,
  server: Server,
  request: NetworkRequest,
  mayAttachExternal: boolean,
): Promise<string> {
  const { uuid } = server;
  await checkTransition(deps.database.read, op, server, attachAction.transitions.attachInterface);
  const plan = await deps.network.planOne(op.caller, server, request, mayAttachExternal);
  const id = await tx(deps.database, async (t) => {
    const now = await lockServerFor(t, op, uuid, attachAction.transitions.attachInterface);
    return enqueueAction(t, op, now, attachAction, { plan }, deps.clock.now());
  });
  wakeWorkers(deps, attachAction, [id]);
  const { output, failure } = await awaitAction(deps, id, attachAction, limits.attachMs);
  if (failure === null) return output(port).nic.portId;
  throw failure.step === port.name ? failure.fault : attachFailed(uuid, failure.fault);
}

const attachFailed = (uuid: string, cause: Fault): Fault =>
  internal(`Failed to attach network adapter device to ${uuid}`, { code: 'InterfaceAttachFailed', cause });

interface PortOutput {
  readonly nic: NicSpec;
}

/** The port's place: no other port of the server has it, since the action's number is nobody else's. */
const placeOf = ({ action }: StepContext<unknown>): number => limits.portsAtCreation + action.id;

async function freePort(context: StepContext<AttachInput>): Promise<void> {
  const { deps, server } = context;
  await deps.network.release(server, { position: placeOf(context) });
  // a refresh may have seen it meanwhile
  await refreshNetwork(deps, server);
}

/** A guest that goes, or is switched off, need not let go of anything first. */
async function unplug({ deps, server, log }: StepContext<AttachInput>, portId: string): Promise<void> {
  const { uuid, host, taskState } = server;
  if (host === null || ending.includes(taskState) || !isUp(deps, await findHost(deps.database.read, { host }))) return;
  // not by the context, which asks nothing more once the action is to end
  await deps.bus.call(host, 'detachNic', { uuid, portId }).catch((error: unknown) => {
    log.warn({ port: portId, err: error }, 'a guest keeps a port that was taken back until its next start');
  });
}

const port = step({
  name: 'port',
  async run(context: StepContext<AttachInput>): Promise<PortOutput> {
    const { deps, server, input } = context;
    const [nic] = await deps.network.allocate(portTargetOf(server), input.plan, placeOf(context));
    if (nic === undefined) throw internal(`No port was made for instance ${server.uuid}.`);
    return finishPorts(context, async () => ({ nic }));
  },
  undo: freePort,
});

/** What overtakes an attachment goes on with the ports that the rows have: this one goes, from the guest too where it stays. */
async function takeBack(context: StepContext<AttachInput>): Promise<void> {
  const made = context.outputIfDone(port);
  if (made !== null) await unplug(context, made.nic.portId);
  await freePort(context);
}

const attachable: readonly VmState[] = ['active', 'paused', 'stopped'];

export const attachAction = defineAction<AttachInput>()({
  name: 'attach_interface',
  transitions: {
    attachInterface: defineTransition('attach_interface', 'Add a network interface.', attachable, {
      verb: 'attachNic',
    }),
  },
  notification: 'interface_attach',
  secrets: [],
  steps: [
    port,
    {
      name: 'guest',
      event: 'compute_attach_interface',
      async run({ server, call, output }): Promise<GuestView | null> {
        const { nic } = output(port);
        return server.host === null
          ? null
          : call(server.host, 'attachNic', {
              uuid: server.uuid,
              nic,
              plan: interfacePlanOf(server.flavor, server.image),
            });
      },
      async undo({ server, call, output }) {
        const { portId } = output(port).nic;
        if (server.host !== null) await call(server.host, 'detachNic', { uuid: server.uuid, portId });
      },
    },
  ],
  async settle(t, { server, output }) {
    await addNic(t, server.id, output(port).nic);
    return null;
  },
  async failed(t, { server, output }, failure, nowMs) {
    // a guest that perhaps has it keeps it: the server's owner sees it, and may have it detached
    if (failure.stuck === 'guest') await addNic(t, server.id, output(port).nic);
    await recordFailure(t, server, failure, nowMs);
  },
  overtaken: takeBack,
});

interface DetachInput {
  readonly portId: string;
}

/**
 * Begins to take a port from a server. Throws Nova's 409s; as there, only the action tells that the server does not have the port.
 */
export async function detachInterface(deps: OpsDeps, op: Op, { uuid }: Named, portId: string): Promise<void> {
  const id = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, detachAction.transitions.detachInterface);
    return enqueueAction(t, op, server, detachAction, { portId }, deps.clock.now());
  });
  wakeWorkers(deps, detachAction, [id]);
}

const AGAIN = 'a port that is half gone is detached by asking once more';

export const detachAction = defineAction<DetachInput>()({
  name: 'detach_interface',
  transitions: {
    detachInterface: defineTransition('detach_interface', 'Take a network interface away.', attachable, {
      verb: 'detachNic',
    }),
  },
  notification: 'interface_detach',
  secrets: [],
  steps: [
    {
      name: 'guest',
      event: 'compute_detach_interface',
      async run({ deps, server, input: { portId }, call }): Promise<GuestView | null> {
        const nics = await nicsOfServer(deps.database.read, server.id);
        if (!nics.some((nic) => nic.portId === portId)) {
          throw notFound(`Port ${portId} is not attached`, { code: 'PortNotFound' });
        }
        return server.host === null ? null : call(server.host, 'detachNic', { uuid: server.uuid, portId });
      },
      undo: AGAIN,
    },
    {
      name: 'port',
      run: async ({ deps, server, input }) =>
        deps.network.release(await withMadePorts(deps.database.read, server), input),
      // it may be gone already: the server has what the network service says
      undo: ({ deps, server }) => refreshNetwork(deps, server),
    },
  ],
  async settle(t, { server, input }) {
    await removeNic(t, server.id, input.portId);
    return null;
  },
  failed: (t, { server }, failure, nowMs) => recordFailure(t, server, failure, nowMs),
  // the port may be gone already
  overtaken: ({ deps, server }) => refreshNetwork(deps, server),
});
