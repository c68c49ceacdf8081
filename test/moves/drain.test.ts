// `xloud host drain` on two real hosts: what runs goes as it runs, what is off goes with its disk, and nothing is left.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type HostName, startTwoHostService, type TwoHostService } from '../support/two-host-service.ts';
import { xloud } from '../support/xloud.ts';

const TEST_MS = 600_000;
const HOSTS = ['host-a', 'host-b'] as const;

describe('a host that shall be empty', { concurrency: 1 }, () => {
  let world: TwoHostService;
  let flavor: string;

  before(async () => {
    world = await startTwoHostService();
    flavor = await world.flavor('small', { vcpus: 4, ram: 1024, disk: 1 });
  });
  after(() => world?.close());

  const enabled = async (host: HostName, is: boolean): Promise<void> => {
    const { body } = await world.compute('GET', `/os-services?host=${host}&binary=nova-compute`);
    const status = is ? 'enabled' : 'disabled';
    const { status: answer } = await world.compute('PUT', `/os-services/${body.services[0].id}`, { status });
    assert.equal(answer, 200);
  };
  const command = (...words: string[]) => xloud('host', ...words, '--data-dir', world.service.dataDir);
  const uptimeOf = async (id: string, host: HostName): Promise<number> =>
    Number((await world.inside(id, host, 'cat /proc/uptime')).split(' ')[0]);

  it('is drained of what runs and of what is off, with what is on their disks', { timeout: TEST_MS }, async () => {
    await enabled('host-b', false);
    const runs = await world.create(flavor);
    const off = await world.create(flavor);
    await enabled('host-b', true);
    const words = { runs: await world.mark(runs, 'host-a'), off: await world.mark(off, 'host-a') };
    const uptime = await uptimeOf(runs, 'host-a');
    await world.act(off, { 'os-stop': null });
    await world.reaches(off, 'SHUTOFF');

    const plan = await command('drain', 'host-a', '--dry-run');
    assert.deepEqual(await Promise.all([world.hostOf(runs), world.hostOf(off)]), ['host-a', 'host-a'], plan.stdout);
    const drained = await command('drain', 'host-a');
    console.log(drained.stdout);
    assert.equal(drained.status, 0, drained.stdout + drained.stderr);

    assert.deepEqual(await Promise.all([world.hostOf(runs), world.hostOf(off)]), ['host-b', 'host-b']);
    assert.deepEqual([await world.running(runs), await world.running(off)], [['host-b'], []]);
    await world.up(runs, 'host-b');
    assert.ok((await uptimeOf(runs, 'host-b')) > uptime, 'it started anew');
    assert.equal(await world.marked(runs, 'host-b'), words.runs);
    for (const id of [runs, off]) assert.deepEqual(await world.leftovers(id, 'host-a'), []);
    await world.act(off, { 'os-start': null });
    await world.reaches(off, 'ACTIVE');
    await world.up(off, 'host-b');
    assert.equal(await world.marked(off, 'host-b'), words.off);
    await enabled('host-a', true);
  });

  it('is filled again where others are full: a server moves as it runs', { timeout: TEST_MS }, async () => {
    const on = async () => {
      const { body } = await world.compute('GET', '/servers/detail?all_tenants=1');
      const servers = body.servers as { 'OS-EXT-SRV-ATTR:host': HostName; id: string }[];
      return HOSTS.map((host) => servers.filter((one) => one['OS-EXT-SRV-ATTR:host'] === host).map(({ id }) => id));
    };
    assert.equal((await on())[1]?.length, 2);
    const balanced = await command('balance');
    console.log(balanced.stdout);
    assert.equal(balanced.status, 0, balanced.stdout + balanced.stderr);
    const [a = [], b = []] = await on();
    assert.deepEqual([a.length, b.length], [1, 1]);
    for (const [id, host] of [[a[0], 'host-a'] as const, [b[0], 'host-b'] as const]) {
      assert.ok(id !== undefined);
      assert.deepEqual(await world.running(id), [host]);
      await world.up(id, host);
    }
  });
});
