// Whatever JSON is sent to whatever route, the answer is one that Nova could have given: never a 5xx.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { computeRoutes } from '../../src/api/compute/index.ts';
import { existsAt } from '../../src/api/runner.ts';
import type { JsonSchema } from '../../src/api/schema.ts';
import { isVersioned } from '../../src/base/history.ts';
import { limits } from '../../src/base/limits.ts';
import { MAX_MINOR } from '../../src/domain/microversions.ts';
import { type Api, startApi } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { fittingOf } from '../support/minimal.ts';
import { sampleOf } from '../support/schemas.ts';
import { makeOp, testConfig } from '../support/world.ts';

/** Bodies for each route; what they meet before the database is the same on both engines. */
const RUNS = { sqlite: 30, mysql: 12 } as const;
/** Fields of a new server that name what is not there. */
const ELSEWHERE = ['key_name', 'trusted_image_certificates', 'availability_zone', 'host', 'hypervisor_hostname'];

for (const engine of engines) {
  describe(`any body and any query on ${engine}`, () => {
    let api: Api;
    before(async () => {
      // every route makes a server of its own
      const quota = { ...testConfig.quota, instances: -1, cores: -1, ram: -1 };
      api = await startApi({ engine, config: { quota } });
      await api.world.flavor({ id: 'any' });
    });
    after(() => api.close());

    for (const route of computeRoutes.filter(({ gone }) => !gone)) {
      const { method, path, action } = route;
      const name = `${method} ${path}${action === null ? '' : `#${action}`}${route.until ? ` until ${route.until}` : ''}`;
      it(name, async () => {
        const [server] = path.includes(':server_id') ? await api.world.create({}, makeOp(callers.member)) : [];
        const values: Readonly<Record<string, string>> = { server_id: server?.uuid ?? '', flavor_id: 'any' };
        const url = path.replace(/:(\w+)/g, (_, key: string) => values[key] || 'any');
        const minors = Array.from({ length: MAX_MINOR }, (_, index) => index + 1).filter((minor) =>
          existsAt(route, minor),
        );
        const at = (value: unknown, minor: number): JsonSchema | null =>
          (isVersioned<unknown>(value as never)
            ? (value as { at(m: number): unknown }).at(minor)
            : (value ?? null)) as JsonSchema | null;
        // a server of what there is gets further than one of nothing
        const withReal = (body: unknown) => {
          const wanted = (body as { server?: { flavorRef?: unknown } } | null)?.server;
          if (path !== '/servers' || wanted === undefined) return body;
          const real = { flavorRef: 'any', imageRef: api.world.imageId, min_count: 1, max_count: 1 };
          const without = Object.fromEntries(ELSEWHERE.map((key) => [key, undefined]));
          return { ...(body as object), server: { ...wanted, ...real, ...without } };
        };
        const sends = method === 'POST' || method === 'PUT';
        const asked = fc.constantFrom(...minors).chain((minor) => {
          const body = at(route.body, minor);
          const query = at(route.query, minor);
          const none = fc.constant(action === null ? {} : { [action]: null });
          const fitting = body === null ? none : fittingOf(body).map(withReal);
          const nearly = body === null ? none : sampleOf(body);
          return fc.record({
            minor: fc.constant(minor),
            body: fc.oneof(
              { weight: 2, arbitrary: nearly },
              { weight: 6, arbitrary: fitting },
              {
                weight: 1,
                arbitrary: action === null ? fc.jsonValue() : fc.jsonValue().map((value) => ({ [action]: value })),
              },
            ),
            query: fc.oneof(
              query === null ? fc.constant({}) : sampleOf(query),
              fc.dictionary(fc.string(), fc.array(fc.string())),
            ),
            as: fc.constantFrom('admin' as const, 'member' as const),
          });
        });
        for (const { minor, body, query, as } of fc.sample(asked, { numRuns: RUNS[engine], seed: 11 })) {
          // refused before anybody looks at it (fuzz.test.ts)
          if (Buffer.byteLength(JSON.stringify(body)) > limits.bodyBytes) continue;
          const words = new URLSearchParams();
          for (const [key, list] of Object.entries(typeof query === 'object' && query !== null ? query : {})) {
            for (const value of [list].flat()) words.append(key, String(value).toWellFormed());
          }
          const text = JSON.stringify(body) ?? 'null';
          const target = `${url}${words.size === 0 ? '' : `?${words.toString()}`}`;
          const answer = await api.request(method, target, {
            as,
            version: `2.${minor}`,
            ...(sends ? { body: JSON.parse(text) ?? 'null' } : {}),
          });
          const expected = answer.status < 500 || answer.status === 501 || answer.status === 503;
          assert.ok(
            expected,
            `2.${minor} ${target.slice(0, 500)} ${text.slice(0, 500)}: ${answer.status} ${answer.text}`,
          );
        }
        await api.world.settled();
      });
    }
  });
}
