// The data that hold us against Nova: whole in themselves, and what the kit that they were made from says, where that is at hand.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { beside } from '../../support/not-run.ts';
import { novaEndpoints, novaSchemas, readNova } from '../../support/nova.ts';
import { contentOf, readSamples } from '../../support/published-samples.ts';
import { staleFiles } from '../../../tools/nova-data.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const folder = join(root, 'test', 'support', 'nova');
const kit = join(process.env['XLOUD_SHARED'] ?? join(root, '..', 'shared'), 'conformance');

describe("Nova's declarations as data", () => {
  const endpoints = novaEndpoints();
  const schemas = novaSchemas();

  it('every schema that an endpoint names is there, and no other; every part is used', () => {
    const named = endpoints.flatMap(({ request, query, response }) =>
      [request, query, response].flatMap((history) => Object.values(history ?? {})),
    );
    assert.deepEqual([...new Set(named.filter((name) => name !== null))].toSorted(), [...schemas.keys()].toSorted());
    const text = readFileSync(join(folder, 'schemas.json'), 'utf8');
    for (const part of Object.keys(readNova<{ parts: object }>('schemas.json').parts))
      assert.ok(text.split(`{"$part":${JSON.stringify(part)}}`).length > 2, part);
    assert.doesNotMatch(JSON.stringify([...schemas.values()]), /\$part/);
  });

  it('is as much as Nova has', () => {
    const declared = endpoints.filter(({ errors }) => errors !== undefined);
    assert.deepEqual([endpoints.length, declared.length, schemas.size, readSamples().length], [267, 177, 524, 514]);
    assert.equal(new Set(endpoints.map(({ id }) => id)).size, endpoints.length);
  });

  it('every sample is of an endpoint, and says something', () => {
    const ids = new Set(endpoints.map(({ id }) => id));
    for (const sample of readSamples()) {
      assert.ok(ids.has(sample.endpoint), sample.file);
      assert.notEqual(contentOf(sample), undefined, sample.file);
    }
  });

  it('says where it is from', () => {
    const notice = readFileSync(join(folder, 'NOTICE'), 'utf8');
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
      const { source } = readNova<{ source: { commit: string; licence: string } }>(name);
      assert.ok(notice.includes(source.commit) && notice.includes(name), name);
      assert.equal(source.licence, 'Apache-2.0');
    }
  });

  it('is what the kit says that it was made from', {
    skip: existsSync(kit) ? false : beside(`not compared with a conformance kit, which is not at ${kit}`),
  }, () => {
    assert.deepEqual(staleFiles(kit), []);
  });
});
