import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../../../../src/base/errors.ts';
import type { NicSpec } from '../../../../src/domain/networks/server-nics.ts';
import { checkNics } from '../../../../src/virt/libvirt/nics.ts';

const nic = (vifType: string, vifDetails: NicSpec['vifDetails'] = {}) =>
  ({ portId: 'the-port', vifType, vifDetails }) as NicSpec;

describe('ports that are plugged', () => {
  it('are those of libvirt and of Open vSwitch', () => {
    checkNics([nic('nat'), nic('ovs', { bridge_name: 'br-int' })]);
  });

  for (const [what, port, words] of [
    ['no driver could bind', nic('binding_failed'), /binding_failed/],
    ['a Linux bridge carries', nic('bridge'), /"bridge"/],
    ['iptables guards', nic('ovs', { bridge_name: 'br-int', ovs_hybrid_plug: true }), /ovs_hybrid_plug/],
    ['name no bridge', nic('ovs'), /names no bridge/],
    ['name a bridge that is none', nic('ovs', { bridge_name: "br'/><x" }), /names no bridge/],
  ] as const) {
    it(`are none that ${what}`, () => {
      assert.throws(
        () => checkNics([port]),
        (fault: Fault) =>
          fault.kind === 'notImplemented' && words.test(fault.message) && /the-port/.test(fault.message),
      );
    });
  }
});
