// Why: projects own servers, images and networks.

import { isYes } from '../../base/boolean-word.ts';
import { badRequest } from '../../base/errors.ts';
import { newHexId } from '../../base/ids.ts';
import type { Reader } from '../../db/engine.ts';
import {
  type Domain,
  domains,
  endTokens,
  effectiveAssignments,
  type Project,
  projects,
  removeCredentials,
  removeProject,
} from '../../db/identity.ts';
import { lastOf } from '../http.ts';
import { extraOf, filterOf, listReply, pageReply, partsOf, sameId } from './collection.ts';
import { domainView, findDomain } from './domains.ts';
import { tagPartsOf, tagRoutes } from './project-tags.ts';
import { missing, type Reply, type Route, type Visit } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';
import { findUser } from './users.ts';

const properties = {
  name: schemas.name(64),
  domain_id: schemas.nullableId,
  parent_id: schemas.nullableId,
  description: schemas.description,
  enabled: schemas.boolean,
  is_domain: { enum: [false] },
  tags: schemas.tags,
  options: schemas.mutableOptions,
};
const named = Object.keys(properties);
const createBody = schemas.open('project', properties, ['name']);
const updateBody = schemas.open('project', properties, []);

interface ProjectBody {
  readonly project: {
    readonly name?: string;
    readonly domain_id?: string | null;
    readonly parent_id?: string | null;
    readonly description?: string | null;
    readonly enabled?: boolean;
    readonly tags?: readonly string[];
  } & Readonly<Record<string, unknown>>;
}

export const projectView = (base: string, project: Project) => ({
  ...project.extra,
  id: project.id,
  name: project.name,
  domain_id: project.domainId,
  description: project.description,
  enabled: project.enabled,
  parent_id: project.domainId,
  is_domain: false,
  tags: project.tags,
  options: {},
  links: { self: `${base}/projects/${project.id}` },
});

/** As Keystone, to which a domain is a project too. */
const asProject = (base: string, domain: Domain) => ({
  ...domainView(base, domain),
  domain_id: null,
  parent_id: null,
  is_domain: true,
  links: { self: `${base}/projects/${domain.id}` },
});

export async function findProject(reader: Reader, id: string): Promise<Project> {
  const found = await projects.find(reader, id);
  if (found === null) throw missing(`project: ${id}`);
  return found;
}

/** The projects on which a user has a role. */
export async function projectsOf(reader: Reader, userId: string): Promise<Project[]> {
  const given = await effectiveAssignments(reader, userId, { type: 'project' });
  const found = await projects.some(
    reader,
    given.map((assignment) => assignment.target.id),
  );
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const taken = (name: string): string =>
  `Conflict occurred attempting to store project - it is not permitted to have two projects with the same name in the same domain: name is ${name}.`;

const strangeParent = () => badRequest('A project may have no parent but its domain.');

/** Projects stand directly in their domain; a parent other than it is not kept, so it is refused. */
function checkParent(given: ProjectBody['project'], domainId: string): void {
  if (given.parent_id != null && given.parent_id !== domainId) throw strangeParent();
}

async function list(reader: Reader, visit: Visit): Promise<Reply> {
  if (isYes(lastOf(visit.query, 'is_domain') ?? undefined)) return listReply(visit, 'projects', []);
  const where = filterOf(visit, ['name', 'domain_id']);
  const parentId = lastOf(visit.query, 'parent_id');
  // the parent of a project is its domain
  if (parentId !== null && (where['domain_id'] ?? parentId) !== parentId) return listReply(visit, 'projects', []);
  if (parentId !== null) where['domain_id'] = parentId;
  const parts = [...partsOf(visit, ['name']), ...tagPartsOf(visit)];
  return pageReply(visit, 'projects', { reader, table: projects, where, parts }, (project) =>
    projectView(visit.base, project),
  );
}

export const projectRoutes = (parts: Parts): Route[] => [
  ...lookRoutes(parts),
  ...changeRoutes(parts),
  ...tagRoutes(parts),
];

function lookRoutes({ reader }: Parts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v3/projects',
      guard: { first: 'identity:list_projects' },
      run: (visit) => list(reader, visit),
    },
    {
      method: 'GET',
      path: '/v3/projects/:project_id',
      guard: { first: 'identity:get_project' },
      run: async ({ base, params }) => {
        const id = params['project_id'] ?? '';
        const domain = await domains.find(reader, id);
        const project = domain === null ? projectView(base, await findProject(reader, id)) : asProject(base, domain);
        return { status: 200, body: { project } };
      },
    },
    {
      method: 'GET',
      path: '/v3/users/:user_id/projects',
      guard: { first: 'identity:list_user_projects' },
      run: async (visit) => {
        const user = await findUser(reader, visit.params['user_id'] ?? '');
        const found = await projectsOf(reader, user.id);
        return listReply(
          visit,
          'projects',
          found.map((project) => projectView(visit.base, project)),
        );
      },
    },
  ];
}

function changeRoutes(parts: Parts): Route[] {
  return [
    {
      method: 'POST',
      path: '/v3/projects',
      guard: { first: 'identity:create_project' },
      body: createBody,
      run: async ({ base, body, caller }) => {
        const { project: given } = body as ProjectBody;
        const domainId = given.domain_id ?? given.parent_id ?? caller.domainId ?? caller.projectDomainId ?? 'default';
        checkParent(given, domainId);
        const project: Project = {
          id: newHexId(),
          domainId,
          name: given.name ?? '',
          description: given.description ?? '',
          enabled: given.enabled ?? true,
          tags: given.tags ?? [],
          extra: extraOf(given, named),
        };
        await write(parts, taken(project.name), async (tx) => {
          // a parent that is a project is none here, whatever domain it is in
          if (given.domain_id == null && (await projects.find(tx, domainId)) !== null) throw strangeParent();
          await findDomain(tx, domainId);
          await projects.insert(tx, project);
        });
        return { status: 201, body: { project: projectView(base, project) } };
      },
    },
    {
      method: 'PATCH',
      path: '/v3/projects/:project_id',
      guard: { first: 'identity:update_project' },
      body: updateBody,
      run: async ({ base, params, body }) => {
        const { project: given } = body as ProjectBody;
        const id = params['project_id'] ?? '';
        sameId(given, id);
        const project = await write(parts, taken(given.name ?? ''), async (tx) => {
          const old = await hold(tx, projects, 'project', id);
          if (given.domain_id != null && given.domain_id !== old.domainId)
            throw badRequest('Cannot change the domain of a project.');
          checkParent(given, old.domainId);
          const next: Project = {
            ...old,
            name: given.name ?? old.name,
            description: given.description === undefined ? old.description : (given.description ?? ''),
            enabled: given.enabled ?? old.enabled,
            tags: given.tags ?? old.tags,
            extra: { ...old.extra, ...extraOf(given, named) },
          };
          await projects.replace(tx, next);
          if (old.enabled && !next.enabled) {
            await endTokens(tx, null, { type: 'project', id }, parts.clock.now());
            await removeCredentials(tx, { projectId: id });
          }
          return next;
        });
        return { status: 200, body: { project: projectView(base, project) } };
      },
    },
    {
      method: 'DELETE',
      path: '/v3/projects/:project_id',
      guard: { first: 'identity:delete_project' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const project = await hold(tx, projects, 'project', params['project_id'] ?? '');
          await removeProject(tx, project.id);
        });
        return { status: 204 };
      },
    },
  ];
}
