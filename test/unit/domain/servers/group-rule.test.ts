import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  hasRule,
  ingressRule,
  type RuleRequest,
  shownCidr,
  shownPorts,
} from '../../../../src/domain/servers/group-rule.ts';
import type { SecurityGroupRule } from '../../../../src/domain/networks/networks.ts';

const PARENT = 'parent';

const wish = (part: Partial<RuleRequest>): RuleRequest => ({
  parentGroupId: PARENT,
  groupId: null,
  protocol: undefined,
  fromPort: undefined,
  toPort: undefined,
  cidr: undefined,
  ...part,
});

const rule = (part: Partial<SecurityGroupRule> = {}): SecurityGroupRule => ({
  id: 'rule',
  groupId: PARENT,
  direction: 'ingress',
  protocol: null,
  portMin: null,
  portMax: null,
  remoteGroupId: null,
  remotePrefix: null,
  ...part,
});

describe('rules of security groups', () => {
  it('are made of what makes sense', () => {
    const tcp = { protocol: 'tcp', fromPort: 22, toPort: '23' };
    const made = { groupId: PARENT, remoteGroupId: null, protocol: 'tcp', portMin: 22, portMax: 23 };
    const anywhere = { ...made, remotePrefix: '0.0.0.0/0', ethertype: 'IPv4' };
    assert.deepEqual(ingressRule(wish(tcp)), anywhere);
    assert.deepEqual(ingressRule(wish({ ...tcp, cidr: '' })), anywhere);
    const six = { ...made, remotePrefix: '2001:db8::/32', ethertype: 'IPv6' };
    assert.deepEqual(ingressRule(wish({ ...tcp, cidr: '2001:db8::/32' })), six);
    const quoted = { ...made, remotePrefix: '10.0.0.0/8', ethertype: 'IPv4' };
    assert.deepEqual(ingressRule(wish({ ...tcp, cidr: '10.0.0.0%2F8' })), quoted);
    const ping = ingressRule(wish({ protocol: 'ICMP', fromPort: -1, toPort: 255 }));
    assert.deepEqual(ping, { ...anywhere, protocol: 'ICMP', portMin: -1, portMax: 255 });
  });

  it('of a group without ports open all of the protocol', () => {
    const of = (protocol: unknown) => ingressRule(wish({ groupId: 'source', protocol }));
    const made = { groupId: PARENT, remoteGroupId: 'source', remotePrefix: null, ethertype: 'IPv4' };
    assert.deepEqual(of('udp'), { ...made, protocol: 'udp', portMin: 1, portMax: 65_535 });
    assert.deepEqual(of('icmp'), { ...made, protocol: 'icmp', portMin: -1, portMax: -1 });
    assert.deepEqual(of(undefined), { ...made, protocol: null, portMin: null, portMax: null });
  });

  it('that make no sense are refused in Nova’s words', () => {
    const cases: readonly [Partial<RuleRequest>, string][] = [
      [{}, 'Not enough parameters to build a valid rule.'],
      [{ protocol: 'tcp', fromPort: 1 }, 'Not enough parameters to build a valid rule.'],
      [{ cidr: '10.0.0.0' }, '10.0.0.0 is not a valid IP network.'],
      [{ cidr: '10.0.0.0/33' }, '10.0.0.0/33 is not a valid IP network.'],
      [{ cidr: 'here/8' }, 'here/8 is not a valid IP network.'],
      [{ protocol: 'tcp', fromPort: 'a', toPort: 1 }, 'Invalid input received: To and From ports must be integers'],
      [
        { protocol: 'icmp', fromPort: 'a', toPort: 1 },
        'Invalid input received: Type and Code must be integers for ICMP protocol type',
      ],
      [{ protocol: 'gre', fromPort: 1, toPort: 1 }, 'Invalid IP protocol gre.'],
      [
        { protocol: 'tcp', fromPort: 2, toPort: 1 },
        'Invalid port range 2:1. Former value cannot be greater than the later',
      ],
      [
        { protocol: 'udp', fromPort: 0, toPort: 1 },
        'Invalid port range 0:1. Valid UDP ports should be between 1-65535',
      ],
      [
        { protocol: 'icmp', fromPort: 256, toPort: 1 },
        'Invalid port range 256:1. For ICMP, the type:code must be valid',
      ],
      [{ protocol: 'tcp', fromPort: 1, toPort: 1, cidr: '10.0.0.0/0' }, 'Bad prefix for network in cidr 10.0.0.0/0'],
    ];
    for (const [part, text] of cases) assert.equal(ingressRule(wish(part)), text);
  });

  it('show the ports that they have, and all of a protocol without any', () => {
    assert.deepEqual(shownPorts(rule()), { from: null, to: null });
    assert.deepEqual(shownPorts(rule({ protocol: 'tcp' })), { from: 1, to: 65_535 });
    assert.deepEqual(shownPorts(rule({ protocol: 'icmp' })), { from: -1, to: -1 });
    assert.deepEqual(shownPorts(rule({ protocol: 'icmp', portMin: 8 })), { from: 8, to: null });
    assert.deepEqual([shownCidr(rule()), shownCidr(rule({ remotePrefix: '::/0' }))], ['0.0.0.0/0', '::/0']);
  });

  it('a rule that was made is known again, and no other', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(
        fc.constantFrom('tcp', 'udp'),
        port,
        port,
        fc.integer({ min: 1, max: 32 }),
        (protocol, a, b, prefix) => {
          const made = ingressRule(
            wish({ protocol, fromPort: Math.min(a, b), toPort: Math.max(a, b), cidr: `10.0.0.0/${prefix}` }),
          );
          assert.ok(typeof made !== 'string');
          const stored = rule({ ...made, id: 'stored' });
          assert.ok(hasRule([rule({ protocol: 'icmp' }), stored], made));
          assert.ok(
            !hasRule(
              [
                { ...stored, direction: 'egress' },
                { ...stored, portMin: null },
              ],
              made,
            ),
          );
        },
      ),
    );
  });
});
