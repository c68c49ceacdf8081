// Why: whoever must see the screen or the serial line of a server gets an address here. Until 2.5 each protocol was an action.

import { badRequest } from '../../base/errors.ts';
import { derive, history } from '../../base/history.ts';
import type { ConsoleProtocol } from '../../domain/servers/console-endpoint.ts';
import { closed, wrapped } from '../parameters.ts';
import { type Call, resource, route, type RouteKey } from '../resource.ts';

const form = history<readonly string[]>(
  {
    protocol: ['vnc', 'spice', 'serial', 'rdp'],
    type: ['novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5'],
  },
  [
    {
      at: '2.8',
      add: {
        protocol: ['vnc', 'spice', 'serial', 'rdp', 'mks'],
        type: ['novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5', 'webmks'],
      },
    },
    {
      at: '2.99',
      add: { type: ['novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5', 'webmks', 'spice-direct'] },
    },
  ],
);

const word = (words: readonly string[] | undefined) => ({ type: 'string', enum: words });

const createBody = derive(form, ({ protocol, type }) =>
  wrapped('remote_console', closed({ protocol: word(protocol), type: word(type) }, ['protocol', 'type'])),
);

interface CreateBody {
  readonly remote_console: { readonly protocol: ConsoleProtocol | 'rdp'; readonly type: string };
}

async function create({ op, services, target, body, url }: Call<'server', CreateBody>) {
  const { protocol, type } = body.remote_console;
  if (protocol === 'rdp') throw badRequest(`Unavailable console type ${protocol}.`);
  return { protocol, type, url: await services.ops.openRemoteConsole(op, target, protocol, type, url.consoles) };
}

/** The action of one protocol. */
function action(name: string, protocol: ConsoleProtocol, types: readonly string[]) {
  const key: RouteKey = `POST /servers/:server_id/action#${name}`;
  return {
    [key]: route<'server', Readonly<Record<string, { readonly type: string }>>>()({
      summary: `Open a console of a server (${protocol}).`,
      policy: 'os_compute_api:os-remote-consoles',
      target: 'server',
      until: '2.5',
      body: wrapped(name, closed({ type: word(types) }, ['type'])),
      status: 200,
      run: async ({ op, services, target, body, url }) => {
        const type = body[name]?.type as string;
        return { type, url: await services.ops.openRemoteConsole(op, target, protocol, type, url.consoles) };
      },
      view: (console) => ({ console }),
    }),
  };
}

export default resource({
  'POST /servers/:server_id/remote-consoles': route<'server', CreateBody>()({
    summary: 'Open a console of a server.',
    policy: 'os_compute_api:os-remote-consoles',
    target: 'server',
    since: '2.6',
    body: createBody,
    status: 200,
    run: create,
    view: (opened) => ({ remote_console: opened }),
  }),
  ...action('os-getVNCConsole', 'vnc', ['novnc', 'xvpvnc']),
  ...action('os-getSPICEConsole', 'spice', ['spice-html5']),
  ...action('os-getSerialConsole', 'serial', ['serial']),
});
