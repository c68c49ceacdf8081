// Why: what stands at the bare address, beside the services: where they are, and the API's description.

import type { RequestListener } from 'node:http';
import type { RouteEntry } from '../api/resource.ts';

/**
 * `GET /` names the services, `GET /openapi.json` describes the compute API; anything else is 404.
 * @param services their paths under the address, e.g. `compute/v2.1`
 */
export function rootPages(url: string, services: readonly string[], routes: readonly RouteEntry[]): RequestListener {
  const index = JSON.stringify({
    services: services.map((path) => `${url}/${path}`),
    openapi: `${url}/openapi.json`,
    health: `${url}/readyz`,
    metrics: `${url}/metrics`,
  });
  // made on first use: most processes are never asked
  let description: Promise<string> | null = null;
  const describe = async () => JSON.stringify((await import('../api/openapi.ts')).openapi(routes));

  return (request, response) => {
    const send = (status: number, body: string) => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const path = (request.url ?? '/').replace(/\?.*/s, '');
    if (path === '/') return send(200, index);
    if (path === '/openapi.json') {
      description ??= describe();
      description.then(
        (body) => send(200, body),
        () => send(500, '{"error": "the description could not be made"}'),
      );
      return;
    }
    return send(
      404,
      JSON.stringify({ error: { code: 404, title: 'Not Found', message: `There is nothing at ${path}; see ${url}/` } }),
    );
  };
}
