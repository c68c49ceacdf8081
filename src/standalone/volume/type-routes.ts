// Why: types of volumes, their extra specs, and the projects that may use them; administrators make them.

import { badRequest, conflict, notFound } from '../../base/errors.ts';
import { booleanWord } from '../../base/boolean-word.ts';
import { newUuid } from '../../base/ids.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  addTypeProject,
  deleteTypeRow,
  findType,
  insertType,
  isTypeUsed,
  projectsOfType,
  removeTypeProject,
  type StoredType,
  updateType,
} from '../../db/volume-types.ts';
import type { Texts } from '../../db/volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { readJson } from '../../web/json-body.ts';
import { asObject, lastOf, type Routes } from '../http.ts';
import { problemOf } from '../schema.ts';
import { nextLinks, pageOfFew } from './list-query.ts';
import type { VolumeParts } from './parts.ts';
import { object, saysYes, texts, under, yes } from './schemas.ts';
import { DEFAULT_TYPE, typeFor, typesFor } from './types.ts';
import { bodyBy, page, type Visit } from './web.ts';

const text = { type: ['string', 'null'], maxLength: 255 } as const;
const fields = { name: text, description: text, is_public: yes, 'os-volume-type-access:is_public': yes } as const;
const newType = under(
  'volume_type',
  object({ ...fields, name: { type: 'string', minLength: 1, maxLength: 255 }, extra_specs: texts }, ['name']),
);
const changedType = under('volume_type', object(fields));
const specs = under('extra_specs', texts);
const project = object({ project: { type: 'string', minLength: 1, maxLength: 64 } }, ['project']);

interface TypeBody {
  readonly volume_type: {
    readonly name?: string | null;
    readonly description?: string | null;
    readonly is_public?: unknown;
    readonly 'os-volume-type-access:is_public'?: unknown;
    readonly extra_specs?: Texts;
  };
}

const idOf = ({ params }: Visit): string => params['id'] ?? '';
const rules = 'volume_extension';

/** What is answered to who changes one; who makes one is told the access too, and its page has its QoS specs. */
function changedView({ allows }: VolumeParts, { caller }: Visit, type: StoredType): object {
  const may = allows(caller, `${rules}:access_types_extra_specs`, { project_id: caller.projectId });
  return {
    ...{ id: type.id, name: type.name, description: type.description, is_public: type.isPublic },
    ...(may ? { extra_specs: type.extraSpecs } : {}),
  };
}

const madeView = (parts: VolumeParts, visit: Visit, type: StoredType): object => ({
  ...changedView(parts, visit, type),
  'os-volume-type-access:is_public': type.isPublic,
});

function view(parts: VolumeParts, visit: Visit, type: StoredType): object {
  const { caller } = visit;
  const target = { project_id: caller.projectId };
  return {
    ...madeView(parts, visit, type),
    ...(parts.allows(caller, `${rules}:access_types_qos_specs_id`, target) ? { qos_specs_id: type.qosId } : {}),
  };
}

const publicOf = (body: TypeBody['volume_type']): boolean | null => {
  const said = body['os-volume-type-access:is_public'] ?? body.is_public;
  return said === undefined ? null : saysYes(said);
};

const nameTaken = (name: string, cause: unknown) => conflict(`Volume Type ${name} already exists.`, { cause });

/** One transaction about a type that is there. */
async function withType(
  parts: VolumeParts,
  id: string,
  work: (t: Tx, type: StoredType) => Promise<void>,
): Promise<StoredType> {
  return tx(parts.database, async (t) => {
    const type = await findType(t, id);
    if (type === null) throw notFound(`Volume type ${id} could not be found.`);
    await work(t, type);
    return (await findType(t, id)) ?? type;
  });
}

function addTypes(routes: Routes, parts: VolumeParts): void {
  const { database, clock } = parts;
  const see = {
    first: `${rules}:type_get`,
    also: [`${rules}:access_types_extra_specs`, `${rules}:access_types_qos_specs_id`],
  } as const;
  page(routes, 'GET', '/types', { ...see, first: `${rules}:type_get_all` }, async (visit) => {
    const asked = lastOf(visit.query, 'is_public');
    const isPublic = asked === null || asked.toLowerCase() === 'none' ? null : booleanWord(asked);
    const types = await typesFor(database.read, visit.caller);
    const kept = visit.caller.isAdmin && isPublic !== null ? types.filter((type) => type.isPublic === isPublic) : types;
    const shown = pageOfFew(visit, kept);
    const ids = shown.map(({ id }) => id);
    const links = nextLinks(visit, '/types', ids, Number(lastOf(visit.query, 'limit') ?? 0));
    const body = { volume_types: shown.map((type) => view(parts, visit, type)) };
    return { status: 200, body: links.length === 0 ? body : { ...body, volume_type_links: links } };
  });
  page(routes, 'GET', '/types/:id', see, async (visit) => {
    const type = await typeFor(database.read, visit.caller, idOf(visit) === 'default' ? DEFAULT_TYPE : idOf(visit));
    return { status: 200, body: { volume_type: view(parts, visit, type) } };
  });
  page(routes, 'POST', '/types', { first: `${rules}:type_create`, also: see.also }, async (visit) => {
    const { volume_type: body } = await bodyBy<TypeBody>(visit, newType);
    const now = clock.now();
    const type: StoredType = {
      ...{ id: newUuid(), name: (body.name ?? '').trim(), description: body.description ?? null },
      ...{
        isPublic: publicOf(body) ?? true,
        qosId: null,
        extraSpecs: body.extra_specs ?? {},
        createdAt: now,
        updatedAt: now,
      },
    };
    if (type.name === '') throw badRequest('Invalid input for field/attribute name. It is empty.');
    await tx(database, (t) => insertType(t, type)).catch((error: unknown) => {
      throw isDuplicate(error) ? nameTaken(type.name, error) : error;
    });
    return { status: 200, body: { volume_type: madeView(parts, visit, type) } };
  });
  page(routes, 'PUT', '/types/:id', { first: `${rules}:type_update`, also: see.also }, async (visit) => {
    const { volume_type: body } = await bodyBy<TypeBody>(visit, changedType);
    const isPublic = publicOf(body);
    const changes = {
      ...(body.name == null ? {} : { name: body.name.trim() }),
      ...(body.description === undefined ? {} : { description: body.description }),
      ...(isPublic === null ? {} : { isPublic }),
    };
    if (Object.keys(changes).length === 0)
      throw badRequest('Specify volume type name, description, is_public or a combination thereof.');
    if (changes.name === '') throw badRequest('Volume type name can not be empty.');
    const type = await withType(parts, idOf(visit), (t) =>
      updateType(t, idOf(visit), { ...changes, updatedAt: clock.now() }),
    ).catch((error: unknown) => {
      throw isDuplicate(error) ? nameTaken(changes.name ?? '', error) : error;
    });
    return { status: 200, body: { volume_type: changedView(parts, visit, type) } };
  });
  page(routes, 'DELETE', '/types/:id', { first: `${rules}:type_delete` }, async (visit) => {
    await withType(parts, idOf(visit), async (t, type) => {
      if (type.name === DEFAULT_TYPE)
        throw badRequest(`The volume type ${type.name} is the default type, so it cannot be deleted.`);
      if (await isTypeUsed(t, type.id)) throw badRequest('Target volume type is still in use.');
      await deleteTypeRow(t, type.id);
    });
    return { status: 202 };
  });
}

function addSpecs(routes: Routes, parts: VolumeParts): void {
  const { database, clock } = parts;
  const path = '/types/:id/extra_specs';
  const of = `${rules}:types_extra_specs` as const;
  const missing = (id: string, key: string) =>
    notFound(`Volume Type ${id} has no extra specs with key ${key.slice(0, 255)}.`);
  const change = (visit: Visit, to: (before: Texts) => Texts) =>
    withType(parts, idOf(visit), (t, type) =>
      updateType(t, type.id, { extraSpecs: to(type.extraSpecs), updatedAt: clock.now() }),
    );
  page(routes, 'GET', path, { first: `${of}:index` }, async (visit) => ({
    status: 200,
    body: { extra_specs: (await typeFor(database.read, visit.caller, idOf(visit))).extraSpecs },
  }));
  page(routes, 'POST', path, { first: `${of}:create` }, async (visit) => {
    const { extra_specs: more } = await bodyBy<{ extra_specs: Texts }>(visit, specs);
    await change(visit, (before) => ({ ...before, ...more }));
    return { status: 200, body: { extra_specs: more } };
  });
  page(routes, 'GET', `${path}/:key`, { first: `${of}:show` }, async (visit) => {
    const { key = '' } = visit.params;
    const { extraSpecs } = await typeFor(database.read, visit.caller, idOf(visit));
    if (!Object.hasOwn(extraSpecs, key)) throw missing(idOf(visit), key);
    return { status: 200, body: { [key]: extraSpecs[key] } };
  });
  page(routes, 'PUT', `${path}/:key`, { first: `${of}:update` }, async (visit) => {
    const { key = '' } = visit.params;
    const body = asObject(await readJson(visit.ctx));
    if (
      body === null ||
      problemOf(texts, body) !== null ||
      !Object.hasOwn(body, key) ||
      Object.keys(body).length !== 1
    ) {
      throw badRequest('Request body and URI mismatch');
    }
    await change(visit, (before) => ({ ...before, ...(body as Texts) }));
    return { status: 200, body };
  });
  page(routes, 'DELETE', `${path}/:key`, { first: `${of}:delete` }, async (visit) => {
    const { key = '' } = visit.params;
    await change(visit, (before) => {
      if (!Object.hasOwn(before, key)) throw missing(idOf(visit), key);
      return Object.fromEntries(Object.entries(before).filter(([name]) => name !== key));
    });
    return { status: 202 };
  });
}

function addAccess(routes: Routes, parts: VolumeParts): void {
  const { database } = parts;
  const of = `${rules}:volume_type_access` as const;
  page(routes, 'GET', '/types/:id/os-volume-type-access', { first: `${of}:get_all_for_type` }, async (visit) => {
    const type = await typeFor(database.read, visit.caller, idOf(visit));
    if (type.isPublic) throw notFound('Access list not available for public volume types.');
    const projects = await projectsOfType(database.read, type.id);
    return {
      status: 200,
      body: { volume_type_access: projects.map((project_id) => ({ volume_type_id: type.id, project_id })) },
    };
  });
  const guard = { first: `${of}:addProjectAccess`, also: [`${of}:removeProjectAccess`] } as const;
  page(routes, 'POST', '/types/:id/action', guard, async (visit) => {
    const body = asObject(await readJson(visit.ctx));
    const [name = '', ...others] = Object.keys(body ?? {});
    const args = body?.[name];
    if (others.length > 0 || (name !== 'addProjectAccess' && name !== 'removeProjectAccess')) {
      throw badRequest(`There is no such action: ${[name, ...others].join(', ').slice(0, 255)}`);
    }
    if (problemOf(project, args) !== null)
      throw badRequest(`Invalid input for field/attribute ${name}: a project is wanted.`);
    const { project: projectId } = args as { project: string };
    await withType(parts, idOf(visit), async (t, type) => {
      if (type.isPublic) throw conflict('Type access modification is not applicable to public volume type.');
      const has = (await projectsOfType(t, type.id)).includes(projectId);
      if (name === 'addProjectAccess') {
        if (has) throw conflict(`Volume type access for ${type.id} / ${projectId} combination already exists.`);
        return addTypeProject(t, type.id, projectId);
      }
      if (!has) throw notFound(`Volume type access not found for ${type.id} / ${projectId} combination.`);
      await removeTypeProject(t, type.id, projectId);
    });
    return { status: 202 };
  });
}

/** No type encrypts: clients that list types ask it of each. */
function addEncryption(routes: Routes, { database }: VolumeParts): void {
  const path = '/types/:id/encryption';
  const of = `${rules}:volume_type_encryption` as const;
  page(routes, 'GET', path, { first: `${of}:get` }, async (visit) => {
    await typeFor(database.read, visit.caller, idOf(visit));
    return { status: 200, body: {} };
  });
  page(routes, 'POST', path, { first: `${of}:create` }, async (visit) => {
    await typeFor(database.read, visit.caller, idOf(visit));
    throw badRequest('Invalid input received: the volume service encrypts no volumes.');
  });
}

export function addTypeRoutes(routes: Routes, parts: VolumeParts): void {
  addTypes(routes, parts);
  addSpecs(routes, parts);
  addAccess(routes, parts);
  addEncryption(routes, parts);
}
