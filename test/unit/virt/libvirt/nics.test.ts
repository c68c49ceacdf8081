import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../../../../src/base/errors.ts';
import type { NicSpec } from '../../../../src/domain/networks/server-nics.ts';
import { bridgeOf, checkNics } from '../../../../src/virt/libvirt/nics.ts';

const nic = (
  vifType: string,
  vifDetails: NicSpec['vifDetails'] = {},
  networkId = '0a1b2c3d-4e5f-6789-abcd-ef0123456789',
) => ({ portId: 'the-port', vifType, vifDetails, network: { id: networkId } }) as NicSpec;

describe('ports that are plugged', () => {
  it('are those of libvirt, of Open vSwitch and of Linux bridges', () => {
    checkNics([nic('nat'), nic('ovs', { bridge_name: 'br-int' }), nic('bridge', { port_filter: true })]);
  });

  it('are in the bridge that they name, and in the Linux bridge of their network where they name none', () => {
    assert.equal(bridgeOf(nic('bridge')), 'brq0a1b2c3d-4e');
    assert.equal(bridgeOf(nic('bridge', { bridge_name: 'br-provider' })), 'br-provider');
    assert.equal(bridgeOf(nic('ovs', { bridge_name: 'br-int' })), 'br-int');
  });

  for (const [what, port, words] of [
    ['no driver could bind', nic('binding_failed'), /binding_failed/],
    ['a socket of QEMU carries', nic('vhostuser'), /"vhostuser"/],
    ['name a Linux bridge that is none', nic('bridge', { bridge_name: 'br0 -all' }), /names no bridge/],
    ['are on a network whose id is none', nic('bridge', {}, "0'/><a b=''"), /names no bridge/],
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
