import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import { computeRoutes } from '../../../src/api/compute/index.ts';
import { openapi } from '../../../src/api/openapi.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly in?: string; readonly name?: string }[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } };
}

describe('the OpenAPI document', () => {
  const document = openapi(computeRoutes) as { paths: Record<string, Record<string, Operation>> };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

  it('is what is checked in (`make docs` writes it)', () => {
    const kept: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8'));
    assert.deepEqual(kept, JSON.parse(JSON.stringify(document)));
  });

  it('has every live route and no removed one', () => {
    const described = new Set(operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`));
    for (const route of computeRoutes) {
      const key = `${route.method} ${route.path.replace(/:(\w+)/g, '{$1}')}`;
      if (!route.gone) assert.ok(described.has(key), key);
    }
    assert.ok(!described.has('GET /os-cells'));
  });

  it('names every operation once and every path parameter', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
    for (const { path, operation } of operations) {
      const named = operation.parameters
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name);
      assert.deepEqual(
        named,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      );
    }
  });

  it('has bodies that are JSON Schemas', () => {
    const ajv = new Ajv2020.default({ strict: false, validateFormats: false });
    let checked = 0;
    for (const { operation } of operations) {
      const schema = operation.requestBody?.content['application/json'].schema;
      if (schema === undefined) continue;
      assert.ok(ajv.validateSchema(schema), JSON.stringify(ajv.errors));
      checked += 1;
    }
    assert.ok(checked > 10);
  });
});
