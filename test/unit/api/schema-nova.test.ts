// Every route's versions, status, rule and schemas against what Nova declares of the same endpoint, at every version at which
// either of the two changes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { computeRoutes } from '../../../src/api/compute/index.ts';
import type { MaybeVersioned, RouteEntry } from '../../../src/api/resource.ts';
import { existsAt } from '../../../src/api/runner.ts';
import { type JsonSchema, makeValidator } from '../../../src/api/schema.ts';
import { isVersioned } from '../../../src/base/history.ts';
import { MAX_MINOR } from '../../../src/domain/microversions.ts';
import { at, type NovaEndpoint, novaEndpoints, schemaNamed, spanOf } from '../../support/nova.ts';
import { difference } from '../../support/schemas.ts';

/** `GET /flavors/{}`: the same for us and for Nova, whatever parameters are called. */
const keyOf = (method: string, path: string, action: string | null): string =>
  `${method} ${path.replace(/:\w+|\{\w+\}/g, '{}')}${action === null ? '' : `#${action}`}`;
const keyOfId = (id: string): string => {
  const [, method, path, action = null] = /^(\S+) ([^#]+)(?:#(.+))?$/.exec(id) as unknown as [
    string,
    string,
    string,
    string?,
  ];
  return keyOf(method, path, action);
};

const ofOurs = <T>(value: MaybeVersioned<T>, minor: number): T =>
  isVersioned<T>(value as never) ? (value as { at(m: number): T }).at(minor) : (value as T);

/** Rules that Nova's code names for an endpoint and that are not asked here, each with its reason. */
const UNASKED: Readonly<Record<string, readonly string[]>> = {
  // named in a helper that both lists share; each list asks its own
  'GET /servers': ['os_compute_api:servers:detail:get_all_tenants'],
  'GET /servers/detail': ['os_compute_api:servers:index:get_all_tenants'],
  'GET /os-volumes_boot': ['os_compute_api:servers:detail:get_all_tenants'],
  'GET /os-volumes_boot/detail': ['os_compute_api:servers:index:get_all_tenants'],
};

/** Ours beyond Nova. */
const OWN = /^(GET|POST|PUT|DELETE) \/\S*os-xloud-/;

const keys = (routes: readonly RouteEntry[]) =>
  Map.groupBy(routes, (route) => keyOf(route.method, route.path, route.action));

describe("routes against Nova's declarations", () => {
  const endpoints = novaEndpoints().filter(({ id }) => !id.includes('(root)'));
  const endpointByKey = new Map(endpoints.map((endpoint) => [keyOfId(endpoint.id), endpoint]));
  const validator = makeValidator();
  const agree = (ours: JsonSchema, theirs: JsonSchema, where: 'body' | 'query'): string | null =>
    difference(ours, theirs, (schema, value) => {
      try {
        validator.check(schema, structuredClone(value), where);
        return true;
      } catch {
        return false;
      }
    });

  it('sees a schema that was changed', () => {
    const schema = schemaNamed('keypairs.create_v210');
    const changes: readonly ((text: string) => string)[] = [
      (text) => text.replace('"ssh"', '"rsa"'),
      (text) => text.replace('"required":["name"]', '"required":["name","type"]'),
      (text) => text.replace('"user_id":{"type":"string"}', '"user_id":{"type":["string","null"]}'),
      (text) => text.replaceAll('"maxLength":255', '"maxLength":254'),
      (text) => text.replaceAll('"additionalProperties":false', '"additionalProperties":true'),
    ];
    for (const change of changes) {
      const changed = JSON.parse(change(JSON.stringify(schema))) as JsonSchema;
      assert.notDeepEqual(changed, schema);
      assert.notEqual(agree(changed, schema, 'body'), null);
    }
    assert.equal(agree({ allOf: [schema] }, schema, 'body'), null);
  });

  it('every removed route is removed here, and no other', () => {
    const theirs = endpoints.filter(({ removed }) => removed !== undefined).map(({ id }) => keyOfId(id));
    const ours = computeRoutes
      .filter(({ gone }) => gone)
      .map(({ method, path, action }) => keyOf(method, path, action));
    assert.deepEqual(ours.toSorted(), theirs.toSorted());
  });

  for (const [key, group] of keys(computeRoutes)) {
    if (OWN.test(key)) continue;
    describe(key, () => {
      const endpoint = endpointByKey.get(key) as NovaEndpoint;
      const minors = Array.from({ length: MAX_MINOR }, (_, index) => index + 1);
      const routeAt = (minor: number) => group.find((route) => existsAt(route, minor));

      it('is a route of Nova, at the same versions', () => {
        assert.ok(endpoint, 'Nova has no such route');
        const [first, last] = spanOf(endpoint);
        const ours = minors.filter((minor) => routeAt(minor) !== undefined);
        assert.deepEqual(
          ours,
          minors.filter((minor) => minor >= first && minor <= last),
        );
        assert.ok(group.every((route) => minors.filter((minor) => existsAt(route, minor)).length > 0));
      });
      if (group[0]?.gone) return;

      it('succeeds with the same status', () => {
        for (const minor of minors) {
          const route = routeAt(minor);
          if (route === undefined) continue;
          assert.equal(ofOurs(route.status, minor), at(endpoint.success, minor), `2.${minor}`);
        }
      });

      // of some endpoints Nova's code declares no more
      if (endpoint?.errors === undefined) return;

      it('asks the same rules', () => {
        const ours = new Set(
          group.flatMap((route) => [route.policy, ...(route.alsoAsks ?? [])]).filter((rule) => rule !== null),
        );
        for (const rule of endpoint.policies ?? []) {
          assert.ok(ours.has(rule) || UNASKED[key]?.includes(rule), `${rule} is not asked`);
        }
        for (const { policy } of group) {
          if (policy !== null) assert.ok(endpoint.policies?.includes(policy), `Nova does not ask ${policy}`);
        }
      });

      for (const side of ['body', 'query'] as const) {
        it(`takes the same ${side}`, () => {
          const compared = new Map<unknown, Set<unknown>>();
          for (const minor of minors) {
            const route = routeAt(minor);
            if (route === undefined) continue;
            const value = route[side];
            const ours = value === undefined ? null : ofOurs<JsonSchema | null>(value as never, minor);
            const name = at(endpoint[side === 'body' ? 'request' : 'query'], minor);
            const theirs = name === null ? null : schemaNamed(name);
            if (ours === null || theirs === null) {
              assert.equal(ours, theirs, `2.${minor}: only one of us validates it`);
              continue;
            }
            if (compared.get(ours)?.has(theirs)) continue;
            assert.equal(agree(ours, theirs, side), null, `2.${minor}: ${name}`);
            compared.set(ours, (compared.get(ours) ?? new Set()).add(theirs));
          }
        });
      }
    });
  }
});
