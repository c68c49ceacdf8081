// Why: which volumes a server has, and how it gets and loses them. There is no block storage service here: no server has any, and
// no volume is found; what else is wrong with a request is said first, as Nova says it.

import { conflict, notFound } from '../../base/errors.ts';
import { derive, history, versioned } from '../../base/history.ts';
import type { Server } from '../../domain/servers/instance.ts';
import { volumeTransitions } from '../../ops/index.ts';
import { anyQuery, boolean, queryHistory, span, tag, uuid, wrapped, closed } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const rule = (name: string): string => `os_compute_api:os-volumes-attachments:${name}`;
const UPDATE = rule('update');
const SWAP = rule('swap');

const device = { type: ['string', 'null'], pattern: '(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$' };

const created = history<unknown>({ volumeId: uuid, device }, [
  { at: '2.49', add: { tag } },
  { at: '2.79', add: { delete_on_termination: boolean } },
]);

const updated = history<unknown>({ volumeId: uuid }, [
  { at: '2.85', add: { device, tag, delete_on_termination: boolean, serverId: uuid, id: uuid } },
]);

const bodyOf = (fields: typeof created) =>
  derive(fields, (form) => wrapped('volumeAttachment', closed(form, ['volumeId'])));

interface Body {
  readonly volumeAttachment: { readonly volumeId: string };
}

/** Before 2.20 a shelved server's volumes were not to be touched. */
const shelvedToo = versioned(false, ['2.20', true]);

function checkShelved({ op }: Pick<Call, 'op'>, server: Server, what: keyof typeof volumeTransitions): void {
  if (shelvedToo.at(op.minor) || (server.vmState !== 'shelved' && server.vmState !== 'shelved_offloaded')) return;
  const { word } = volumeTransitions[what];
  throw conflict(`Cannot '${word}' instance ${server.uuid} while it is in vm_state ${server.vmState}`);
}

/** What PUT does: until 2.84 it puts another volume in place of one; since then it may also change what is kept of one. */
const updatesToo = versioned(false, ['2.85', true]);

async function update(call: Call<'server', Body>): Promise<void> {
  const { op, services, params, body } = call;
  const id = params['volume_id'] as string;
  const regular = updatesToo.at(op.minor);
  if (regular && body.volumeAttachment.volumeId === id) call.enforce(UPDATE);
  else call.enforce(SWAP, {});
  if (regular) throw notFound(`No volume Block Device Mapping with id ${id}.`);
  await services.ops.showVolume(op, id);
}

export default resource({
  'GET /servers/:server_id/os-volume_attachments': route<'server'>()({
    summary: "List a server's volumes.",
    policy: rule('index'),
    target: 'server',
    query: queryHistory(history<unknown>(span), '2.75'),
    status: 200,
    run: () => [],
    view: (attachments) => ({ volumeAttachments: attachments }),
  }),
  'POST /servers/:server_id/os-volume_attachments': route<'server', Body>()({
    summary: 'Attach a volume to a server.',
    policy: rule('create'),
    target: 'server',
    body: bodyOf(created),
    status: versioned(200, ['2.101', 202]),
    run: async (call) => {
      checkShelved(call, call.target, 'attachVolume');
      return call.services.ops.attachVolume(call.op, call.target, call.body.volumeAttachment.volumeId);
    },
  }),
  'GET /servers/:server_id/os-volume_attachments/:volume_id': route<'server'>()({
    summary: "Show one of a server's volumes.",
    policy: rule('show'),
    target: 'server',
    query: anyQuery,
    status: 200,
    run: ({ target, params }) => {
      throw notFound(`Instance ${target.uuid} is not attached to volume ${params['volume_id']}`);
    },
  }),
  'PUT /servers/:server_id/os-volume_attachments/:volume_id': route<'server', Body>()({
    summary: "Put another volume in place of one of a server's, or (from 2.85) change what is kept of it.",
    // which of the two rules is asked depends on the body
    policy: null,
    alsoAsks: [UPDATE, SWAP],
    target: 'server',
    body: bodyOf(updated),
    status: 202,
    run: update,
  }),
  'DELETE /servers/:server_id/os-volume_attachments/:volume_id': route<'server'>()({
    summary: 'Detach a volume from a server.',
    policy: rule('delete'),
    target: 'server',
    status: 202,
    run: async (call) => {
      checkShelved(call, call.target, 'detachVolume');
      await call.services.ops.showVolume(call.op, call.params['volume_id'] as string);
    },
  }),
});
