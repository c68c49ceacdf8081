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
import type { RuleName } from '../../policies/index.ts';
import type { Guard } from '../access.ts';
import { queryOf, type Routes } from '../http.ts';
import { checkBody, imageBody, memberBody, type MemberStatus, memberStatusBody } from './bodies.ts';
import { addMember, changeImage, createImage, findImages, removeImage } from './changes.ts';
import { type DataParts, downloadData, uploadData } from './data.ts';
import { metadefSchemas } from './metadefs.ts';
import { changesFrom, patched } from './patch.ts';
import { mustMay, type SeenImage, visibleImage } from './rules.ts';
import { checked, imageSchema, imageView, memberSchema, pageSchema } from './shape.ts';

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

/** A rule that is asked of an image which the caller has to see. */
const ofImage = (of: RuleName): Guard => ({ of, also: ['get_image'] });
const ADD: Guard = { first: 'add_image', also: ['publicize_image', 'communitize_image'] };
const MODIFY: Guard = { of: 'modify_image', also: ['get_image', 'publicize_image', 'communitize_image'] };

/** The image, if the caller may know of it. */
const seen = ({ allows, database }: DataParts, caller: Caller, id: string): Promise<SeenImage> =>
  visibleImage(allows, database.read, caller, id);

/** As `seen`, and the caller may do to it what the rule says. */
async function mayImage(parts: DataParts, rule: RuleName, caller: Caller, id: string): Promise<SeenImage> {
  const found = await seen(parts, caller, id);
  mustMay(parts.allows, caller, rule, found.target);
  return found;
}

export function addImageRoutes(routes: Routes, parts: DataParts): void {
  for (const path of ['/', '/v2']) routes.open('GET', path, versions(300));
  routes.open('GET', '/versions', versions(200));
  addImages(routes, parts);
  addData(routes, parts);
  addTags(routes, parts);
  addMembers(routes, parts);
  addMemberChanges(routes, parts);
  addDescriptions(routes);
}

function addImages(routes: Routes, parts: DataParts): void {
  routes.on('GET', '/v2/images', { first: 'get_images', also: ['get_image'] }, async (ctx, caller) => {
    const { images, next } = await findImages(parts, caller, queryOf(ctx));
    const query = new URLSearchParams(ctx.querystring);
    query.delete('marker');
    const first = query.toString();
    if (next !== null) query.set('marker', next);
    answerJson(ctx, 200, {
      images: images.map(imageView),
      first: first === '' ? '/v2/images' : `/v2/images?${first}`,
      ...(next !== null ? { next: `/v2/images?${query.toString()}` } : {}),
      schema: '/v2/schemas/images',
    });
  });

  routes.on('POST', '/v2/images', ADD, async (ctx, caller) => {
    const body = await readJson(ctx);
    checkBody(imageBody, body);
    const image = await createImage(parts, caller, body as Readonly<Record<string, unknown>>, null);
    ctx.set('Location', `${serviceUrl(ctx)}/v2/images/${image.id}`);
    answerJson(ctx, 201, imageView(image));
  });

  routes.on('GET', '/v2/images/:image_id', { of: 'get_image' }, async (ctx, caller, { image_id = '' }) => {
    answerJson(ctx, 200, imageView((await seen(parts, caller, image_id)).image));
  });

  // tasks are Glance's way to import; here data is uploaded, so an image never has one
  routes.on('GET', '/v2/images/:image_id/tasks', { of: 'get_image' }, async (ctx, caller, { image_id = '' }) => {
    await seen(parts, caller, image_id);
    answerJson(ctx, 200, { tasks: [] });
  });

  routes.on('PATCH', '/v2/images/:image_id', MODIFY, async (ctx, caller, { image_id = '' }) => {
    await mayImage(parts, 'modify_image', caller, image_id);
    const changes = changesFrom(ctx.request.type, await readJson(ctx));
    const change = patched(parts.allows, caller, changes);
    answerJson(ctx, 200, imageView(await changeImage(parts, caller, image_id, 'modify_image', change)));
  });

  routes.on('DELETE', '/v2/images/:image_id', ofImage('delete_image'), async (ctx, caller, { image_id = '' }) => {
    await removeImage(parts, caller, image_id);
    ctx.status = 204;
  });
}

function addData(routes: Routes, parts: DataParts): void {
  const { database, clock } = parts;
  routes.on('PUT', '/v2/images/:image_id/file', ofImage('upload_image'), (ctx, caller, { image_id = '' }) =>
    uploadData(parts, ctx, caller, image_id),
  );
  routes.on('GET', '/v2/images/:image_id/file', ofImage('download_image'), (ctx, caller, { image_id = '' }) =>
    downloadData(parts, ctx, caller, image_id),
  );

  const setStatus = (path: 'deactivate' | 'reactivate', from: string, to: string): void => {
    routes.on('POST', `/v2/images/:image_id/actions/${path}`, ofImage(path), async (ctx, caller, { image_id = '' }) => {
      const { image } = await mayImage(parts, path, caller, image_id);
      const moved = await tx(database, (trx) => moveImage(trx, image_id, [from, to], to, clock.now()));
      if (!moved) throw forbidden(`Not allowed to ${path} image in status '${image.status}'`);
      ctx.status = 204;
    });
  };
  setStatus('deactivate', 'active', 'deactivated');
  setStatus('reactivate', 'deactivated', 'active');
}

function addTags(routes: Routes, parts: DataParts): void {
  routes.on('PUT', '/v2/images/:image_id/tags/:tag', ofImage('modify_image'), async (ctx, caller, params) => {
    const { image_id = '', tag = '' } = params;
    if (tag.length > 255) throw badRequest('A tag has at most 255 characters.');
    await changeImage(parts, caller, image_id, 'modify_image', (image) =>
      checked({ ...image, tags: [...new Set([...image.tags, tag])] }),
    );
    ctx.status = 204;
  });
  routes.on('DELETE', '/v2/images/:image_id/tags/:tag', ofImage('modify_image'), async (ctx, caller, params) => {
    const { image_id = '', tag = '' } = params;
    await changeImage(parts, caller, image_id, 'modify_image', (image) => {
      if (!image.tags.includes(tag)) throw notFound(`Tag ${tag} was not found on the image.`);
      return { ...image, tags: image.tags.filter((other) => other !== tag) };
    });
    ctx.status = 204;
  });
}

/** A shared image's members, as far as the caller may know of them. */
async function membersFor(
  parts: DataParts,
  caller: Caller,
  id: string,
  rule: 'get_members' | 'get_member',
): Promise<ImageMember[]> {
  const { image } = await mayImage(parts, rule, caller, id);
  if (image.visibility !== 'shared') throw forbidden('Only shared images have members.');
  const members = await listImageMembers(parts.database.read, id);
  if (caller.isAdmin || image.owner === caller.projectId) return members;
  return members.filter(({ member }) => member === caller.projectId);
}

const noMember = (image: string, member: string) =>
  notFound(`${member} not found in the member list of the image ${image}.`);

function addMembers(routes: Routes, parts: DataParts): void {
  routes.on('GET', '/v2/images/:image_id/members', ofImage('get_members'), async (ctx, caller, { image_id = '' }) => {
    const members = await membersFor(parts, caller, image_id, 'get_members');
    answerJson(ctx, 200, { members: members.map(memberView), schema: '/v2/schemas/members' });
  });

  routes.on('POST', '/v2/images/:image_id/members', ofImage('add_member'), async (ctx, caller, { image_id = '' }) => {
    await mayImage(parts, 'add_member', caller, image_id);
    const body = await readJson(ctx);
    checkBody(memberBody, body);
    const { member } = body as { readonly member: string };
    answerJson(ctx, 200, memberView(await addMember(parts, caller, image_id, member)));
  });

  routes.on(
    'GET',
    '/v2/images/:image_id/members/:member_id',
    ofImage('get_member'),
    async (ctx, caller, { image_id = '', member_id = '' }) => {
      const found = (await membersFor(parts, caller, image_id, 'get_member')).find(
        ({ member }) => member === member_id,
      );
      if (found === undefined) throw noMember(image_id, member_id);
      answerJson(ctx, 200, memberView(found));
    },
  );
}

function addMemberChanges(routes: Routes, parts: DataParts): void {
  const { database, clock, allows } = parts;
  routes.on(
    'PUT',
    '/v2/images/:image_id/members/:member_id',
    ofImage('modify_member'),
    async (ctx, caller, { image_id = '', member_id = '' }) => {
      const { target } = await seen(parts, caller, image_id);
      // who has no such member to see is told the same, whether there is one or not
      mustMay(allows, caller, 'modify_member', { ...target, member_id });
      const body = await readJson(ctx);
      checkBody(memberStatusBody, body);
      const { status } = body as { readonly status: MemberStatus };
      const next = await tx(database, async (trx) => {
        const found = await findImageMember(trx, image_id, member_id);
        if (found === null) throw noMember(image_id, member_id);
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
    ofImage('delete_member'),
    async (ctx, caller, { image_id = '', member_id = '' }) => {
      await changeImage(parts, caller, image_id, 'delete_member', async (image, trx) => {
        if (!(await deleteImageMember(trx, image_id, member_id))) {
          throw noMember(image_id, member_id);
        }
        return image;
      });
      ctx.status = 204;
    },
  );
}

/** Schemas, and what this service says of itself. */
function addDescriptions(routes: Routes): void {
  const schemas = {
    image: imageSchema(),
    images: pageSchema('images', imageSchema()),
    member: memberSchema(),
    members: pageSchema('members', memberSchema()),
    ...metadefSchemas,
  };
  for (const [name, schema] of Object.entries(schemas)) {
    routes.on('GET', `/v2/schemas/${name}`, 'any token', async (ctx) => answerJson(ctx, 200, schema));
  }

  // one store and no way in but the upload
  routes.on('GET', '/v2/info/import', 'any token', async (ctx) => {
    answerJson(ctx, 200, { 'import-methods': { description: 'Import methods available.', type: 'array', value: [] } });
  });
  routes.on('GET', '/v2/info/stores', 'any token', async () => {
    throw notFound('Multi backend is not supported at this site.');
  });
}
