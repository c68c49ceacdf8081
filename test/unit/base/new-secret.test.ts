import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newSecret } from '../../../src/base/new-secret.ts';

describe('secrets that are made', () => {
  it('are no options of the commands that they are given to', () => {
    const made = Array.from({ length: 5_000 }, () => newSecret(24));
    assert.deepEqual(
      made.filter((secret) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{31}$/.test(secret)),
      [],
    );
    assert.equal(new Set(made).size, made.length);
  });
});
