// `xloud serve` with several fake hosts: a whole cloud in which servers move, and find their way after kill -9.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, type Service, startService } from '../support/serve.ts';

const COMPUTE = '/compute/v2.1';
const IMAGE_BYTES = Buffer.alloc(1 << 20);
const WAIT_MS = 20_000;

describe('serve with two fake hosts', () => {
  let service: Service;
  before(async () => {
    service = await startService({
      driver: 'fake',
      env: {
        ...{ XLOUD_COMPUTE__FAKE_HOSTS: '2', XLOUD_COMPUTE__HOST: 'one', XLOUD_COMPUTE__REPORT_SECONDS: '0.2' },
        ...{ XLOUD_COMPUTE__FAKE_NUMA_NODES: '2', XLOUD_COMPUTE__CPU_SHARED_SET: '0-7,^7' },
        XLOUD_COMPUTE__CPU_DEDICATED_SET: '40-43',
      },
    });
  });
  after(() => service.close());

  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await service.request('xloud', method, path, body);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const until = (id: string, status: string) =>
    eventually(`${id} is ${status}`, WAIT_MS, async () => {
      const { server } = await ask('GET', `${COMPUTE}/servers/${id}`);
      return server.status === status ? server : null;
    });
  const host = (server: Readonly<Record<string, unknown>>) => server['OS-EXT-SRV-ATTR:host'];

  it('moves a server between them, and takes it back after the process was killed', async () => {
    const { hypervisors } = await ask('GET', `${COMPUTE}/os-hypervisors`);
    assert.deepEqual(hypervisors.map((one: { hypervisor_hostname: string }) => one.hypervisor_hostname).toSorted(), [
      'one',
      'one-2',
    ]);
    const shape = { name: 'tiny', visibility: 'public', disk_format: 'raw', container_format: 'bare' };
    const image = await ask('POST', '/image/v2/images', shape);
    await ask('PUT', `/image/v2/images/${image.id}/file`, IMAGE_BYTES);
    for (const [id, vcpus] of Object.entries({ small: 1, wide: 2 })) {
      await ask('POST', `${COMPUTE}/flavors`, { flavor: { id, name: id, vcpus, ram: 64, disk: 1 } });
    }
    const { server } = await ask('POST', `${COMPUTE}/servers`, {
      server: { name: 'mover', flavorRef: 'small', imageRef: image.id, networks: 'auto' },
    });
    const first = host(await until(server.id, 'ACTIVE'));
    await ask('POST', `${COMPUTE}/servers/${server.id}/action`, { resize: { flavorRef: 'wide' } });
    assert.notEqual(host(await until(server.id, 'VERIFY_RESIZE')), first);
    await service.kill('SIGKILL');
    await service.start();
    await ask('POST', `${COMPUTE}/servers/${server.id}/action`, { revertResize: null });
    assert.equal(host(await until(server.id, 'ACTIVE')), first);
    const live = { host: null, block_migration: 'auto' };
    await ask('POST', `${COMPUTE}/servers/${server.id}/action`, { 'os-migrateLive': live });
    await eventually('it is on the other host', WAIT_MS, async () => {
      const { server: shown } = await ask('GET', `${COMPUTE}/servers/${server.id}`);
      return shown.status === 'ACTIVE' && host(shown) !== first ? true : null;
    });
  });

  it('gives CPUs of the second node, which are dedicated, to a server that asks for them', async () => {
    await ask('POST', `${COMPUTE}/flavors`, { flavor: { id: 'pinned', name: 'pinned', vcpus: 2, ram: 64, disk: 1 } });
    await ask('POST', `${COMPUTE}/flavors/pinned/os-extra_specs`, { extra_specs: { 'hw:cpu_policy': 'dedicated' } });
    const [image] = (await ask('GET', '/image/v2/images?name=tiny')).images;
    const { server } = await ask('POST', `${COMPUTE}/servers`, {
      server: { name: 'pinned', flavorRef: 'pinned', imageRef: image.id, networks: 'auto' },
    });
    await until(server.id, 'ACTIVE');
    const { nodes } = await ask('GET', `${COMPUTE}/servers/${server.id}/topology`);
    assert.deepEqual(
      nodes.map(({ host_node, cpu_pinning }: Record<string, unknown>) => [host_node, cpu_pinning]),
      [[1, { 0: 40, 1: 41 }]],
    );
  });
});
