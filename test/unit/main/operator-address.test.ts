import assert from 'node:assert/strict';
import { it } from 'node:test';
import { placeOf } from '../../../src/main/operator.ts';

it('an operator listens at addresses of either kind, and says what is none', () => {
  assert.deepEqual(placeOf('0.0.0.0:8080'), { host: '0.0.0.0', port: 8080 });
  assert.deepEqual(placeOf('[::]:8443'), { host: '::', port: 8443 });
  for (const text of [':8080', '8080:x', 'a b:1']) assert.throws(() => placeOf(text), /is no address/, text);
});
