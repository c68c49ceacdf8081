// Several servers are made with one port at the same moment: one has it, and no two guests run with its address.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Fault } from '../../../src/base/errors.ts';
import { newUuid } from '../../../src/base/ids.ts';
import { makeNeutron } from '../../../src/cloud/neutron.ts';
import type { NetworkService } from '../../../src/cloud/network.ts';
import { type Cloud, callers, startCloud } from '../../support/cloud.ts';

const SERVERS = 3;

for (const where of ['in process', 'over HTTP'] as const) {
  describe(`a port that several servers want, ${where}`, () => {
    let cloud: Cloud;
    let networks: NetworkService & { close?(): Promise<void> };
    before(async () => {
      cloud = await startCloud();
      const options = { endpoint: `${cloud.url}/network`, serviceToken: async () => 'admin' };
      networks = where === 'in process' ? cloud.networks.service : makeNeutron(options);
    });
    after(async () => {
      await networks?.close?.();
      await cloud?.close();
    });

    it('is had by one of them, and by him again when he asks again', async () => {
      const ask = (who: 'demo' | 'admin', method: string, path: string, body?: unknown) =>
        cloud.ask(who, method, `/network/v2.0/${path}`, body);
      const network_id = (await ask('demo', 'GET', 'networks')).json.networks[0].id;
      const server = () => ({
        uuid: newUuid(),
        projectId: callers.demo.projectId ?? '',
        host: 'h',
        zone: 'z',
        hostname: 'vm',
      });
      for (let turn = 0; turn < 5; turn += 1) {
        const { id: portId } = (await ask('demo', 'POST', 'ports', { port: { network_id } })).json.port;
        const wish = { networkId: null, portId, fixedIp: null, tag: null };
        const plan = await networks.plan(callers.demo, [wish], [], 1);
        const all = Array.from({ length: SERVERS }, server);
        const ends = await Promise.allSettled(all.map((vm) => networks.allocate(vm, plan)));
        const lost = ends.flatMap((end) => (end.status === 'rejected' ? [(end.reason as Fault).code] : []));
        assert.deepEqual(lost, Array(SERVERS - 1).fill('PortInUse'));
        const winner = all.find((_, at) => ends[at]?.status === 'fulfilled') ?? assert.fail('nobody has it');
        assert.equal((await ask('admin', 'GET', `ports/${portId}`)).json.port.device_id, winner.uuid);
        const again = await networks.allocate(winner, plan);
        assert.deepEqual(
          again.map((nic) => nic.portId),
          [portId],
        );
        await networks.release(winner);
      }
    });
  });
}
