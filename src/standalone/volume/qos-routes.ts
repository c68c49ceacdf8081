// Why: QoS specs say how fast the volumes of a type may be; they are given to types.

import { badRequest, conflict, notFound } from '../../base/errors.ts';
import { isYes } from '../../base/boolean-word.ts';
import { newUuid } from '../../base/ids.ts';
import { isDuplicate } from '../../db/errors.ts';
import { allQos, deleteQosRow, findQos, insertQos, type StoredQos, updateQos } from '../../db/qos-specs.ts';
import { allTypes, findType, updateType } from '../../db/volume-types.ts';
import { tx } from '../../db/tx.ts';
import type { Reader } from '../../db/engine.ts';
import { lastOf, type Routes } from '../http.ts';
import { pageOfFew } from './list-query.ts';
import type { VolumeParts } from './parts.ts';
import { under } from './schemas.ts';
import { bodyBy, page, type Visit } from './web.ts';

/** Without `name` and `consumer`, which stand among the specs in the body. */
const value = { type: 'string', maxLength: 255 } as const;
const body = under('qos_specs', {
  type: 'object',
  maxProperties: 130,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 255 },
    consumer: { enum: ['front-end', 'back-end', 'both'] },
  },
  propertyNames: { minLength: 1, maxLength: 255 },
  additionalProperties: value,
});
const keys = {
  type: 'object',
  properties: { keys: { type: 'array', maxItems: 128, items: value } },
  required: ['keys'],
  additionalProperties: false,
};

type QosBody = { readonly qos_specs: Readonly<Record<string, string>> };

const rule = 'volume_extension:qos_specs_manager';
const idOf = ({ params }: Visit): string => params['id'] ?? '';

const linksOf = ({ base }: Visit, { id }: StoredQos) => [
  { rel: 'self', href: `${base}/qos-specs/${id}` },
  { rel: 'bookmark', href: `${base.replace(/\/v3/, '')}/qos-specs/${id}` },
];
const view = ({ id, name, consumer, specs }: StoredQos) => ({ id, name, consumer, specs });

async function found(reader: Reader, id: string): Promise<StoredQos> {
  const qos = await findQos(reader, id);
  if (qos === null) throw notFound(`No such qos spec ${id}.`);
  return qos;
}

const typesWith = async (reader: Reader, qosId: string) =>
  (await allTypes(reader)).filter((type) => type.qosId === qosId);

function addSpecs(routes: Routes, parts: VolumeParts): void {
  const { database, clock } = parts;
  page(routes, 'GET', '/qos-specs', { first: `${rule}:get_all` }, async (visit) => ({
    status: 200,
    body: { qos_specs: pageOfFew(visit, await allQos(database.read)).map(view) },
  }));
  page(routes, 'POST', '/qos-specs', { first: `${rule}:create` }, async (visit) => {
    const { name = '', consumer = 'back-end', ...specs } = (await bodyBy<QosBody>(visit, body)).qos_specs;
    if (name.trim() === '') throw badRequest('Invalid input for field/attribute name. It is empty.');
    const now = clock.now();
    const qos: StoredQos = { id: newUuid(), name: name.trim(), consumer, specs, createdAt: now, updatedAt: now };
    await tx(database, (t) => insertQos(t, qos)).catch((error: unknown) => {
      throw isDuplicate(error) ? conflict(`Qos Specs ${qos.name} already exists.`, { cause: error }) : error;
    });
    return { status: 200, body: { qos_specs: view(qos), links: linksOf(visit, qos) } };
  });
  page(routes, 'GET', '/qos-specs/:id', { first: `${rule}:get` }, async (visit) => {
    const qos = await found(database.read, idOf(visit));
    return { status: 200, body: { qos_specs: view(qos), links: linksOf(visit, qos) } };
  });
  page(routes, 'PUT', '/qos-specs/:id', { first: `${rule}:update` }, async (visit) => {
    const { name: _name, consumer, ...more } = (await bodyBy<QosBody>(visit, body)).qos_specs;
    await tx(database, async (t) => {
      const qos = await found(t, idOf(visit));
      const next = { specs: { ...qos.specs, ...more }, consumer: consumer ?? qos.consumer, updatedAt: clock.now() };
      await updateQos(t, qos.id, next);
    });
    return { status: 200, body: { qos_specs: { ...more, ...(consumer === undefined ? {} : { consumer }) } } };
  });
  page(routes, 'PUT', '/qos-specs/:id/delete_keys', { first: `${rule}:delete` }, async (visit) => {
    const { keys: gone } = await bodyBy<{ keys: readonly string[] }>(visit, keys);
    await tx(database, async (t) => {
      const qos = await found(t, idOf(visit));
      const lacking = gone.find((key) => !Object.hasOwn(qos.specs, key));
      if (lacking !== undefined) throw badRequest(`Qos spec ${qos.id} has no spec with key ${lacking}.`);
      const specs = Object.fromEntries(Object.entries(qos.specs).filter(([key]) => !gone.includes(key)));
      await updateQos(t, qos.id, { specs, updatedAt: clock.now() });
    });
    return { status: 202 };
  });
  page(routes, 'DELETE', '/qos-specs/:id', { first: `${rule}:delete` }, async (visit) => {
    const force = isYes(lastOf(visit.query, 'force') ?? undefined);
    await tx(database, async (t) => {
      const qos = await found(t, idOf(visit));
      const types = await typesWith(t, qos.id);
      if (types.length > 0 && !force) throw badRequest(`Qos Specs ${qos.id} is still associated with entities.`);
      for (const type of types) await updateType(t, type.id, { qosId: null, updatedAt: clock.now() });
      await deleteQosRow(t, qos.id);
    });
    return { status: 202 };
  });
}

function addAssociations(routes: Routes, parts: VolumeParts): void {
  const { database, clock } = parts;
  page(routes, 'GET', '/qos-specs/:id/associations', { first: `${rule}:get_all` }, async (visit) => {
    await found(database.read, idOf(visit));
    const types = await typesWith(database.read, idOf(visit));
    const associations = types.map(({ id, name }) => ({ association_type: 'volume_type', id, name }));
    return { status: 200, body: { qos_associations: associations } };
  });
  for (const [verb, sets] of [
    ['associate', true],
    ['disassociate', false],
  ] as const) {
    page(routes, 'GET', `/qos-specs/:id/${verb}`, { first: `${rule}:update` }, async (visit) => {
      const typeId = lastOf(visit.query, 'vol_type_id') ?? '';
      await tx(database, async (t) => {
        const qos = await found(t, idOf(visit));
        const type = await findType(t, typeId);
        if (type === null) throw notFound(`Volume type ${typeId.slice(0, 64)} could not be found.`);
        if (sets && type.qosId !== null && type.qosId !== qos.id) {
          throw badRequest(`Type ${type.id} is already associated with another qos specs: ${type.qosId}`);
        }
        const qosId = sets ? qos.id : type.qosId === qos.id ? null : type.qosId;
        await updateType(t, type.id, { qosId, updatedAt: clock.now() });
      });
      return { status: 202 };
    });
  }
  page(routes, 'GET', '/qos-specs/:id/disassociate_all', { first: `${rule}:update` }, async (visit) => {
    await tx(database, async (t) => {
      const qos = await found(t, idOf(visit));
      for (const type of await typesWith(t, qos.id))
        await updateType(t, type.id, { qosId: null, updatedAt: clock.now() });
    });
    return { status: 202 };
  });
}

export function addQosRoutes(routes: Routes, parts: VolumeParts): void {
  addSpecs(routes, parts);
  addAssociations(routes, parts);
}
