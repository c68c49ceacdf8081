// Why: the API reference shows answers that were really given. This picks one for each call from the exchanges that the
// functional tests had, and writes docs/api-examples.json.
//
// usage: node tools/examples.ts EXCHANGES.jsonl

import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nameOf } from '../src/api/changes.ts';
import { computeRoutes } from '../src/api/compute/index.ts';
import type { Example } from '../src/api/reference/page.ts';
import type { RouteEntry } from '../src/api/resource.ts';
import { lifeOf } from '../src/api/spans.ts';

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly microversion?: string;
  readonly requestBody: unknown;
  readonly status: number;
  readonly responseBody: unknown;
}

const LARGEST_CHARACTERS = 6_000;
const PLACE = 'http://cloud.example:8774/compute';

const routes = computeRoutes
  .filter((route) => !route.gone)
  .map((route) => ({ route, pattern: new RegExp(`^/v2\\.1${route.path.replace(/:\w+/g, '[^/]+')}$`) }))
  // fixed words before parameters: /servers/detail is no server
  .sort((a, b) => a.route.path.split(':').length - b.route.path.split(':').length);

const minorOf = (version: string | undefined, route: RouteEntry): number =>
  version === 'latest' ? lifeOf(route).last : version === undefined ? 1 : Number(version.slice(2));

function routeOf({ method, path, requestBody, microversion }: Exchange): RouteEntry | undefined {
  const bare = path.replace(/\?.*/s, '');
  const action = typeof requestBody === 'object' && requestBody !== null ? Object.keys(requestBody)[0] : undefined;
  const first = routes.find(({ route, pattern }) => route.method === method && pattern.test(bare))?.route.path;
  return routes.find(({ route }) => {
    const { first: since, last: until } = lifeOf(route);
    const minor = minorOf(microversion, route);
    const meant = route.action === null || route.action === action;
    return route.method === method && route.path === first && meant && since <= minor && minor <= until;
  })?.route;
}

const sizeOf = (value: unknown): number => JSON.stringify(value ?? null).length;

/** Newer versions are better; of one version an answer that shows something, and not too much. */
function rank(example: Example, route: RouteEntry): number {
  const size = sizeOf(example.responseBody) + sizeOf(example.requestBody);
  const shows = JSON.stringify(example.responseBody ?? '').includes('[]') ? 0 : 1;
  return (
    minorOf(example.microversion, route) * 10 + shows * 5 + Math.min(size, LARGEST_CHARACTERS) / LARGEST_CHARACTERS
  );
}

const found = new Map<string, Example>();
for await (const line of createInterface({ input: createReadStream(process.argv[2] as string) })) {
  const exchange = JSON.parse(line.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, PLACE)) as Exchange;
  // what the fuzz tests send reads badly
  if (exchange.status >= 300 || /[^\x20-\x7e]|\\u00|\?[^ "]*%/.test(line)) continue;
  const route = routeOf(exchange);
  if (route === undefined) continue;
  const { path, microversion = '2.1', requestBody, status, responseBody } = exchange;
  const example = { path, microversion, requestBody, status, responseBody };
  if (sizeOf(example) > LARGEST_CHARACTERS) continue;
  const before = found.get(nameOf(route));
  if (before === undefined || rank(example, route) > rank(before, route)) found.set(nameOf(route), example);
}
const sorted = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(join(import.meta.dirname, '..', 'docs', 'api-examples.json'), `${JSON.stringify(sorted, null, 1)}\n`);
const without = [...new Set(routes.map(({ route }) => nameOf(route)))].filter((name) => !found.has(name));
process.stdout.write(`${found.size} calls with an example; without: ${without.join(', ') || 'none'}\n`);
