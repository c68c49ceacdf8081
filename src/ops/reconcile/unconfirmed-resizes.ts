// Why: a resize that nobody confirms holds two hosts. After a time that the operator set (Nova's `resize_confirm_window`) it is
// confirmed for its owner.

import { Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { unconfirmedSince } from '../../db/migrations.ts';
import { confirmResize } from '../confirm-resize.ts';
import type { OpsDeps } from '../deps.ts';
import { systemOp } from '../system-op.ts';

export async function unconfirmedResizes(deps: OpsDeps): Promise<void> {
  const { database, clock, config, log } = deps;
  if (config.resizeConfirmMs === 0) return;
  const since = clock.now() - config.resizeConfirmMs;
  for (const { serverUuid: uuid } of await unconfirmedSince(database.read, since, limits.pageSize)) {
    try {
      await confirmResize(deps, systemOp(deps), { uuid });
      log.info({ server: uuid }, 'a resize that nobody confirmed is confirmed');
    } catch (error) {
      // it is being deleted or reverted, or its old host is down: the next turn looks again
      if (!(error instanceof Fault)) throw error;
      log.info({ server: uuid, reason: messageOf(error) }, 'a resize cannot be confirmed now');
    }
  }
}
