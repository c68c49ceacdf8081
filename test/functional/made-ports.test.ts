// Ports that a worker makes after it was halted for longer than its lease, when the server was deleted meanwhile.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { portTargetOf } from '../../src/ops/servers/build.ts';
import { finishPorts } from '../../src/ops/servers/made-ports.ts';
import { Stopped } from '../../src/ops/engine/stopped.ts';
import { engines } from '../support/database.ts';
import { createRequest, makeOp, makeWorld } from '../support/world.ts';

for (const engine of engines) {
  describe(`ports that come late on ${engine}`, () => {
    it('go again with a server that is gone, and stay with one that is there', async (t) => {
      const world = await makeWorld({ engine });
      t.after(() => world.close());
      const { deps } = world;
      const { servers } = await world.ops.createServers(makeOp(), createRequest(await world.flavor(), world.imageId));
      const uuid = servers[0]?.uuid ?? '';
      await world.settled();
      const server = await world.server(uuid);
      const network = (await deps.network.portsOf(server))[0]?.network.id ?? '';
      const request = { networkId: network, portId: null, fixedIp: null, tag: null };
      const plan = await deps.network.planOne(makeOp().caller, server, request, true);
      const lost = () => Promise.reject(new Stopped('lost'));
      const late = async (): Promise<void> => {
        await deps.network.allocate(portTargetOf(server), plan, 900);
        const context = { deps, server, log: silentLog, finish: lost };
        await assert.rejects(
          finishPorts(context, async () => null),
          Stopped,
        );
      };

      await late();
      assert.ok((await deps.network.portsOf(server)).length > 1, 'the ports of a server that is there stay');
      await world.ops.deleteServer(makeOp(), { uuid });
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
      await late();
      assert.deepEqual(await world.leftovers(), []);
    });
  });
}
