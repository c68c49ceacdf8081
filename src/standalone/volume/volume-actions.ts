// Why: what is done to a volume by `POST /volumes/{id}/action`: the body's one key says what.

import { badRequest } from '../../base/errors.ts';
import { isoMicros } from '../../base/clock.ts';
import { attachmentsOf } from '../../db/volume-attachments.ts';
import type { Texts } from '../../db/volumes.ts';
import { mustBegin, volumeStatuses, type VolumeStatus } from '../../domain/volumes/status.ts';
import type { RuleName } from '../../policies/index.ts';
import { readJson } from '../../web/json-body.ts';
import { asObject, type Routes } from '../http.ts';
import { problemOf, type Schema } from '../schema.ts';
import { connectionOf, forceDetach, noteAttached, noteDetached } from './attachments.ts';
import { bounded } from './metadata-routes.ts';
import type { VolumeParts } from './parts.ts';
import { reimageVolume } from './reimage.ts';
import { mustMay } from './rules.ts';
import { id as idSchema, object, saysYes, texts, whole, yes } from './schemas.ts';
import { checkPromises, typeFor, typeNamesOf } from './types.ts';
import {
  changeVolume,
  deleteVolume,
  extendVolume,
  resetStatus,
  revertVolume,
  seenVolume,
  uploadVolume,
} from './volumes.ts';
import { type Answer, page, projectOf, type Visit } from './web.ts';

interface Doing {
  readonly parts: VolumeParts;
  readonly visit: Visit;
  readonly id: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Action {
  readonly rule: RuleName;
  readonly args: Schema;
  /** The microversion since which it is there. */
  readonly since?: number;
  readonly run: (doing: Doing) => Promise<Answer>;
}

const none: Schema = { type: ['object', 'null', 'string'] };
const ACCEPTED: Answer = { status: 202 };
const asker = ({ visit }: Doing) => ({
  caller: visit.caller,
  projectId: projectOf(visit),
  requestId: visit.ctx.state.requestId,
});

const image = 'volume_extension:volume_image_metadata';
const actions = 'volume_extension:volume_actions';
const admin = 'volume_extension:volume_admin_actions';

async function upload({ parts, id, args, ...doing }: Doing): Promise<Answer> {
  const diskFormat = (args['disk_format'] as 'raw' | 'qcow2' | undefined) ?? 'raw';
  const containerFormat = (args['container_format'] as string | undefined) ?? 'bare';
  const visibility = (args['visibility'] as 'private' | 'shared' | undefined) ?? 'private';
  const asked = { imageName: args['image_name'] as string, diskFormat, containerFormat, visibility };
  const [volume, imageId] = await uploadVolume(parts, asker({ parts, id, args, ...doing }), id, asked);
  const names = await typeNamesOf(parts.database.read);
  return {
    status: 202,
    body: {
      'os-volume_upload_image': {
        ...{ id, image_id: imageId, image_name: asked.imageName, status: volume.status, size: volume.sizeGb },
        ...{ disk_format: diskFormat, container_format: containerFormat, visibility, protected: false },
        updated_at: isoMicros(volume.updatedAt).replace(/Z$/, ''),
        display_description: volume.description,
        volume_type: { id: volume.typeId, name: names.get(volume.typeId) ?? null },
      },
    },
  };
}

/** Moves a volume between statuses that say what somebody is about to do with it. */
const moves = (rule: RuleName, from: readonly VolumeStatus[], to: VolumeStatus): Action => ({
  rule,
  args: none,
  run: async ({ parts, visit, id }) => {
    await changeVolume(parts, visit.caller, id, rule, (volume) => {
      if (!from.includes(volume.status)) {
        throw badRequest(`Invalid volume: Volume ${id} status must be ${from.join(' or ')}, but is ${volume.status}.`);
      }
      return { status: to };
    });
    return ACCEPTED;
  },
});

const table: Readonly<Record<string, Action>> = {
  'os-extend': {
    rule: 'volume:extend',
    args: object({ new_size: whole(1, 2_147_483_647) }, ['new_size']),
    async run(doing) {
      const { parts, visit, id, args } = doing;
      await extendVolume(parts, asker(doing), id, Number(args['new_size']), visit.minor >= 42);
      return ACCEPTED;
    },
  },
  'os-reset_status': {
    rule: `${admin}:reset_status`,
    args: object({ status: { enum: [...volumeStatuses, null] }, attach_status: {}, migration_status: {} }),
    async run({ parts, visit, id, args }) {
      const { status } = args;
      if (status === undefined || status === null) throw badRequest('Invalid input received: a status must be given.');
      await resetStatus(parts, visit.caller, id, status as VolumeStatus);
      return ACCEPTED;
    },
  },
  'os-force_delete': {
    rule: `${admin}:force_delete`,
    args: none,
    async run({ parts, visit, id }) {
      const { caller, ctx } = visit;
      const how = { cascade: false, force: true, rule: `${admin}:force_delete` } as const;
      await deleteVolume(parts, { caller, requestId: ctx.state.requestId }, id, how);
      return ACCEPTED;
    },
  },
  'os-force_detach': {
    rule: `${admin}:force_detach`,
    args: object({ attachment_id: { anyOf: [idSchema, { type: 'null' }] }, connector: {} }),
    async run({ parts, visit, id, args }) {
      await forceDetach(parts, visit.caller, id, (args['attachment_id'] as string | null | undefined) ?? null);
      return ACCEPTED;
    },
  },
  'os-set_bootable': {
    rule: 'volume:update',
    args: object({ bootable: yes }, ['bootable']),
    async run({ parts, visit, id, args }) {
      await changeVolume(parts, visit.caller, id, 'volume:update', () => ({ bootable: saysYes(args['bootable']) }));
      return { status: 200 };
    },
  },
  'os-update_readonly_flag': {
    rule: 'volume:update_readonly_flag',
    args: object({ readonly: yes }, ['readonly']),
    async run({ parts, visit, id, args }) {
      await changeVolume(parts, visit.caller, id, 'volume:update_readonly_flag', (volume) => {
        mustBegin('reserve', volume);
        return { readonly: saysYes(args['readonly']) };
      });
      return ACCEPTED;
    },
  },
  'os-volume_upload_image': {
    rule: `${actions}:upload_image`,
    args: object(
      {
        image_name: { type: 'string', minLength: 1, maxLength: 255 },
        disk_format: { enum: ['raw', 'qcow2'] },
        container_format: { enum: ['bare'] },
        visibility: { enum: ['private', 'shared'] },
        force: yes,
        protected: { enum: [false, 'false', 'False'] },
      },
      ['image_name'],
    ),
    run: upload,
  },
  revert: {
    rule: 'volume:revert_to_snapshot',
    since: 40,
    args: object({ snapshot_id: idSchema }, ['snapshot_id']),
    async run(doing) {
      await revertVolume(doing.parts, asker(doing), doing.id, doing.args['snapshot_id'] as string);
      return ACCEPTED;
    },
  },
  'os-reimage': {
    rule: 'volume:reimage',
    since: 68,
    args: object({ image_id: idSchema, reimage_reserved: yes }, ['image_id']),
    async run(doing) {
      const { parts, visit, id, args } = doing;
      const asked = { caller: visit.caller, requestId: visit.ctx.state.requestId };
      await reimageVolume(parts, asked, id, args['image_id'] as string, saysYes(args['reimage_reserved']));
      return ACCEPTED;
    },
  },
  'os-set_image_metadata': {
    rule: `${image}:set`,
    args: object({ metadata: texts }, ['metadata']),
    async run({ parts, visit, id, args }) {
      const changed = await changeVolume(parts, visit.caller, id, `${image}:set`, ({ imageMetadata: before }) => {
        const all = { ...before, ...(args['metadata'] as Texts) };
        // an image may have had more to begin with
        const grows = Object.keys(all).length > Object.keys(before ?? {}).length;
        return { imageMetadata: grows ? bounded('Volume', all) : all };
      });
      return { status: 200, body: { metadata: changed.imageMetadata } };
    },
  },
  'os-unset_image_metadata': {
    rule: `${image}:remove`,
    args: object({ key: { type: 'string', minLength: 1, maxLength: 255 } }, ['key']),
    async run({ parts, visit, id, args }) {
      await changeVolume(parts, visit.caller, id, `${image}:remove`, ({ imageMetadata }) => ({
        imageMetadata: Object.fromEntries(Object.entries(imageMetadata ?? {}).filter(([name]) => name !== args['key'])),
      }));
      return { status: 200 };
    },
  },
  'os-show_image_metadata': {
    rule: `${image}:show`,
    args: none,
    async run({ parts, visit, id }) {
      return { status: 200, body: { metadata: (await seenVolume(parts, visit.caller, id)).imageMetadata ?? {} } };
    },
  },
  'os-attach': {
    rule: `${actions}:attach`,
    args: object({
      instance_uuid: idSchema,
      mountpoint: { type: 'string', minLength: 1, maxLength: 255 },
      mode: { enum: ['rw', 'ro'] },
      host_name: { type: 'string', minLength: 1, maxLength: 255 },
    }),
    async run({ parts, visit, id, args }) {
      const serverUuid = (args['instance_uuid'] as string | undefined) ?? null;
      const mode = (args['mode'] as 'rw' | 'ro' | undefined) ?? null;
      const host = args['host_name'];
      await noteAttached(
        parts,
        visit.caller,
        { volumeId: id, serverUuid, connector: host === undefined ? {} : { host }, mode },
        (args['mountpoint'] as string | undefined) ?? null,
      );
      return ACCEPTED;
    },
  },
  'os-detach': {
    rule: `${actions}:detach`,
    args: object({ attachment_id: { anyOf: [idSchema, { type: 'null' }] } }),
    async run({ parts, visit, id, args }) {
      await noteDetached(parts, visit.caller, id, (args['attachment_id'] as string | null | undefined) ?? null);
      return ACCEPTED;
    },
  },
  'os-retype': {
    rule: 'volume:retype',
    args: object(
      {
        new_type: { type: 'string', minLength: 1, maxLength: 255 },
        migration_policy: { enum: ['never', 'on-demand'] },
      },
      ['new_type'],
    ),
    async run({ parts, visit, id, args }) {
      const type = await typeFor(parts.database.read, visit.caller, args['new_type'] as string);
      checkPromises(type);
      await changeVolume(parts, visit.caller, id, 'volume:retype', (volume) => {
        mustBegin('retype', volume);
        if (volume.typeId === type.id)
          throw badRequest(`Invalid input received: Volume ${id} is of type ${type.name} already.`);
        return { typeId: type.id };
      });
      return ACCEPTED;
    },
  },
  'os-reserve': moves(`${actions}:reserve`, ['available'], 'attaching'),
  'os-unreserve': {
    ...moves(`${actions}:unreserve`, ['reserved', 'attaching'], 'available'),
    async run({ parts, visit, id }) {
      await changeVolume(parts, visit.caller, id, `${actions}:unreserve`, async (volume, t) => {
        const held = await attachmentsOf(t, [id]);
        const mine = held.length === 0 && ['reserved', 'attaching'].includes(volume.status);
        return mine ? { status: 'available' } : {};
      });
      return ACCEPTED;
    },
  },
  'os-begin_detaching': moves(`${actions}:begin_detaching`, ['in-use'], 'detaching'),
  'os-roll_detaching': moves(`${actions}:roll_detaching`, ['detaching', 'in-use'], 'in-use'),
  'os-initialize_connection': {
    rule: `${actions}:initialize_connection`,
    args: object({ connector: { type: 'object', maxProperties: 64 } }, ['connector']),
    async run({ parts, visit, id }) {
      const volume = await seenVolume(parts, visit.caller, id);
      return {
        status: 200,
        body: { connection_info: connectionOf(parts, visit.caller, id, volume.readonly ? 'ro' : 'rw') },
      };
    },
  },
  'os-terminate_connection': {
    rule: `${actions}:terminate_connection`,
    args: object({ connector: { type: ['object', 'null'], maxProperties: 64 } }, ['connector']),
    async run({ parts, visit, id }) {
      await seenVolume(parts, visit.caller, id);
      return ACCEPTED;
    },
  },
};

const NO_MIGRATION = 'Volumes are not migrated here: there is one kind of storage.';
const notOffered: Readonly<Record<string, string>> = {
  'os-migrate_volume': NO_MIGRATION,
  'os-migrate_volume_completion': NO_MIGRATION,
};

const rulesOfAll: readonly RuleName[] = [...new Set(Object.values(table).map(({ rule }) => rule))];

export function addVolumeActions(routes: Routes, parts: VolumeParts): void {
  const guard = {
    of: 'volume:update',
    also: ['volume:get', 'volume:extend_attached_volume', 'volume:reimage_reserved', ...rulesOfAll],
  } as const;
  page(routes, 'POST', '/volumes/:id/action', guard, async (visit) => {
    const body = asObject(await readJson(visit.ctx));
    const [name = '', ...others] = Object.keys(body ?? {});
    const action = Object.hasOwn(table, name) ? table[name] : undefined;
    if (body === null || others.length > 0 || action === undefined || visit.minor < (action.since ?? 0)) {
      const reason = Object.hasOwn(notOffered, name) ? notOffered[name] : undefined;
      throw badRequest(reason ?? `There is no such action: ${[name, ...others].join(', ').slice(0, 255)}`);
    }
    const id = visit.params['id'] ?? '';
    const volume = await seenVolume(parts, visit.caller, id);
    // who may not is told so before his body is looked at
    mustMay(parts.allows, visit.caller, action.rule, volume);
    const problem = problemOf(action.args, body[name]);
    if (problem !== null)
      throw badRequest(`Invalid input for field/attribute ${name}${problem.instancePath}: it ${problem.message}`);
    return action.run({ parts, visit, id, args: asObject(body[name]) ?? {} });
  });
}
