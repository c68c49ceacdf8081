// Why: what stands at the bare address, beside the services: where they are, and the API's description for programs and people.

import type { RequestListener } from 'node:http';
import type { RouteEntry } from '../api/resource.ts';
import { contentPolicy } from '../web/reference/html.ts';
import { type Reached, reachedBy, type ServiceName } from '../web/reached.ts';

interface Page {
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

async function openapiPage(routes: readonly RouteEntry[]): Promise<Page> {
  const { openapi } = await import('../api/openapi.ts');
  return { body: Buffer.from(JSON.stringify(openapi(routes))), headers: JSON_TYPE };
}

async function referencePage(routes: readonly RouteEntry[]): Promise<Page> {
  const [page, { default: examples }] = await Promise.all([
    import('../api/reference/page.ts'),
    import('../../docs/api-examples.json', { with: { type: 'json' } }),
  ]);
  const { text, style, script } = page.referencePage(routes, examples);
  return {
    body: Buffer.from(text),
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': contentPolicy(style, script),
      'X-Content-Type-Options': 'nosniff',
    },
  };
}

/** A service, and the path of its version if its address has one: `/v2.1`. */
export interface RootService {
  readonly name: ServiceName;
  readonly version: string;
}

/**
 * `GET /` names the services, `GET /openapi.json` describes the compute API to programs and `GET /docs` to people; anything
 * else is 404.
 */
export function rootPages(services: readonly RootService[], routes: readonly RouteEntry[]): RequestListener {
  const indexFor = ({ root, urlOf }: Reached): Page => ({
    body: JSON.stringify({
      services: services.map(({ name, version }) => `${urlOf(name)}${version}`),
      openapi: `${root}/openapi.json`,
      docs: `${root}/docs`,
      dashboard: `${root}/dashboard`,
      health: `${root}/readyz`,
      metrics: `${root}/metrics`,
    }),
    headers: JSON_TYPE,
  });
  // made on first use: most processes are never asked
  const makers = new Map([
    ['/openapi.json', openapiPage],
    ['/docs', referencePage],
  ]);
  const made = new Map<string, Promise<Page>>();
  const pageOf = (path: string): Promise<Page> | null => {
    const maker = makers.get(path);
    if (maker === undefined) return null;
    let page = made.get(path);
    if (page === undefined) made.set(path, (page = maker(routes)));
    return page;
  };

  return (request, response) => {
    const send = (status: number, { body, headers }: Page) => {
      response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const path = (request.url ?? '/').replace(/\?.*/s, '');
    const reached = reachedBy(request);
    if (path === '/') return send(200, indexFor(reached));
    const page = pageOf(path);
    if (page !== null) {
      page.then(
        (one) => send(200, one),
        () => send(500, { body: '{"error": "the description could not be made"}', headers: JSON_TYPE }),
      );
      return;
    }
    const message = `There is nothing at ${path}; see ${reached.root}/`;
    return send(404, {
      body: JSON.stringify({ error: { code: 404, title: 'Not Found', message } }),
      headers: JSON_TYPE,
    });
  };
}
