import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { documents } from '../../../src/main/documents.ts';

describe('derived documents (`make docs` writes them)', () => {
  for (const [name, text] of Object.entries(documents)) {
    it(`${name} is what the program says`, () => {
      assert.equal(readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8'), text());
    });
  }
});
