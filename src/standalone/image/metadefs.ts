// Why: dashboards offer the extra specs of flavors by name and explain them where the image service describes them (Glance's metadata
// definitions, `/v2/metadefs`). Those of elastic flavors are described here; the catalogue is fixed and can only be read.

import { notFound } from '../../base/errors.ts';
import { MEMORY_METHOD, memoryMethods } from '../../domain/adjustment/memory-method.ts';
import { MINIMUM_CPU, MINIMUM_MEMORY, START_SIZE, startSizes } from '../../domain/machines/flavors.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Routes } from '../http.ts';
import { pageSchema } from './shape.ts';

const FLAVOR = 'OS::Nova::Flavor';
/** The catalogue is part of the program: its date is that of the format. */
const SINCE = '2026-11-25T00:00:00Z';

const elastic = {
  namespace: 'OS::Xloud::Elastic',
  display_name: 'Elastic servers',
  description:
    'Servers of the flavor grow and shrink while they run, between these amounts and what the flavor has itself. ' +
    'A server starts at the minimum, which is guaranteed to it.',
  visibility: 'public',
  protected: true,
  owner: 'admin',
  created_at: SINCE,
  updated_at: SINCE,
  schema: '/v2/schemas/metadefs/namespace',
  self: '/v2/metadefs/namespaces/OS::Xloud::Elastic',
  resource_type_associations: [{ name: FLAVOR, created_at: SINCE, updated_at: SINCE }],
};

const properties = {
  [MINIMUM_CPU]: {
    title: 'Least vCPUs',
    description: "What a server starts with and is guaranteed; at most the flavor's vCPUs.",
    type: 'integer',
    minimum: 1,
  },
  [MINIMUM_MEMORY]: {
    title: 'Least memory (MiB)',
    description: "What a server starts with and is guaranteed; at most the flavor's RAM.",
    type: 'integer',
    minimum: 1,
  },
  [MEMORY_METHOD]: {
    title: 'How memory moves',
    description: "By the guest's balloon, or as memory that is plugged into the guest and unplugged (virtio-mem).",
    type: 'string',
    enum: [...memoryMethods],
    default: 'balloon',
  },
  [START_SIZE]: {
    title: 'Size at the start',
    description: 'Whether a new server begins with its minimum or its maximum.',
    type: 'string',
    enum: [...startSizes],
    default: 'minimum',
  },
};

const namespaceSchema = {
  name: 'namespace',
  properties: {
    namespace: { type: 'string', maxLength: 80 },
    display_name: { type: 'string', maxLength: 80 },
    description: { type: 'string', maxLength: 500 },
    visibility: { type: 'string', enum: ['public', 'private'] },
    protected: { type: 'boolean' },
    owner: { type: 'string', maxLength: 255 },
    created_at: { type: 'string', readOnly: true },
    updated_at: { type: 'string', readOnly: true },
    schema: { type: 'string', readOnly: true },
    self: { type: 'string', readOnly: true },
    resource_type_associations: { type: 'array', items: { type: 'object' } },
    properties: { type: 'object' },
    objects: { type: 'array', items: { type: 'object' } },
    tags: { type: 'array', items: { type: 'object' } },
  },
};

/** The published schemas, by their names below `/v2/schemas/`. */
export const metadefSchemas = {
  'metadefs/namespace': namespaceSchema,
  'metadefs/namespaces': pageSchema('namespaces', namespaceSchema),
};

export function addMetadefRoutes(routes: Routes): void {
  const whole = { ...elastic, properties, objects: [], tags: [] };

  routes.on('GET', '/v2/metadefs/namespaces', { first: 'get_metadef_namespaces' }, async (ctx) => {
    const asked = new URLSearchParams(ctx.querystring);
    const kinds = asked.get('resource_types')?.split(',') ?? [FLAVOR];
    const seen = asked.get('marker') === elastic.namespace || asked.get('visibility') === 'private';
    ctx.body = {
      namespaces: kinds.includes(FLAVOR) && !seen ? [elastic] : [],
      first: '/v2/metadefs/namespaces',
      schema: '/v2/schemas/metadefs/namespaces',
    };
  });

  routes.on('GET', '/v2/metadefs/resource_types', { first: 'list_metadef_resource_types' }, async (ctx) => {
    ctx.body = { resource_types: elastic.resource_type_associations };
  });

  const below: readonly (readonly [path: string, rule: RuleName, body: object])[] = [
    ['', 'get_metadef_namespace', whole],
    [
      '/resource_types',
      'get_metadef_resource_type',
      { resource_type_associations: elastic.resource_type_associations },
    ],
    ['/properties', 'get_metadef_properties', { properties }],
    ['/objects', 'get_metadef_objects', { objects: [] }],
    ['/tags', 'get_metadef_tags', { tags: [] }],
  ];
  for (const [path, rule, body] of below) {
    routes.on(
      'GET',
      `/v2/metadefs/namespaces/:namespace${path}`,
      { first: rule },
      async (ctx, _caller, { namespace = '' }) => {
        if (namespace !== elastic.namespace)
          throw notFound(`Metadata definition namespace=${namespace} was not found.`);
        ctx.body = body;
      },
    );
  }
}
