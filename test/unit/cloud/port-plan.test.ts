// A port that wishes to be a device of its host is refused before anything is made, with a new server and with one that exists.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetworkApi } from '../../../src/cloud/network-api.ts';
import { portFrom } from '../../../src/cloud/neutron-shapes.ts';
import { makePlanning } from '../../../src/cloud/port-plan.ts';
import { callers } from '../../support/callers.ts';

const projectId = callers.member.projectId as string;

/** A network service with one port, as Neutron writes it. */
function planning(vnicType: string | undefined) {
  const fixed_ips = [{ ip_address: '10.0.0.5', subnet_id: 's' }];
  const port = portFrom({
    ...{ id: 'p', project_id: projectId, network_id: 'n', device_id: '', fixed_ips },
    ...(vnicType === undefined ? {} : { 'binding:vnic_type': vnicType }),
  });
  return makePlanning({
    port: async () => port,
    networks: async () => [{ ...{ id: 'n', name: '', projectId, shared: false, external: false }, subnetIds: ['s'] }],
  } as unknown as NetworkApi);
}

const wish = { networkId: null, portId: 'p', fixedIp: null, tag: null };

describe('ports that are devices', () => {
  for (const vnicType of ['direct', 'direct-physical', 'macvtap', 'vdpa']) {
    it(`of the kind ${vnicType} are refused`, async () => {
      const refusal = {
        kind: 'badRequest',
        message: `Port p cannot be plugged here: its vnic_type is ${vnicType}, not normal.`,
      };
      const { plan, planOne } = planning(vnicType);
      await assert.rejects(plan(callers.member, [wish], [], 1), refusal);
      await assert.rejects(planOne(callers.member, { uuid: 'u', projectId }, wish, false), refusal);
    });
  }

  it('are no others', async () => {
    for (const vnicType of ['normal', undefined]) {
      const { plan, planOne } = planning(vnicType);
      const { requests } = await plan(callers.member, [wish], [], 1);
      assert.deepEqual(requests, [{ ...wish, networkId: 'n' }]);
      assert.deepEqual((await planOne(callers.member, { uuid: 'u', projectId }, wish, false)).requests, requests);
    }
  });
});
