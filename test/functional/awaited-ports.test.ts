// A network service may take its time until what was plugged works: a server that is made, started, moved or unshelved is ready no sooner, and
// not at all where it does not.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { faultOf } from '../support/saga-cases.ts';
import { makeFakeNetworks } from '../support/neighbours.ts';
import { eventually } from '../support/serve.ts';
import { type Servers, startServers } from '../support/servers.ts';
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

const HOSTS = [{ name: 'host-1' }, { name: 'host-2' }];

describe('ports of a server that was there before', () => {
  let servers: Servers;
  let world: World;
  let silent: readonly string[] = [];
  let asked = 0;
  let id: string;
  beforeEach(async () => {
    [silent, asked] = [[], 0];
    const unplugged = async (): Promise<readonly string[]> => {
      asked += 1;
      return silent;
    };
    const networks = { ...makeFakeNetworks(), unplugged } as never;
    servers = await startServers({ hosts: HOSTS, networks });
    ({ world } = servers);
    id = await servers.create();
  });
  afterEach(() => servers.close());

  const act = async (body: object): Promise<void> => {
    const answer = await servers.act(id, body, { as: 'admin' });
    assert.ok(answer.status < 300, answer.text);
  };
  /** An action is asked for while they do not work, and stands still until they do. */
  async function isHeld(body: object, task: string): Promise<void> {
    [silent, asked] = [['the-port'], 0];
    await act(body);
    await eventually('the question', 10_000, () => (asked > 1 ? true : null));
    assert.equal((await world.server(id)).taskState, task);
    silent = [];
    await world.settled();
    assert.equal((await world.server(id)).taskState, null);
  }
  const isWaitedFor = async (body: object, task: string, end: string): Promise<void> => {
    await isHeld(body, task);
    assert.equal((await world.server(id)).vmState, end);
  };
  const settledAfter = async (body: object): Promise<void> => {
    await act(body);
    await world.settled();
  };

  it('are waited for when it starts', async () => {
    await settledAfter({ 'os-stop': null });
    await isWaitedFor({ 'os-start': null }, 'powering-on', 'active');
  });

  it('are waited for when it is unshelved, wherever it waited', async () => {
    await settledAfter({ shelve: null });
    await isWaitedFor({ unshelve: null }, 'spawning', 'active');
  });

  it('are waited for when it moves, and when it comes back', async () => {
    await isWaitedFor({ migrate: null }, 'resize_finish', 'resized');
    await isWaitedFor({ revertResize: null }, 'resize_reverting', 'active');
  });

  it('leave it where it was when they do not work on its new host', async () => {
    const { host } = await world.server(id);
    silent = ['the-port'];
    await settledAfter({ migrate: null });
    const after = await world.server(id);
    assert.deepEqual([after.host, after.vmState], [host, 'active']);
    assert.match((await faultOf(world, id)) ?? '', /Virtual Interface creation failed/);
    assert.deepEqual(await world.leftovers(), []);
  });

  it('are not waited for where it is off, and stays so', async () => {
    await settledAfter({ 'os-stop': null });
    [silent, asked] = [['the-port'], 0];
    await settledAfter({ migrate: null });
    assert.deepEqual([(await world.server(id)).vmState, asked], ['resized', 0]);
  });
});
