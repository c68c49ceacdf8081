import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkedUuid } from '../../../../src/base/ids.ts';
import { bridgeName, domainName, isOurDomain, networkName } from '../../../../src/virt/libvirt/names.ts';

describe('names on a host', () => {
  it('takes ids in their one form, and nothing else, into a path', () => {
    const uuid = randomUUID();
    assert.equal(checkedUuid(uuid), uuid);
    for (const bad of ['', '..', `${uuid}/..`, uuid.toUpperCase(), uuid.replaceAll('-', ''), ` ${uuid}`, `${uuid}\n`]) {
      assert.throws(() => checkedUuid(bad), { kind: 'badRequest' }, JSON.stringify(bad));
    }
    fc.assert(fc.property(fc.string(), (text) => assert.throws(() => domainName(text))));
  });

  it('knows its own domains', () => {
    assert.ok(isOurDomain(domainName(randomUUID())));
    assert.ok(!isOurDomain('xloud-probe-1234'));
    assert.ok(!isOurDomain(`other-${randomUUID()}`));
  });

  it('gives each network a bridge that Linux accepts, also where ids differ in their last digit only', () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`);
    const names = new Set(ids.map(bridgeName));
    assert.equal(names.size, ids.length);
    for (const name of names) assert.match(name, /^xl[0-9a-f]{12}$/);
    assert.equal(networkName(ids[0] as string), `xloud-${ids[0]}`);
  });
});
