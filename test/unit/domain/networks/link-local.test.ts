import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { macOfLinkLocal } from '../../../../src/domain/networks/link-local.ts';

describe('a link-local address', () => {
  it('says of which MAC address it was made, and another says nothing', () => {
    assert.equal(macOfLinkLocal('fe80::f816:3eff:fe12:3456'), 'fa:16:3e:12:34:56');
    assert.equal(macOfLinkLocal('fe80::200:ff:fe00:0'), '00:00:00:00:00:00');
    for (const other of [
      ...['fe80::1', 'fe80:0:0:1:f816:3eff:fe12:3456', 'fd00::f816:3eff:fe12:3456', '10.0.0.1', 'nonsense', ''],
      'fe80::f816:3eff:ff12:3456',
    ])
      assert.equal(macOfLinkLocal(other), null, other);
  });
});
