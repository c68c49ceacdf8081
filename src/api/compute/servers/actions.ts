// Why: actions of a server that say more than their key (those that do not: plain-actions.ts).

import { wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

interface RebootBody {
  readonly reboot: { readonly type: string };
}

interface ConsoleBody {
  readonly 'os-getConsoleOutput': { readonly length?: number | string | null };
}

export default resource({
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
