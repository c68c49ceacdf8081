// Why: a guest whose ports do not work yet asks for its address in vain: where the network service says when they do, a server that is
// made, started or moved is done no sooner.

import { internal } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { StepContext } from '../engine/saga.ts';
import { awaitOutcome } from './await-outcome.ts';

/** Nova's words for a server that it had before, and for a new one. */
const WORDS = {
  known: 'Virtual Interface creation failed',
  fresh: 'Failed to allocate the network(s), not rescheduling.',
} as const;

/**
 * Of a server whose guest runs: what is off has ports that do not work.
 * @throws internal in Nova's words where a port does not work in time; of that no other host is tried
 */
export async function awaitPorts<I>(context: StepContext<I>, which: keyof typeof WORDS = 'known'): Promise<void> {
  const { network, config } = context.deps;
  if (network.unplugged === undefined || config.plugTimeoutMs === 0) return;
  const { uuid, projectId } = context.server;
  let silent: readonly string[] = [];
  const look = async (): Promise<true | null> => {
    silent = (await network.unplugged?.({ uuid, projectId })) ?? [];
    return silent.length === 0 ? true : null;
  };
  await awaitOutcome(context, { withinMs: config.plugTimeoutMs, everyMs: limits.portPollMs }, look, () =>
    internal(WORDS[which], { code: 'PortNotPlugged', detail: `not ACTIVE: ${silent.join(', ')}` }),
  );
}
