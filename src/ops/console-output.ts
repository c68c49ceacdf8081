// Why: the serial console is read from the host while the caller waits; nothing of it is kept here.

import { limits } from '../base/limits.ts';
import type { Op } from '../base/op.ts';
import type { Server } from '../domain/instance.ts';
import { hostForMove } from './begin.ts';
import type { OpsDeps } from './deps.ts';

/** The last `lines` lines of the console (null: all that is kept). Throws 409 before the server has a host. */
export async function consoleOutput(deps: OpsDeps, op: Op, server: Server, lines: number | null): Promise<string> {
  const host = await hostForMove(deps.database.read, op, server, 'consoleOutput');
  const text = await deps.bus.call(host, 'console', { uuid: server.uuid, maxBytes: limits.consoleBytes });
  return lines === null ? text : lastLines(text, lines);
}

/** As Nova's `tail_log`: a last line without an end counts as one. */
function lastLines(text: string, count: number): string {
  if (count === 0) return '';
  const parts = text.split('\n');
  const open = parts.at(-1) === '' ? 1 : 0;
  return parts.slice(-(count + open)).join('\n');
}
