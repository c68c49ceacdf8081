// A guest that moves as it runs goes into what it is in now: a host where Neutron would plug its port otherwise is refused before it leaves.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../../../src/base/errors.ts';
import type { PortFacts } from '../../../src/cloud/network-api.ts';
import { neutronBindings } from '../../../src/cloud/neutron-bindings.ts';

const portAs = (vifType: string, vifDetails: object = {}) =>
  ({ id: 'the-port', vnicType: 'normal', vifType, vifDetails }) as PortFacts;

/** Moves a port to where Neutron binds it so. */
function move(port: PortFacts, vif_type: string, vif_details: object = {}): Promise<void> {
  const ask = async (_as: unknown, method: string) =>
    method === 'GET'
      ? { status: 200, body: {} }
      : { status: 201, body: { binding: { host: 'two', vif_type, vif_details } } };
  return neutronBindings({ ask } as unknown as Parameters<typeof neutronBindings>[0]).add(port, 'two', {});
}

describe('a port that is bound to one more host', () => {
  it('goes where it is plugged as it is now', async () => {
    await move(portAs('bridge', { port_filter: true }), 'bridge');
    await move(portAs('ovs', { bridge_name: 'br-int' }), 'ovs', { bridge_name: 'br-int', port_filter: true });
    // that of the host is the usual one, which Neutron did not name
    await move(portAs('ovs', { bridge_name: 'br-int' }), 'ovs');
  });

  for (const [what, port, vifType, vifDetails] of [
    ['another kind of switch', portAs('bridge'), 'ovs', { bridge_name: 'br-int' }],
    ['a bridge of another name', portAs('ovs', { bridge_name: 'br-int' }), 'ovs', { bridge_name: 'br-1' }],
    [
      'another guard',
      portAs('ovs', { bridge_name: 'br-int' }),
      'ovs',
      { bridge_name: 'br-int', ovs_hybrid_plug: true },
    ],
  ] as const) {
    it(`does not go to ${what}`, async () => {
      await assert.rejects(
        move(port, vifType, vifDetails),
        (fault: Fault) => fault.kind === 'conflict' && /the-port/.test(fault.message) && /host two/.test(fault.message),
      );
    });
  }
});
