import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalIp, contains, formatCidr, formatIp, overlaps, parseCidr, parseIp } from '../../../../src/base/ip.ts';
import { anyFree, defaultPools, hostRange, isHost } from '../../../../src/standalone/network/addresses.ts';

const cidr = (text: string) => parseCidr(text) ?? assert.fail(text);
const ip = (text: string) => parseIp(text) ?? assert.fail(text);

describe('addresses', () => {
  it('reads what it writes, in both families', () => {
    fc.assert(fc.property(fc.ipV4(), (text) => formatIp(ip(text)) === text));
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
        assert.deepEqual(parseIp(formatIp({ version: 6, value })), { version: 6, value });
      }),
    );
  });

  it('refuses what is no address', () => {
    for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '010.0.0.1', '1.2.3.4/24', 'fe80::1%eth0', ':::', 'x']) {
      assert.equal(parseIp(text), null, text);
    }
    for (const text of ['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0.0/-1']) {
      assert.equal(parseCidr(text), null, text);
    }
    fc.assert(
      fc.property(fc.string(), (text) => canonicalIp(text) === null || canonicalIp(canonicalIp(text) ?? '') !== null),
    );
  });

  it('cuts a network at its prefix', () => {
    assert.equal(formatCidr(cidr('10.0.0.77/24')), '10.0.0.0/24');
    assert.equal(formatCidr(cidr('2001:DB8::1/64')), '2001:db8::/64');
    assert.ok(contains(cidr('10.0.0.0/24'), ip('10.0.0.255')));
    assert.ok(!contains(cidr('10.0.0.0/24'), ip('10.0.1.0')));
    assert.ok(overlaps(cidr('10.0.0.0/8'), cidr('10.9.0.0/16')));
    assert.ok(!overlaps(cidr('10.0.0.0/24'), cidr('10.0.1.0/24')));
    assert.ok(!overlaps(cidr('0.0.0.0/0'), cidr('::/0')));
  });

  it('gives hosts everything but the network, the broadcast and the gateway', () => {
    assert.ok(!isHost(cidr('10.0.0.0/24'), ip('10.0.0.0')));
    assert.ok(!isHost(cidr('10.0.0.0/24'), ip('10.0.0.255')));
    assert.ok(isHost(cidr('10.0.0.0/31'), ip('10.0.0.0')));
    assert.equal(hostRange(cidr('10.0.0.4/32')).last, ip('10.0.0.4').value);
    assert.deepEqual(defaultPools(cidr('10.0.0.0/24'), ip('10.0.0.1')), [{ start: '10.0.0.2', end: '10.0.0.254' }]);
    assert.deepEqual(defaultPools(cidr('10.0.0.0/24'), ip('10.0.0.9')), [
      { start: '10.0.0.1', end: '10.0.0.8' },
      { start: '10.0.0.10', end: '10.0.0.254' },
    ]);
    assert.deepEqual(defaultPools(cidr('10.0.0.0/30'), null), [{ start: '10.0.0.1', end: '10.0.0.2' }]);
    assert.deepEqual(defaultPools(cidr('10.0.0.1/32'), ip('10.0.0.1')), []);
  });

  it('finds an address that is free, from a random place on, in any pool', () => {
    const pools = [
      { start: '10.0.0.2', end: '10.0.0.3' },
      { start: '10.0.0.8', end: '10.0.0.8' },
    ];
    const at = (place: number, ...taken: string[]) => anyFree(pools, new Set(taken), () => place);
    assert.deepEqual([at(0), at(0.34), at(0.99)], ['10.0.0.2', '10.0.0.3', '10.0.0.8']);
    assert.equal(at(0, '10.0.0.2', '10.0.0.3'), '10.0.0.8');
    assert.equal(at(0.99, '10.0.0.8'), '10.0.0.2', 'round the end');
    assert.equal(at(0.5, '10.0.0.2', '10.0.0.3', '10.0.0.8'), null);
    assert.equal(
      anyFree([], new Set(), () => 0),
      null,
    );
    const wide = [{ start: '2001:db8::1', end: '2001:db8:ffff::' }];
    assert.equal(
      anyFree(wide, new Set(['2001:db8::1']), () => 0),
      '2001:db8::2',
    );
  });

  it('gives out every address of the pools once, and none that is taken, whatever the dice say', () => {
    const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(place), (counts, dice) => {
        const pools = counts.map((count, index) => ({ start: `10.0.${index}.10`, end: `10.0.${index}.${9 + count}` }));
        const random = () => dice.next().value as number;
        const taken = new Set<string>();
        for (;;) {
          const address = anyFree(pools, taken, random);
          if (address === null) break;
          assert.ok(!taken.has(address));
          taken.add(address);
        }
        assert.equal(
          taken.size,
          counts.reduce((sum, count) => sum + count, 0),
        );
      }),
    );
  });
});
