// What is wrong with a configuration goes to logs: no secret goes with it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optionProblem } from '../../../src/main/config.ts';

describe('what is said of an option that is refused', () => {
  it('has no secret in it, and nobody who may use an address', () => {
    for (const [section, name, value] of [
      ['identity', 'password', 73313370],
      ['bus', 'url', { s3cret: 73313370 }],
      ['database', 'connection', 73313370],
      ['image', 'endpoint', 'u:s3cret@glance:9292'],
      ['image', 'endpoint', 'ftp://u:s3/cret@glance'],
      ['network', 'endpoint', `x${'s3cret'.repeat(1_000)}`],
    ] as const) {
      const said = optionProblem(section, name, value) ?? '';
      assert.match(said, /wanted, not/, name);
      assert.doesNotMatch(said, /s3|cret"|73313370/, name);
    }
    assert.match(optionProblem('image', 'endpoint', 'ftp://u:p@glance') ?? '', /not "ftp:\/\/\*\*\*@glance"/);
    assert.match(optionProblem('image', 'service', 'odd') ?? '', /not "odd"/);
  });
});
