// Why: the routes of attachments, as compute services use them since 3.27.

import { badRequest, notFound } from '../../base/errors.ts';
import { attachmentNoun, type StoredAttachment } from '../../db/volume-attachments.ts';
import { pageOfRows } from '../../db/volumes.ts';
import { readJson } from '../../web/json-body.ts';
import { asObject, type Routes } from '../http.ts';
import {
  completeAttachment,
  connectAttachment,
  connectionOf,
  type Connector,
  createAttachment,
  deleteAttachment,
  seenAttachment,
} from './attachments.ts';
import { listQueryOf, type ListWords, nextLinks } from './list-query.ts';
import type { VolumeParts } from './parts.ts';
import { targetOf } from './rules.ts';
import { changedAttachment, newAttachment } from './schemas.ts';
import { attachmentSummary, attachmentView } from './views.ts';
import { bodyBy, page, type Visit } from './web.ts';

const words: ListWords = {
  filters: {
    id: { column: 'id' },
    volume_id: { column: 'volume_id' },
    instance_id: { column: 'server_uuid' },
    instance_uuid: { column: 'server_uuid' },
    status: { column: 'status' },
    attach_status: { column: 'status' },
  },
  sorts: { id: 'id', volume_id: 'volume_id', status: 'status', created_at: 'created_at', updated_at: 'updated_at' },
};

const SINCE = { since: 27 } as const;
const see = 'volume:get_all_attachments';
const idOf = ({ params }: Visit): string => params['id'] ?? '';

interface NewBody {
  readonly attachment: {
    readonly volume_uuid: string;
    readonly instance_uuid?: string | null;
    readonly connector?: Connector | null;
    readonly mode?: 'rw' | 'ro';
  };
}

/** The connection is for whoever plugs it in. */
const shown = (parts: VolumeParts, { caller }: Visit, attachment: StoredAttachment): object =>
  attachmentView(
    attachment,
    attachment.status === 'reserved' ? {} : connectionOf(parts, caller, attachment.volumeId, attachment.mode),
  );

function addLists(routes: Routes, parts: VolumeParts): void {
  const { database, allows } = parts;
  for (const [path, detailed] of [
    ['/attachments/detail', true],
    ['/attachments', false],
  ] as const) {
    page(
      routes,
      'GET',
      path,
      { first: see },
      async (visit) => {
        const { choice, page: asked } = listQueryOf(visit, words);
        const found = await pageOfRows(database.read, attachmentNoun, choice, asked);
        if (found === null) throw notFound(`Marker ${asked.marker} could not be found.`);
        const seen = found.filter((attachment) => allows(visit.caller, see, targetOf(attachment)));
        const links = nextLinks(
          visit,
          path,
          found.map(({ id }) => id),
          asked.limit,
        );
        const attachments = seen.map((one) => (detailed ? shown(parts, visit, one) : attachmentSummary(one)));
        return { status: 200, body: { attachments, ...(links.length === 0 ? {} : { attachments_links: links }) } };
      },
      SINCE,
    );
  }
}

export function addAttachmentRoutes(routes: Routes, parts: VolumeParts): void {
  addLists(routes, parts);
  page(
    routes,
    'POST',
    '/attachments',
    { first: 'volume:attachment_create', also: ['volume:get'] },
    async (visit) => {
      const { attachment: body } = await bodyBy<NewBody>(visit, newAttachment);
      const made = await createAttachment(parts, visit.caller, {
        volumeId: body.volume_uuid,
        serverUuid: body.instance_uuid ?? null,
        connector: body.connector ?? null,
        mode: body.mode ?? null,
      });
      return { status: 200, body: { attachment: shown(parts, visit, made) } };
    },
    SINCE,
  );
  page(
    routes,
    'GET',
    '/attachments/:id',
    { of: see },
    async (visit) => ({
      status: 200,
      body: { attachment: shown(parts, visit, await seenAttachment(parts, visit.caller, idOf(visit))) },
    }),
    SINCE,
  );
  page(
    routes,
    'PUT',
    '/attachments/:id',
    { of: 'volume:attachment_update', also: [see] },
    async (visit) => {
      const { attachment: body } = await bodyBy<{ attachment: { connector: Connector } }>(visit, changedAttachment);
      const changed = await connectAttachment(parts, visit.caller, idOf(visit), body.connector);
      return { status: 200, body: { attachment: shown(parts, visit, changed) } };
    },
    SINCE,
  );
  page(
    routes,
    'DELETE',
    '/attachments/:id',
    { of: 'volume:attachment_delete', also: [see] },
    async (visit) => {
      await deleteAttachment(parts, visit.caller, idOf(visit));
      return { status: 200, body: { attachments: [] } };
    },
    SINCE,
  );
  page(
    routes,
    'POST',
    '/attachments/:id/action',
    { of: 'volume:attachment_complete', also: [see] },
    async (visit) => {
      const body = asObject(await readJson(visit.ctx));
      if (body === null || !Object.hasOwn(body, 'os-complete')) throw badRequest('There is no such action.');
      await completeAttachment(parts, visit.caller, idOf(visit), null);
      return { status: 204 };
    },
    { since: 44 },
  );
}
