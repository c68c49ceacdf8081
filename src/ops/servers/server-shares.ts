// Why: a share is mounted by the host and passed into the guest (virtio-fs), which no driver here does: a server has none, and a
// wish for one is refused as Nova refuses it on hosts that cannot.

import { conflict, notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { checkTransition } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';

export const shareTransitions = {
  attachShare: defineTransition('create share', 'Attach a share.', ['stopped'], anytime),
  detachShare: defineTransition('delete share', 'Detach a share.', ['stopped', 'error'], anytime),
};

/** Throws Nova's 409: for the server's state, else since its host cannot. */
export async function attachShare(deps: OpsDeps, op: Op, server: Server): Promise<never> {
  await checkTransition(deps.database.read, op, server, shareTransitions.attachShare);
  throw conflict('Feature not supported because either compute or instance are not configured correctly.', {
    code: 'share',
  });
}

/** Throws Nova's 409 for the server's state, else 404. */
export async function detachShare(deps: OpsDeps, op: Op, server: Server, shareId: string): Promise<never> {
  await checkTransition(deps.database.read, op, server, shareTransitions.detachShare);
  throw noSuchShare(shareId);
}

export const noSuchShare = (shareId: string) => notFound(`Share ${shareId} could not be found.`, { code: 'share' });
