import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NicSpec } from '../../../../src/domain/networks/server-nics.ts';
import { filterName, filterXml, linkLocal } from '../../../../src/virt/libvirt/port-filter.ts';
import { children, type Element, readXml } from '../../../../src/virt/libvirt/xml.ts';
import { networkFacts, nicSpec, subnetFacts } from '../../../support/guest-spec.ts';

const four = subnetFacts();
const six = subnetFacts({ cidr: 'fd00::/64', ipVersion: 6, gateway: 'fd00::1' });
const network = networkFacts([four, six]);
const both = nicSpec(network, [
  [four, '10.0.0.5'],
  [six, 'fd00::5'],
]);
const OWN = 'fa:16:3e:00:00:01';
const LINK = 'fe80::f816:3eff:fe00:1';

/** The rules in their order: what is done, with what. */
const rulesOf = (nic: NicSpec) =>
  children(readXml(filterXml(nic)), 'rule')
    .toSorted((a, b) => Number(a.getAttribute('priority')) - Number(b.getAttribute('priority')))
    .map((rule) => {
      const what = rule.firstChild as Element;
      const words = ['srcmacaddr', 'srcipaddr', 'srcipmask', 'opcode', 'arpsrcipaddr', 'type'].map((name) =>
        what.getAttribute(name),
      );
      return [rule.getAttribute('action'), what.tagName, ...words.filter((word) => word !== null)].join(' ');
    });

describe("a port's filter", () => {
  it('lets pass what the port has, in both families, and nothing else', () => {
    const rules = rulesOf(both);
    for (const expected of [
      `accept ip ${OWN} 10.0.0.5 32`,
      `accept arp ${OWN} 10.0.0.5`,
      `accept ipv6 ${OWN} fd00::5 128`,
      `accept ipv6 ${OWN} ${LINK} 128`,
    ]) {
      assert.ok(rules.includes(expected), `${expected} in ${rules.join('; ')}`);
    }
    assert.equal(rules.at(-1), 'drop mac');
    assert.deepEqual(rules.slice(0, 3), ['drop ipv6 134', 'drop ip', 'drop ipv6']);
    assert.ok(rules.filter((rule) => rule.startsWith('accept')).every((rule) => rule.includes(OWN)));
  });

  it('is closed for a port without an address, but for what asks for one', () => {
    const accepted = rulesOf(nicSpec(network, [])).filter((rule) => rule.startsWith('accept'));
    assert.deepEqual(accepted, [
      `accept ipv6 ${OWN} ${LINK} 128`,
      `accept ip ${OWN} 0.0.0.0`,
      `accept arp ${OWN} Request 0.0.0.0`,
      `accept ipv6 ${OWN} :: 135`,
      `accept ipv6 ${OWN} :: 143`,
      `accept rarp ${OWN} Request_Reverse`,
    ]);
  });

  it('lets pass allowed address pairs, with MAC addresses and ranges of their own', () => {
    const pairs = [
      { address: '10.9.0.0/16', mac: null },
      { address: '10.0.0.77', mac: 'FA:16:3E:00:00:99' },
      { address: '::/0', mac: null },
    ];
    const rules = rulesOf({ ...both, guard: { enabled: true, pairs } });
    assert.ok(rules.includes(`accept ip ${OWN} 10.9.0.0 16`));
    assert.ok(rules.includes('accept ip fa:16:3e:00:00:99 10.0.0.77 32'));
    assert.ok(rules.includes('accept arp fa:16:3e:00:00:99 10.0.0.77'));
    assert.ok(rules.includes(`accept ipv6 ${OWN}`));
    assert.equal(rules.at(-1), 'drop mac');
  });

  it('leaves out pairs that are none, and the rest of the filter is as it would be without them', () => {
    const bad = ['all', '', '10.1', '0x0a.0.0.1', 'fe80::1%eth0', '10.0.0.0/33', '10.0.0.0/', '1/2/3', '10.0.0.1 '];
    const pairs = [
      ...bad.map((address) => ({ address, mac: null })),
      { address: '10.0.0.77', mac: 'all' },
      { address: '10.0.0.78', mac: 'fa:16:3e:00:00:99/ff:ff:ff:00:00:00' },
      { address: '10.9.7.5/16', mac: null },
    ];
    const fit = [{ address: '10.9.0.0/16', mac: null }];
    assert.equal(
      filterXml({ ...both, guard: { enabled: true, pairs } }),
      filterXml({ ...both, guard: { enabled: true, pairs: fit } }),
    );
  });

  it('has no rule where the security of the port is off', () => {
    assert.deepEqual(rulesOf({ ...both, guard: { enabled: false, pairs: [] } }), []);
  });

  it('is one for each port, by its own name', () => {
    assert.equal(readXml(filterXml(both)).getAttribute('name'), filterName(both.portId));
    assert.throws(() => filterName("x' or"), /uuid/i);
    assert.equal(linkLocal('52:54:00:12:34:56'), 'fe80::5054:ff:fe12:3456');
  });
});
