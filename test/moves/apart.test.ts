// Processes apart over two real hosts: two APIs, two workers, an agent for each libvirtd, MariaDB, RabbitMQ. A server is made, grows, moves
// as it runs and switched off, and is evacuated, by requests to either API, with an agent and a worker killed on the way.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type HostName, startTwoHostCluster } from '../support/two-host-service.ts';

const LONG_MS = 300_000;

const otherOf = (host: HostName): HostName => (host === 'host-a' ? 'host-b' : 'host-a');

describe('processes apart over two hosts', { concurrency: 1 }, () => {
  let world: Awaited<ReturnType<typeof startTwoHostCluster>>;
  let flavor: string;
  let id: string;

  before(async () => {
    world = await startTwoHostCluster();
    flavor = await world.flavor('small', { vcpus: 4, ram: 1024, disk: 1 });
  });
  after(() => world?.close());

  /** Seconds since the guest's kernel began. */
  const uptimeOf = async (host: HostName): Promise<number> =>
    Number((await world.inside(id, host, 'cat /proc/uptime')).split(' ')[0]);

  const cpusOf = async (host: HostName): Promise<number> =>
    Number(await world.inside(id, host, 'grep -c ^processor /proc/cpuinfo'));

  it('make a server whose image came over the network', async () => {
    id = await world.create(flavor);
    assert.deepEqual(await world.running(id), [await world.hostOf(id)]);
  });

  it('let it grow while it runs', async () => {
    const host = await world.hostOf(id);
    assert.equal(await cpusOf(host), 1);
    const answer = await world.compute('POST', `/os-xloud-adjust/${id}`, { current_vcpus: 3 });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    await eventually('three vCPUs', LONG_MS, async () => {
      const { body } = await world.compute('GET', `/os-xloud-adjust/${id}`);
      assert.notEqual(body.status, 'error', body.message);
      return body.status === 'idle' && body.vcpus.current === 3 ? true : null;
    });
    assert.equal(await cpusOf(host), 3);
  });

  it('move it as it runs, and it does not notice, though a worker is killed meanwhile', async () => {
    const home = await world.hostOf(id);
    const words = await world.mark(id, home);
    const before = await uptimeOf(home);
    await world.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    const [worker] = world.service.cluster.workers;
    await worker?.kill('SIGKILL');
    await world.reaches(id, 'ACTIVE');
    await worker?.start();
    const there = otherOf(home);
    assert.equal(await world.hostOf(id), there);
    assert.deepEqual(await world.running(id), [there]);
    await world.up(id, there);
    assert.ok((await uptimeOf(there)) > before, 'it started anew');
    assert.equal(await world.marked(id, there), words);
    assert.equal(await cpusOf(there), 3);
    assert.deepEqual(await world.leftovers(id, home), []);
  });

  it('move it switched off, disks and all, though the agent that brings them is killed', async () => {
    const home = await world.hostOf(id);
    const words = await world.mark(id, home);
    await world.act(id, { migrate: null });
    await world.service.cluster.agents.get(otherOf(home))?.kill('SIGKILL');
    await world.service.cluster.agents.get(otherOf(home))?.start();
    await world.reaches(id, 'VERIFY_RESIZE');
    await world.act(id, { confirmResize: null });
    await world.reaches(id, 'ACTIVE');
    const there = otherOf(home);
    await world.up(id, there);
    assert.equal(await world.marked(id, there), words);
    assert.deepEqual(await world.running(id), [there]);
    assert.deepEqual(await world.leftovers(id, home), []);
  });

  it('evacuate it from a host whose agent is gone; the old guest is ended when that is back', async () => {
    const home = await world.hostOf(id);
    const there = otherOf(home);
    const agent = world.service.cluster.agents.get(home);
    await agent?.kill('SIGKILL');
    const { body } = await world.compute('GET', `/os-services?host=${home}&binary=nova-compute`);
    const service = `/os-services/${body.services[0].id}`;
    assert.equal((await world.compute('PUT', service, { forced_down: true })).status, 200);
    await world.act(id, { evacuate: { host: there } });
    await eventually(`on ${there}`, LONG_MS, async () => ((await world.hostOf(id)) === there ? true : null));
    // as Nova's since 2.95: it is started by whoever looked at it
    await world.reaches(id, 'SHUTOFF');
    await world.act(id, { 'os-start': null });
    await world.reaches(id, 'ACTIVE');
    assert.ok((await world.running(id)).includes(there));
    await agent?.start();
    assert.equal((await world.compute('PUT', service, { forced_down: false })).status, 200);
    await eventually('one guest', LONG_MS, async () => ((await world.running(id)).length === 1 ? true : null));
    assert.deepEqual(await world.running(id), [there]);
    await eventually('nothing left', LONG_MS, async () =>
      (await world.leftovers(id, home)).length === 0 ? true : null,
    );
  });
});
