// Why: the serial console is read from the host while the caller waits; nothing of it is kept here.

import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { hostFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';

export const consoleOutputTransitions = {
  consoleOutput: defineTransition('get_console_output', 'Read the console log.', null, { ...anytime, placed: true }),
};

/** The last `lines` lines of the console (null: all that is kept). Throws 409 before the server has a host. */
export async function consoleOutput(deps: OpsDeps, op: Op, server: Server, lines: number | null): Promise<string> {
  const host = await hostFor(deps.database.read, op, server, consoleOutputTransitions.consoleOutput);
  const text = await deps.bus.call(host, 'console', { uuid: server.uuid, maxBytes: limits.consoleBytes });
  return lines === null ? text : lastLines(text, lines);
}

/** As Nova counts: what stands behind the last end of a line is a line too, even where it is empty. */
const lastLines = (text: string, count: number): string =>
  count === 0 ? '' : text.split('\n').slice(-count).join('\n');
