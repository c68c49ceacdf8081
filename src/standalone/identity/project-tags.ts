// Why: projects have tags, which stand by themselves and narrow lists of projects.

import { badRequest, notFound } from '../../base/errors.ts';
import { type Project, projects, type TextPart } from '../../db/identity.ts';
import { lastOf } from '../http.ts';
import { missing, type Route, type Visit } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';

const MOST = schemas.tags.maxItems as number;

const allTags = {
  type: 'object',
  properties: { tags: schemas.tags },
  required: ['tags'],
  additionalProperties: false,
} as const;

const partOf = (tag: string, not: boolean): TextPart => ({
  ...{ column: 'tags', where: 'holds', part: tag, anyCase: false, not },
});

/** `tags=a,b` all of them, `tags-any` one at least, `not-tags` not all of them, `not-tags-any` none of them. */
export function tagPartsOf({ query }: Visit): TextPart[][] {
  const asked = (word: string): string[] => {
    const words = [...new Set((lastOf(query, word) ?? '').split(',').filter(Boolean))];
    // no project has more, and a database takes only so many conditions
    if (words.length > MOST) throw badRequest(`${word}: at most ${MOST} tags may be asked for.`);
    return words;
  };
  const each = (word: string, not: boolean) => asked(word).map((tag) => [partOf(tag, not)]);
  const some = (word: string, not: boolean) => [asked(word).map((tag) => partOf(tag, not))];
  const parts = [
    ...each('tags', false),
    ...some('tags-any', false),
    ...some('not-tags', true),
    ...each('not-tags-any', true),
  ];
  return parts.filter((either) => either.length > 0);
}

const noTag = (tag: string) => notFound(`Could not find project tag: ${tag.slice(0, 255)}.`);

export const tagRoutes = (parts: Parts): Route[] => {
  const { reader } = parts;
  const path = '/v3/projects/:project_id/tags';
  const idOf = ({ params }: Visit): string => params['project_id'] ?? '';
  const found = async (id: string): Promise<Project> => {
    const project = await projects.find(reader, id);
    if (project === null) throw missing(`project: ${id}`);
    return project;
  };
  /** Gives a project other tags. */
  const set = (visit: Visit, to: (before: readonly string[]) => readonly string[]): Promise<readonly string[]> =>
    write(parts, '', async (tx) => {
      const project = await hold(tx, projects, 'project', idOf(visit));
      const tags = to(project.tags);
      schemas.checkBody(allTags, { tags });
      await projects.replace(tx, { ...project, tags });
      return tags;
    });
  const view = ({ self }: Visit, tags: readonly string[]) => ({ tags, links: { next: null, self, previous: null } });
  return [
    {
      method: 'GET',
      path,
      guard: { first: 'identity:list_project_tags' },
      run: async (visit) => ({ status: 200, body: view(visit, (await found(idOf(visit))).tags) }),
    },
    {
      method: 'PUT',
      path,
      guard: { first: 'identity:update_project_tags' },
      body: allTags,
      run: async (visit) => {
        const { tags } = visit.body as { tags: readonly string[] };
        return { status: 200, body: view(visit, await set(visit, () => tags)) };
      },
    },
    {
      method: 'DELETE',
      path,
      guard: { first: 'identity:delete_project_tags' },
      run: async (visit) => {
        await set(visit, () => []);
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: `${path}/:tag`,
      guard: { first: 'identity:get_project_tag' },
      run: async (visit) => {
        const { tag = '' } = visit.params;
        if (!(await found(idOf(visit))).tags.includes(tag)) throw noTag(tag);
        return { status: 204 };
      },
    },
    {
      method: 'PUT',
      path: `${path}/:tag`,
      guard: { first: 'identity:create_project_tag' },
      run: async (visit) => {
        const { tag = '' } = visit.params;
        await set(visit, (before) => (before.includes(tag) ? before : [...before, tag]));
        return { status: 201 };
      },
    },
    {
      method: 'DELETE',
      path: `${path}/:tag`,
      guard: { first: 'identity:delete_project_tag' },
      run: async (visit) => {
        const { tag = '' } = visit.params;
        await set(visit, (before) => {
          if (!before.includes(tag)) throw noTag(tag);
          return before.filter((one) => one !== tag);
        });
        return { status: 204 };
      },
    },
  ];
};
