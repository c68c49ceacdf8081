// `xloud host drain` and `xloud host balance` as an administrator runs them, on hosts whose servers are in every state that one may find.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, type Service, startService } from '../support/serve.ts';
import { type Ended, xloud } from '../support/xloud.ts';

const COMPUTE = '/compute/v2.1';
const NEWEST = { 'OpenStack-API-Version': 'compute 2.95' };
const XLOUD = join(import.meta.dirname, '..', '..', 'bin', 'xloud');

describe('xloud host', () => {
  let service: Service;
  let flavorId: string;
  let imageRef: string;
  let hosts: string[];

  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await service.request('xloud', method, COMPUTE + path, body, NEWEST);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const serverOf = async (id: string) => (await ask('GET', `/servers/${id}`)).server;
  const settled = (id: string, status: string) =>
    eventually(`${id} ${status}`, 30_000, async () => {
      const server = await serverOf(id);
      return server.status === status && server['OS-EXT-STS:task_state'] === null ? server : null;
    });
  const act = (id: string, action: string, args: unknown = null) =>
    ask('POST', `/servers/${id}/action`, { [action]: args });
  const placed = async (name: string, host: string): Promise<string> => {
    const wanted = { name, flavorRef: flavorId, imageRef, networks: 'none', host };
    const { server } = await ask('POST', '/servers', { server: wanted });
    await settled(server.id, 'ACTIVE');
    return server.id;
  };
  const namesOn = async (host: string): Promise<string[]> => {
    const { servers } = await ask('GET', `/servers/detail?all_tenants=1&host=${host}`);
    return servers.map(({ name }: { name: string }) => name).sort();
  };
  const drain = (...words: string[]): Promise<Ended> => xloud('host', 'drain', '--data-dir', service.dataDir, ...words);
  const enable = async (host: string): Promise<void> => {
    const { services } = await ask('GET', `/os-services?binary=nova-compute&host=${host}`);
    await ask('PUT', `/os-services/${services[0].id}`, { status: 'enabled' });
  };

  before(async () => {
    service = await startService({
      driver: 'fake',
      env: { XLOUD_COMPUTE__FAKE_HOSTS: '3', XLOUD_QUOTA__INSTANCES: '50', XLOUD_QUOTA__CORES: '500' },
    });
    const flavor = { name: 'small', vcpus: 1, ram: 64, disk: 1 };
    flavorId = (await ask('POST', '/flavors', { flavor })).flavor.id;
    const made = { name: 'tiny', disk_format: 'raw', container_format: 'bare' };
    imageRef = (await service.request('xloud', 'POST', '/image/v2/images', made)).body.id;
    const bytes = { 'Content-Type': 'application/octet-stream' };
    await service.request('xloud', 'PUT', `/image/v2/images/${imageRef}/file`, Buffer.alloc(1024), bytes);
    const { services } = await ask('GET', '/os-services?binary=nova-compute');
    hosts = services.map(({ host }: { host: string }) => host).sort();
  });
  after(() => service.close());

  it('drain refuses a host that there is not, and bad numbers', async () => {
    const none = await drain('mars');
    assert.deepEqual(none, { status: 2, stdout: '', stderr: 'xloud: there is no host mars\n' });
    assert.match((await drain('mars', '--at-once', '0')).stderr, /It must be a whole number from 1 to 100/);
    const demo = await drain(hosts[0] as string, '--os-cloud', 'xloud-demo');
    assert.equal(demo.status, 2);
    assert.match(demo.stderr, /Policy doesn't allow os_compute_api:os-services:list/);
  });

  it('drain moves what can be moved, and says why the rest stays', async () => {
    const [host] = hosts as [string];
    const ids = new Map<string, string>();
    for (const name of ['runs', 'rests', 'off', 'shelved', 'suspended']) ids.set(name, await placed(name, host));
    const idOf = (name: string): string => ids.get(name) as string;
    await act(idOf('rests'), 'pause');
    await act(idOf('off'), 'os-stop');
    await act(idOf('shelved'), 'shelve');
    await act(idOf('suspended'), 'suspend');
    for (const [name, status] of [
      ['rests', 'PAUSED'],
      ['off', 'SHUTOFF'],
      ['suspended', 'SUSPENDED'],
    ] as const) {
      await settled(idOf(name), status);
    }

    const plan = await drain(host, '--dry-run');
    assert.equal(plan.status, 0, plan.stderr);
    assert.match(plan.stdout, /runs +ACTIVE +live-migrate/);
    assert.match(plan.stdout, /off +SHUTOFF +migrate/);
    assert.match(plan.stdout, /suspended +SUSPENDED +stays: a server that is SUSPENDED cannot be moved/);
    assert.ok((await namesOn(host)).includes('runs'));

    const ended = await drain(host, '--reason', 'a fan');
    assert.equal(ended.status, 1, ended.stderr);
    assert.match(ended.stdout, /is disabled and not empty: \d of \d moved, 1 left\./);
    assert.match(ended.stdout, /suspended +SUSPENDED +a server that is SUSPENDED cannot be moved/);
    assert.match(ended.stderr, /moving/);
    assert.deepEqual(await namesOn(host), ['suspended']);
    // confirmed, so that nothing of it is left on the host
    assert.equal((await serverOf(idOf('off'))).status, 'SHUTOFF');
    assert.equal((await serverOf(idOf('runs'))).status, 'ACTIVE');
    const { services } = await ask('GET', `/os-services?binary=nova-compute&host=${host}`);
    assert.equal(services[0].disabled_reason, 'a fan');

    await act(idOf('suspended'), 'resume');
    await settled(idOf('suspended'), 'ACTIVE');
    const again = await drain(host);
    assert.equal(again.status, 0, again.stdout);
    assert.match(again.stdout, /is disabled and empty: 1 of 1 moved\./);
    assert.deepEqual(await namesOn(host), []);
    await enable(host);
  });

  it('drain goes on where one that was killed left off', async () => {
    const [, host] = hosts as [string, string];
    const names = ['one', 'two', 'three', 'four'];
    const ids: string[] = [];
    for (const name of names) ids.push(await placed(name, host));
    await act(ids[0] as string, 'os-stop');
    await settled(ids[0] as string, 'SHUTOFF');
    const child = spawn(XLOUD, ['host', 'drain', '--data-dir', service.dataDir, host, '--at-once', '1']);
    await eventually('the first is gone', 30_000, async () => ((await namesOn(host)).length < 4 ? true : null));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const again = await drain(host);
    assert.equal(again.status, 0, again.stdout);
    for (const id of ids) {
      const server = await serverOf(id);
      assert.notEqual(server['OS-EXT-SRV-ATTR:host'], host);
      assert.equal(server.status, id === ids[0] ? 'SHUTOFF' : 'ACTIVE');
    }
    await enable(host);
  });

  it('balance opens room on the fullest host', async () => {
    const [host] = hosts as [string];
    const wide = await ask('POST', '/flavors', { flavor: { name: 'wide', vcpus: 16, ram: 512, disk: 1 } });
    const ids: string[] = [];
    for (const name of ['w1', 'w2', 'w3']) {
      const wanted = { name, flavorRef: wide.flavor.id, imageRef, networks: 'none', host };
      const { server } = await ask('POST', '/servers', { server: wanted });
      ids.push(server.id);
      await settled(server.id, 'ACTIVE');
    }
    const balance = (...words: string[]): Promise<Ended> =>
      xloud('host', 'balance', '--data-dir', service.dataDir, ...words);
    const dry = await balance('--dry-run');
    assert.equal(dry.status, 0, dry.stderr);
    assert.match(dry.stdout, /^server +name +from +to\n/);
    const before = await namesOn(host);
    assert.ok(before.includes('w1') && before.includes('w2') && before.includes('w3'));
    const made = await balance('--moves', '2');
    assert.equal(made.status, 0, made.stdout);
    assert.match(made.stdout, /^2 of 2 moved\.\n$/);
    assert.equal((await namesOn(host)).length, before.length - 2);
    assert.equal((await balance()).status, 0);
    assert.equal((await balance('--dry-run')).stdout, 'No move opens room that is worth it.\n');
    for (const id of ids) await ask('DELETE', `/servers/${id}`);
    const demo = await balance('--os-cloud', 'xloud-demo');
    assert.match(demo.stderr, /Policy doesn't allow os_compute_api:xloud:scheduler:balance/);
    assert.match((await balance('--moves', '51')).stderr, /It must be a whole number from 1 to 50/);
  });

  it('nodes says how much of a host is for rent, and what is left', async () => {
    const [host] = hosts as [string];
    const nodes = (...words: string[]): Promise<Ended> => xloud('nodes', ...words, '--data-dir', service.dataDir);
    const termsOf = async () => (await ask('GET', `/os-xloud-host-metrics/${host}`)).claims;
    const { vcpus, memory_mb: memory } = await termsOf();
    const none = await nodes('add', 'mars', '--cpu-overcommit', '2.0');
    assert.equal(none.status, 2);
    assert.match(none.stderr, /no host mars has reported yet: start `xloud agent` there/);
    assert.match(
      (await nodes('add', host, '--vcpus', String(vcpus.has + 1))).stderr,
      /the host has \d+ vCPUs, less than/,
    );
    assert.match((await nodes('add', host, '--cpu-overcommit', '0')).stderr, /It must be a number from 0.01 to 1000/);
    const rent = ['--vcpus', String(vcpus.has - 1), '--memory-mb', String(memory.has - 512)];
    const before = (await ask('GET', '/os-xloud-cluster-stats')).vcpus.capacity as number;
    for (let time = 0; time < 2; time += 1) {
      const added = await nodes('add', host, ...rent, '--cpu-overcommit', '2.5', '--memory-overcommit', '1.0');
      assert.equal(added.status, 0, added.stderr);
      assert.match(added.stdout, new RegExp(`^${host} +up +enabled +${vcpus.has}`, 'm'));
    }
    const { aggregates } = await ask('GET', '/os-aggregates');
    assert.equal(aggregates.length, 1);
    assert.deepEqual(aggregates[0].hosts, [host]);
    const said = { cpu_allocation_ratio: '2.5', ram_allocation_ratio: '1', reserved_host_cpus: '1' };
    assert.deepEqual(aggregates[0].metadata, { ...said, reserved_host_memory_mb: '512' });
    await eventually('the host has the terms', 30_000, async () =>
      (await termsOf()).vcpus.ratio === 2.5 ? true : null,
    );
    const listed = await nodes('list');
    assert.match(listed.stdout, /3 nodes \(3 up, 0 disabled, 0 down\), \d+ servers/);
    const { capacity } = (await ask('GET', '/os-xloud-cluster-stats')).vcpus;
    assert.equal(capacity - before, (vcpus.has - 1) * 2.5 - vcpus.has * vcpus.ratio);
  });

  it('drain leaves what finds no other host, with the reason', async () => {
    const [first, second, third] = hosts as [string, string, string];
    const id = await placed('lonely', first);
    for (const host of [second, third]) {
      const { services } = await ask('GET', `/os-services?binary=nova-compute&host=${host}`);
      await ask('PUT', `/os-services/${services[0].id}`, { status: 'disabled' });
    }
    const ended = await drain(first);
    assert.equal(ended.status, 1);
    assert.match(ended.stdout, /lonely +ACTIVE +.*[Nn]o valid host/);
    assert.equal((await serverOf(id)).status, 'ACTIVE');
  });
});
