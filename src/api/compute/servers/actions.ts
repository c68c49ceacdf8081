// Why: what one may do to a server. Each action is a row: its body, its rule, its verb; states and locks are the moves table's.

import { wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';
import { plainAction } from './plain-action.ts';

interface RebootBody {
  readonly reboot: { readonly type: string };
}

interface ConsoleBody {
  readonly 'os-getConsoleOutput': { readonly length?: number | string | null };
}

export default resource({
  'POST /servers/:server_id/action#os-start': plainAction(
    'os-start',
    'os_compute_api:servers:start',
    'Start a stopped server.',
    'startServer',
  ),
  'POST /servers/:server_id/action#os-stop': plainAction(
    'os-stop',
    'os_compute_api:servers:stop',
    'Shut a server down.',
    'stopServer',
  ),
  'POST /servers/:server_id/action#reboot': route<'server', RebootBody>()({
    summary: 'Reboot a server: SOFT asks the guest, HARD switches it off and on.',
    policy: 'os_compute_api:servers:reboot',
    target: 'server',
    body: wrapped('reboot', {
      type: 'object',
      properties: { type: { type: 'string', enum: ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft'] } },
      required: ['type'],
      additionalProperties: false,
    }),
    status: 202,
    run: (call) =>
      call.services.ops.rebootServer(call.op, call.target, call.body.reboot.type.toUpperCase() as 'SOFT' | 'HARD'),
  }),
  'POST /servers/:server_id/action#pause': plainAction(
    'pause',
    'os_compute_api:os-pause-server:pause',
    'Freeze a server in memory.',
    'pauseServer',
  ),
  'POST /servers/:server_id/action#unpause': plainAction(
    'unpause',
    'os_compute_api:os-pause-server:unpause',
    'Let a frozen server run again.',
    'unpauseServer',
  ),
  'POST /servers/:server_id/action#os-getConsoleOutput': route<'server', ConsoleBody>()({
    summary: "Show the end of a server's serial console.",
    policy: 'os_compute_api:os-console-output',
    target: 'server',
    body: wrapped('os-getConsoleOutput', {
      type: 'object',
      properties: { length: { type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$', minimum: -1 } },
      additionalProperties: false,
    }),
    status: 200,
    run: (call) =>
      call.services.ops.consoleOutput(call.op, call.target, lineLimit(call.body['os-getConsoleOutput'].length)),
    view: (output) => ({ output: printableConsole(output as string) }),
  }),
});

/** The number of lines asked for; null: all that is kept. */
const lineLimit = (length: number | string | null | undefined): number | null =>
  length == null || Number(length) === -1 ? null : Number(length);

const UNPRINTABLE = /[^\P{Cc}\t\n\u007f-\u009f]/gu;

/** As Nova: control characters are dropped, carriage returns among them; tabs and line feeds stay. */
const printableConsole = (output: string): string => output.replace(UNPRINTABLE, '');
