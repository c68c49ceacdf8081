// Why: which volumes a server has, and how it gets and loses them.

import { badRequest, conflict, Fault, notFound } from '../../base/errors.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import { derive, history, versioned } from '../../base/history.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { ServerVolume } from '../../domain/servers/server-volumes.ts';
import { attachVolumeAction, detachVolumeAction } from '../../ops/index.ts';
import { spanned } from '../span.ts';
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
  readonly volumeAttachment: {
    readonly volumeId: string;
    readonly device?: string | null;
    readonly tag?: string;
    readonly delete_on_termination?: boolean;
  };
}

const transitions = { ...attachVolumeAction.transitions, ...detachVolumeAction.transitions };

type Field = (volume: ServerVolume, server: Server) => unknown;

const shownFields = history<Field>(
  {
    id: ({ volumeId }) => volumeId,
    volumeId: ({ volumeId }) => volumeId,
    serverId: (_volume, { uuid }) => uuid,
    device: ({ device }) => device,
  },
  [
    { at: '2.70', add: { tag: ({ tag }) => tag } },
    { at: '2.79', add: { delete_on_termination: ({ deleteOnTermination }) => deleteOnTermination } },
    {
      at: '2.89',
      drop: ['id'],
      // the device is known by its attachment, here as there
      add: { attachment_id: ({ attachmentId }) => attachmentId, bdm_uuid: ({ attachmentId }) => attachmentId },
    },
  ],
);

/** What is answered to who attaches keeps the id. */
const madeFields = history<Field>(shownFields.at(1), [
  { at: '2.70', add: { tag: ({ tag }) => tag } },
  { at: '2.79', add: { delete_on_termination: ({ deleteOnTermination }) => deleteOnTermination } },
]);

const show = (fields: typeof shownFields, minor: number, volume: ServerVolume, server: Server) =>
  Object.fromEntries(Object.entries(fields.at(minor)).map(([name, field]) => [name, field(volume, server)]));

/** Since 2.101 nothing is said but that it was accepted. */
const answersBody = versioned(true, ['2.101', false]);

/** Before 2.20 a shelved server's volumes were not to be touched. */
const shelvedToo = versioned(false, ['2.20', true]);

function checkShelved({ op }: Pick<Call, 'op'>, server: Server, what: keyof typeof transitions): void {
  if (shelvedToo.at(op.minor) || (server.vmState !== 'shelved' && server.vmState !== 'shelved_offloaded')) return;
  const { word } = transitions[what];
  throw conflict(`Cannot '${word}' instance ${server.uuid} while it is in vm_state ${server.vmState}`);
}

/** What a server has of a volume; undefined: it has it not. */
const volumeOf = async (
  { services, target }: Pick<Call<'server'>, 'services' | 'target'>,
  id: string,
): Promise<ServerVolume | undefined> =>
  (await volumesOfServer(services.db, target.id)).find(({ volumeId }) => volumeId === id);

/** A volume that a body names: one that is not there is a bad request. */
const mustBeThere = ({ services, op }: Pick<Call, 'services' | 'op'>, volumeId: string): Promise<unknown> =>
  services.ops.showVolume(op, volumeId).catch((error: unknown) => {
    throw error instanceof Fault && error.kind === 'notFound' ? badRequest(error.message) : error;
  });

/** What PUT does: until 2.84 it puts another volume in place of one; since then it may also change what is kept of one. */
const updatesToo = versioned(false, ['2.85', true]);

async function update(call: Call<'server', Body>): Promise<void> {
  const { op, services, params, body, target } = call;
  const id = params['volume_id'] as string;
  const { volumeId, delete_on_termination: keep, ...given } = body.volumeAttachment;
  const regular = updatesToo.at(op.minor);
  const swaps = !regular || volumeId !== id;
  if (swaps) call.enforce(SWAP, {});
  else call.enforce(UPDATE);
  if (!regular) await services.ops.showVolume(op, id);
  const found = await volumeOf(call, id);
  if (found === undefined) throw notFound(`No volume Block Device Mapping with id ${id}.`, { code: 'VolumeNotFound' });
  // who asks for it is Cinder, for a volume that it moves to another back end; there is one here
  if (swaps) {
    await mustBeThere(call, volumeId);
    throw conflict(`volume ${id} is not migrating; this API should only be called by Cinder`);
  }
  for (const name of ['device', 'tag'] as const) {
    if (given[name] !== undefined && given[name] !== found[name])
      throw badRequest(`The ${name} of an attachment is not updatable.`);
  }
  if (keep !== undefined) await services.ops.updateAttachedVolume(op, target, id, { deleteOnTermination: keep });
}

export default resource({
  'GET /servers/:server_id/os-volume_attachments': route<'server'>()({
    summary: "List a server's volumes.",
    policy: rule('index'),
    target: 'server',
    query: queryHistory(history<unknown>(span), '2.75'),
    status: 200,
    run: async ({ target, services, query, op }) => {
      const volumes = await volumesOfServer(services.db, target.id);
      return spanned(volumes, query).map((volume) => show(shownFields, op.minor, volume, target));
    },
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
      const {
        volumeId,
        device: name = null,
        tag: own = null,
        delete_on_termination: goes,
      } = call.body.volumeAttachment;
      const request = { volumeId, device: name, tag: own, deleteOnTermination: goes ?? false };
      const volume = await call.services.ops.attachVolume(call.op, call.target, request);
      return show(madeFields, call.op.minor, volume, call.target);
    },
    view: (attachment, { op }) => (answersBody.at(op.minor) ? { volumeAttachment: attachment } : undefined),
  }),
  'GET /servers/:server_id/os-volume_attachments/:volume_id': route<'server'>()({
    summary: "Show one of a server's volumes.",
    policy: rule('show'),
    target: 'server',
    query: anyQuery,
    status: 200,
    run: async (call) => {
      const { target, params, op } = call;
      const id = params['volume_id'] as string;
      const found = await volumeOf(call, id);
      if (found !== undefined) return show(shownFields, op.minor, found, target);
      throw notFound(`Instance ${target.uuid} is not attached to volume ${id}`, { code: 'VolumeNotFound' });
    },
    view: (attachment) => ({ volumeAttachment: attachment }),
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
      await call.services.ops.detachVolume(call.op, call.target, call.params['volume_id'] as string);
    },
  }),
});
