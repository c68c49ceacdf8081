// Why: the network, block storage, bare metal and accelerator services tell here what became of what a server uses.

import { derive, history } from '../../base/history.ts';
import type { EventCode, ExternalEventName } from '../../domain/servers/server-external-events.ts';
import { closed, uuid } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const names = history<true>(
  {
    'network-changed': true,
    'network-vif-plugged': true,
    'network-vif-unplugged': true,
    'network-vif-deleted': true,
  },
  [
    { at: '2.51', add: { 'volume-extended': true } },
    { at: '2.76', add: { 'power-update': true } },
    { at: '2.82', add: { 'accelerator-request-bound': true } },
    { at: '2.93', add: { 'volume-reimaged': true } },
  ],
);

const body = derive(names, (form) => {
  const event = closed(
    {
      name: { type: 'string', enum: Object.keys(form) },
      server_uuid: uuid,
      status: { type: 'string', enum: ['failed', 'completed', 'in-progress'] },
      tag: { type: 'string', maxLength: 255 },
    },
    ['name', 'server_uuid'],
  );
  return closed({ events: { type: 'array', minItems: 1, items: event } }, ['events']);
});

interface EventsBody {
  readonly events: readonly {
    readonly name: ExternalEventName;
    readonly server_uuid: string;
    readonly status?: string;
    readonly tag?: string;
  }[];
}

const take = ({ op, services, body: { events } }: Call<'none', EventsBody>): Promise<readonly EventCode[]> =>
  services.ops.takeExternalEvents(
    op,
    events.map(({ name, server_uuid, tag }) => ({ name, serverUuid: server_uuid, tag: tag ?? null })),
  );

export default resource({
  'POST /os-server-external-events': route<'none', EventsBody>()({
    summary: 'Tell news of servers; 207 where some of them could not be taken.',
    policy: 'os_compute_api:os-server-external-events:create',
    body,
    status: 200,
    orElse: { status: 207, when: (codes) => codes.some((code) => code !== 200) },
    run: take,
    view: (codes, call) => ({
      events: call.body.events.map((event, index) => ({
        ...event,
        status: codes[index] === 200 ? 'completed' : 'failed',
        code: codes[index],
      })),
    }),
  }),
});
