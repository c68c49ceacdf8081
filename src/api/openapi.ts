// Why: the API's description is derived from the routes that serve it, so it can't say anything else. OpenAPI knows no
// microversions: a schema stands as it is at the newest version, and `x-openstack` tells every span with its own.

import { MAX_VERSION, MIN_VERSION } from '../domain/microversions.ts';
import type { RouteEntry } from './resource.ts';
import type { JsonSchema } from './schema.ts';
import { newest, type Span, spans, versionText } from './spans.ts';

type Json = Record<string, unknown>;

/** A list is repeated as `?a=1&a=2`; Nova's schemas describe every parameter as a list of its values. */
function parametersOf(schema: JsonSchema | undefined): Json[] {
  return Object.entries((schema?.properties ?? {}) as Record<string, JsonSchema>).map(([name, list]) => ({
    name,
    in: 'query',
    schema: list,
    style: 'form',
    explode: true,
  }));
}

const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));

const schemaSpan = ({ from, to, value }: Span<JsonSchema | null>): Json => ({
  'min-ver': versionText(from),
  'max-ver': versionText(to),
  schema: value,
});

/** What one route says of itself beside what OpenAPI can express. */
function openstackOf(route: RouteEntry): Json {
  const body = route.body === undefined ? [] : spans(route.body, route);
  const query = route.query === undefined ? [] : spans(route.query, route);
  return {
    'min-ver': route.since ?? MIN_VERSION,
    'max-ver': route.until ?? MAX_VERSION,
    ...(route.action === null ? {} : { action: route.action }),
    ...(route.policy === null ? {} : { policy: route.policy }),
    ...(body.length > 1 ? { body: body.map(schemaSpan) } : {}),
    ...(query.length > 1 ? { query: query.map(schemaSpan) } : {}),
  };
}

const faultResponse = {
  description: 'A fault',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Fault' } } },
};

function operationOf(routes: readonly RouteEntry[], id: string): Json {
  const first = routes[0] as RouteEntry;
  const bodies = routes
    .map((route) => ({ route, schema: route.body === undefined ? undefined : newest(spans(route.body, route)) }))
    .filter(({ schema }) => schema != null && schema.type !== 'null');
  const statuses = new Set(
    routes
      .flatMap((route) => [...spans(route.status, route).map(({ value }) => value), route.orElse?.status ?? []])
      .flat(),
  );
  const last = routes.at(-1) as RouteEntry;
  const query = last.query === undefined ? undefined : newest(spans(last.query, last));
  return {
    operationId: id,
    tags: [(first.path.split('/')[1] as string).replace(/^os-/, '')],
    summary: first.action === null ? first.summary : 'Act on it: one of the bodies below.',
    parameters: [
      ...pathParameters(first.path),
      { $ref: '#/components/parameters/Microversion' },
      ...parametersOf(query),
    ],
    ...(bodies.length === 0
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema:
                  bodies.length === 1
                    ? bodies[0]?.schema
                    : {
                        oneOf: bodies.map(({ route, schema }) => ({
                          title: route.action ?? route.summary,
                          description: route.summary,
                          ...schema,
                        })),
                      },
              },
            },
          },
        }),
    responses: {
      ...Object.fromEntries([...statuses].map((status) => [String(status), { description: 'Success' }])),
      default: faultResponse,
    },
    'x-openstack': routes.length === 1 ? openstackOf(first) : { routes: routes.map(openstackOf) },
  };
}

/** The OpenAPI 3.1 document of the compute API. */
export function openapi(routes: readonly RouteEntry[]): Json {
  const live = routes.filter((route) => !route.gone);
  const byOperation = Map.groupBy(live, (route) => `${route.method} ${route.path}`);
  const paths: Record<string, Json> = {};
  for (const [key, group] of byOperation) {
    const [method, path] = key.split(' ') as [string, string];
    const template = path.replace(/:(\w+)/g, '{$1}');
    const id = `${method.toLowerCase()}${template.replace(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`;
    (paths[template] ??= {})[method.toLowerCase()] = operationOf(group, id);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Compute API',
      version: MAX_VERSION,
      description: `The OpenStack Compute API with microversions ${MIN_VERSION} to ${MAX_VERSION}, and the adjustment of running servers.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/v2.1' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
      parameters: {
        Microversion: {
          name: 'OpenStack-API-Version',
          in: 'header',
          description: '`compute 2.N`, or `compute latest`; without it 2.1',
          schema: { type: 'string' },
        },
      },
      schemas: {
        Fault: {
          type: 'object',
          description:
            'One member, named for the kind of fault: badRequest, forbidden, itemNotFound, conflictingRequest, …',
          additionalProperties: {
            type: 'object',
            required: ['code', 'message'],
            properties: { code: { type: 'integer' }, message: { type: 'string' }, retryAfter: { type: 'string' } },
          },
        },
      },
    },
  };
}
