// Why: the image API, Glance v2's wire format, one page of routes.

import { badRequest, forbidden, notFound } from '../../base/errors.ts';
import { isoSeconds } from '../../base/clock.ts';
import type { Caller } from '../../base/op.ts';
import {
  deleteImageMember,
  findImageMember,
  type ImageMember,
  listImageMembers,
  moveImage,
  updateImageMember,
} from '../../db/images.ts';
import { tx } from '../../db/tx.ts';
import { serviceUrl, type WebContext } from '../../web/app.ts';
import { readJson } from '../../web/json-body.ts';
import { asObject, queryOf, type Routes } from '../http.ts';
import { addMember, changeImage, createImage, findImages, removeImage } from './changes.ts';
import { type DataParts, downloadData, uploadData } from './data.ts';
import { metadefSchemas } from './metadefs.ts';
import { changesFrom, patched } from './patch.ts';
import { mustBeAdmin, visibleImage } from './rules.ts';
import { checkQuotas, imageSchema, imageView, memberSchema, pageSchema } from './shape.ts';

const VERSIONS: readonly (readonly [string, string])[] = [
  ['v2.9', 'CURRENT'],
  ['v2.7', 'SUPPORTED'],
  ['v2.6', 'SUPPORTED'],
  ['v2.5', 'SUPPORTED'],
  ['v2.4', 'SUPPORTED'],
  ['v2.3', 'SUPPORTED'],
  ['v2.2', 'SUPPORTED'],
  ['v2.1', 'SUPPORTED'],
  ['v2.0', 'SUPPORTED'],
];

const answerJson = (ctx: WebContext, status: number, body: unknown): void => {
  ctx.status = status;
  ctx.type = 'application/json; charset=UTF-8';
  ctx.body = JSON.stringify(body);
};

function versions(status: number) {
  return (ctx: WebContext): void => {
    const links = [{ rel: 'self', href: `${serviceUrl(ctx)}/v2/` }];
    answerJson(ctx, status, { versions: VERSIONS.map(([id, state]) => ({ id, status: state, links })) });
  };
}

const memberView = (member: ImageMember) => ({
  member_id: member.member,
  image_id: member.imageId,
  status: member.status,
  created_at: isoSeconds(member.createdAt),
  updated_at: isoSeconds(member.updatedAt),
  schema: '/v2/schemas/member',
});

export function addImageRoutes(routes: Routes, parts: DataParts): void {
  const { database, clock } = parts;

  routes.open('GET', '/', versions(300));
  routes.open('GET', '/versions', versions(200));

  routes.on('GET', '/v2/images', async (ctx, caller) => {
    const { images, asked } = await findImages(parts, caller, queryOf(ctx));
    const query = new URLSearchParams(ctx.querystring);
    query.delete('marker');
    const first = query.toString();
    const last = images.at(-1);
    if (last !== undefined) query.set('marker', last.id);
    const more = last !== undefined && images.length === asked.limit;
    answerJson(ctx, 200, {
      images: images.map(imageView),
      first: first === '' ? '/v2/images' : `/v2/images?${first}`,
      ...(more ? { next: `/v2/images?${query.toString()}` } : {}),
      schema: '/v2/schemas/images',
    });
  });

  routes.on('POST', '/v2/images', async (ctx, caller) => {
    const body = asObject(await readJson(ctx));
    if (body === null) throw badRequest('Body expected in request.');
    const image = await createImage(parts, caller, body, null);
    ctx.set('Location', `${serviceUrl(ctx)}/v2/images/${image.id}`);
    answerJson(ctx, 201, imageView(image));
  });

  routes.on('GET', '/v2/images/:image_id', async (ctx, caller, { image_id = '' }) => {
    answerJson(ctx, 200, imageView(await visibleImage(database.read, caller, image_id)));
  });

  // tasks are Glance's way to import; here data is uploaded, so an image never has one
  routes.on('GET', '/v2/images/:image_id/tasks', async (ctx, caller, { image_id = '' }) => {
    await visibleImage(database.read, caller, image_id);
    answerJson(ctx, 200, { tasks: [] });
  });

  routes.on('PATCH', '/v2/images/:image_id', async (ctx, caller, { image_id = '' }) => {
    const changes = changesFrom(ctx.request.type, await readJson(ctx));
    answerJson(
      ctx,
      200,
      imageView(await changeImage(parts, caller, image_id, (image) => patched(caller, image, changes))),
    );
  });

  routes.on('DELETE', '/v2/images/:image_id', async (ctx, caller, { image_id = '' }) => {
    await removeImage(parts, caller, image_id);
    ctx.status = 204;
  });

  routes.on('PUT', '/v2/images/:image_id/file', (ctx, caller, { image_id = '' }) =>
    uploadData(parts, ctx, caller, image_id),
  );
  routes.on('GET', '/v2/images/:image_id/file', (ctx, caller, { image_id = '' }) =>
    downloadData(parts, ctx, caller, image_id),
  );

  const setStatus = (path: string, from: string, to: string): void => {
    routes.on('POST', `/v2/images/:image_id/actions/${path}`, async (ctx, caller, { image_id = '' }) => {
      const image = await visibleImage(database.read, caller, image_id);
      mustBeAdmin(caller);
      const moved = await tx(database, (trx) => moveImage(trx, image_id, [from, to], to, clock.now()));
      if (!moved) throw forbidden(`Not allowed to ${path} image in status '${image.status}'`);
      ctx.status = 204;
    });
  };
  setStatus('deactivate', 'active', 'deactivated');
  setStatus('reactivate', 'deactivated', 'active');

  routes.on('PUT', '/v2/images/:image_id/tags/:tag', async (ctx, caller, { image_id = '', tag = '' }) => {
    if (tag.length > 255) throw badRequest('A tag has at most 255 characters.');
    await changeImage(parts, caller, image_id, (image) => {
      const next = { ...image, tags: [...new Set([...image.tags, tag])] };
      checkQuotas(next);
      return next;
    });
    ctx.status = 204;
  });
  routes.on('DELETE', '/v2/images/:image_id/tags/:tag', async (ctx, caller, { image_id = '', tag = '' }) => {
    await changeImage(parts, caller, image_id, (image) => {
      if (!image.tags.includes(tag)) throw notFound(`Tag ${tag} was not found on the image.`);
      return { ...image, tags: image.tags.filter((other) => other !== tag) };
    });
    ctx.status = 204;
  });

  /** A shared image's members, as far as the caller may know of them. */
  async function membersFor(caller: Caller, id: string): Promise<ImageMember[]> {
    const image = await visibleImage(database.read, caller, id);
    if (image.visibility !== 'shared') throw forbidden('Only shared images have members.');
    const members = await listImageMembers(database.read, id);
    if (caller.isAdmin || image.owner === caller.projectId) return members;
    return members.filter(({ member }) => member === caller.projectId);
  }

  routes.on('GET', '/v2/images/:image_id/members', async (ctx, caller, { image_id = '' }) => {
    const members = await membersFor(caller, image_id);
    answerJson(ctx, 200, { members: members.map(memberView), schema: '/v2/schemas/members' });
  });

  routes.on('POST', '/v2/images/:image_id/members', async (ctx, caller, { image_id = '' }) => {
    const projectId = asObject(await readJson(ctx))?.['member'];
    if (typeof projectId !== 'string' || projectId === '' || projectId.length > 64) {
      throw badRequest('Expected a member in the form: {"member": "image_id"}');
    }
    answerJson(ctx, 200, memberView(await addMember(parts, caller, image_id, projectId)));
  });

  routes.on(
    'GET',
    '/v2/images/:image_id/members/:member_id',
    async (ctx, caller, { image_id = '', member_id = '' }) => {
      const found = (await membersFor(caller, image_id)).find(({ member }) => member === member_id);
      if (found === undefined) throw notFound(`${member_id} not found in the member list of the image ${image_id}.`);
      answerJson(ctx, 200, memberView(found));
    },
  );

  routes.on(
    'PUT',
    '/v2/images/:image_id/members/:member_id',
    async (ctx, caller, { image_id = '', member_id = '' }) => {
      const status = asObject(await readJson(ctx))?.['status'];
      if (status !== 'pending' && status !== 'accepted' && status !== 'rejected') {
        throw badRequest('Expected a status in the form: {"status": "status"}, one of pending, accepted, rejected');
      }
      await visibleImage(database.read, caller, image_id);
      const next = await tx(database, async (trx) => {
        const found = await findImageMember(trx, image_id, member_id);
        if (found === null) throw notFound(`${member_id} not found in the member list of the image ${image_id}.`);
        if (!caller.isAdmin && caller.projectId !== member_id)
          throw forbidden('Only the member may change its status.');
        const changed = { ...found, status, updatedAt: clock.now() };
        await updateImageMember(trx, changed);
        return changed;
      });
      answerJson(ctx, 200, memberView(next));
    },
  );

  routes.on(
    'DELETE',
    '/v2/images/:image_id/members/:member_id',
    async (ctx, caller, { image_id = '', member_id = '' }) => {
      await changeImage(parts, caller, image_id, async (image, trx) => {
        if (!(await deleteImageMember(trx, image_id, member_id))) {
          throw notFound(`${member_id} not found in the member list of the image ${image_id}.`);
        }
        return image;
      });
      ctx.status = 204;
    },
  );

  const schemas = {
    image: imageSchema(),
    images: pageSchema('images', imageSchema()),
    member: memberSchema(),
    members: pageSchema('members', memberSchema()),
    ...metadefSchemas,
  };
  for (const [name, schema] of Object.entries(schemas)) {
    routes.on('GET', `/v2/schemas/${name}`, async (ctx) => answerJson(ctx, 200, schema));
  }

  // one store and no way in but the upload
  routes.on('GET', '/v2/info/import', async (ctx) => {
    answerJson(ctx, 200, { 'import-methods': { description: 'Import methods available.', type: 'array', value: [] } });
  });
  routes.on('GET', '/v2/info/stores', async () => {
    throw notFound('Multi backend is not supported at this site.');
  });
}
