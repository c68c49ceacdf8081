import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clientKey } from '../../../src/base/client-key.ts';

describe('under what a client is counted', () => {
  it('is an IPv4 address itself, in either form', () => {
    assert.equal(clientKey('192.0.2.1'), '192.0.2.1');
    assert.equal(clientKey('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(clientKey('::FFFF:c000:201'), '192.0.2.1');
    assert.notEqual(clientKey('192.0.2.2'), clientKey('192.0.2.1'));
  });

  it('is the /64 of an IPv6 address, however it is written', () => {
    assert.equal(clientKey('2001:db8:0:1::1'), '2001:db8:0:1::/64');
    assert.equal(clientKey('2001:DB8:0:1:ffff:ffff:ffff:ffff'), '2001:db8:0:1::/64');
    assert.equal(clientKey('2001:0db8:0000:0001:0:0:0:2'), '2001:db8:0:1::/64');
    assert.equal(clientKey('2001:db8:0:1::192.0.2.1'), '2001:db8:0:1::/64');
    assert.notEqual(clientKey('2001:db8:0:2::1'), clientKey('2001:db8:0:1::1'));
    assert.equal(clientKey('::1'), '::/64');
  });

  it('knows no zone', () => {
    assert.equal(clientKey('fe80::1%eth0'), 'fe80::/64');
    assert.equal(clientKey('fe80::2%3'), 'fe80::/64');
    assert.equal(clientKey('::ffff:192.0.2.1%eth0'), '192.0.2.1');
  });

  it('is the text itself of what is no address', () => {
    for (const text of ['', 'unix:', '_hidden', '1.2', '[::1]', '::1:', '192.0.2.1:80'])
      assert.equal(clientKey(text), text);
  });

  it('is one for all of a /64, and another for any other', () => {
    const group = fc.integer({ min: 0, max: 0xff_ff });
    const half = fc.tuple(group, group, group, group);
    const text = (groups: readonly number[]) => groups.map((part) => part.toString(16)).join(':');
    fc.assert(
      fc.property(half, half, half, half, (network, other, one, two) => {
        // the IPv4 addresses in IPv6's form are of the network of zeros
        fc.pre(network.some((part) => part !== 0) && other.some((part) => part !== 0));
        const key = clientKey(text([...network, ...one]));
        assert.equal(clientKey(text([...network, ...two])), key);
        assert.equal(clientKey(text([...other, ...one])) === key, text(other) === text(network));
      }),
    );
  });
});
