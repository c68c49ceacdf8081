// A network service may take its time until what was plugged works: a new server is no sooner ACTIVE, and not at all where it does not.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { faultOf } from '../support/saga-cases.ts';
import { makeFakeNetworks } from '../support/neighbours.ts';
import { eventually } from '../support/serve.ts';
import { createRequest, makeOp, makeWorld, type World } from '../support/world.ts';

describe('ports that are waited for', () => {
  let world: World;
  let silent: readonly string[] = [];
  let asked = 0;
  beforeEach(async () => {
    [silent, asked] = [['the-port'], 0];
    const unplugged = async (): Promise<readonly string[]> => {
      asked += 1;
      return silent;
    };
    world = await makeWorld({ networks: { ...makeFakeNetworks(), unplugged } as never });
  });
  afterEach(() => world.close());

  async function begun(): Promise<string> {
    const { servers } = await world.ops.createServers(makeOp(), createRequest(await world.flavor(), world.imageId));
    await eventually('the question', 10_000, () => (asked > 0 ? true : null));
    return servers[0]?.uuid ?? '';
  }
  const guests = async (): Promise<number> =>
    (await Promise.all([...world.drivers.values()].map((driver) => driver.list({})))).flat().length;

  it('hold the server in BUILD until they work', async () => {
    const uuid = await begun();
    assert.equal((await world.server(uuid)).vmState, 'building');
    assert.equal(await guests(), 1);
    silent = [];
    await world.settled();
    assert.equal((await world.server(uuid)).vmState, 'active');
  });

  it('and do not work leave it in ERROR, and nothing on its host', async () => {
    const uuid = await begun();
    await world.settled();
    assert.equal((await world.server(uuid)).vmState, 'error');
    assert.equal(await faultOf(world, uuid), 'Failed to allocate the network(s), not rescheduling.');
    assert.equal(await guests(), 0);
    assert.deepEqual(await world.leftovers(), []);
  });

  it('hold up no deletion', async () => {
    const uuid = await begun();
    await world.ops.deleteServer(makeOp(), { uuid });
    // long before their time is over
    await eventually('its end', 1_500, async () => ((await guests()) === 0 ? true : null));
    await world.settled();
    assert.deepEqual(await world.leftovers(), []);
  });
});
