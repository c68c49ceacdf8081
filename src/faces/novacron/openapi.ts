// Why: the API's description is made of the routes that serve it, so that it cannot say anything else.

import { type FaceRoute, parameters } from '../kit/route.ts';
import { novacronRoutes } from './routes.ts';
import { fault, type JsonSchema } from '../kit/schemas.ts';

type Json = Record<string, unknown>;

const content = (schema: JsonSchema): Json => ({ 'application/json': { schema } });

/** `get_vms_vm_id` */
export const idOf = ({ method, path }: FaceRoute): string =>
  `${method.toLowerCase()}${path.replace(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`;

function operationOf(route: FaceRoute): Json {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  return {
    operationId: idOf(route),
    tags: [route.tag],
    summary: route.summary,
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: parameters[name] })),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: route.bodyOptional !== true, content: content(route.body) } }),
    responses: {
      [route.status]: {
        description: route.status === 202 ? 'It is begun, and goes on after this answer.' : 'Success',
        content: content(route.answer),
      },
      default: { description: 'A refusal', content: content(fault) },
    },
  };
}

/** The OpenAPI 3.1 document of the API. */
export function novacronOpenapi(): Json {
  const paths: Record<string, Json> = {};
  for (const route of novacronRoutes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'NovaCron API',
      version: 'v1',
      description:
        'Virtual machines, their snapshots, backups, migrations and performance: a thin face over the compute API, with its rights, quotas and refusals.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }, { bearer: [] }, { credential: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
        bearer: { type: 'http', scheme: 'bearer' },
        credential: { type: 'http', scheme: 'basic', description: 'Id and secret of an application credential.' },
      },
    },
  };
}
