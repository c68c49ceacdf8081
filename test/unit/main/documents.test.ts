import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sampleConfig } from '../../../src/main/config.ts';
import { samplePolicyFile } from '../../../src/main/policy-sample.ts';

const kept = (name: string): string => readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8');

describe('the sample files (`make docs` writes them)', () => {
  it('xloud.yaml.sample is what the options say', () => assert.equal(kept('xloud.yaml.sample'), sampleConfig()));
  it('policy.yaml.sample is what the rules and routes say', () =>
    assert.equal(kept('policy.yaml.sample'), samplePolicyFile()));
});
