// A flavor of a size: the same as often as it is asked for, for whoever asks, within the deployment's bounds.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, startApi } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { makeOp, testConfig } from '../support/world.ts';

const most = { vcpus: 16, memoryMb: 16_384, diskGb: 100 };
const PATH = '/os-xloud-sized-flavors';

for (const engine of engines) {
  describe(`flavors by size on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startApi({ engine });
    });
    after(() => api.close());

    const ask = (vcpus: number, memory_mb: number, disk_gb: number, as: 'member' | 'reader' | 'admin' = 'member') =>
      api.request('POST', PATH, { as, body: { flavor: { vcpus, memory_mb, disk_gb } } });
    const rows = (table: string) => api.world.database.read(table).select('*');

    it('are made once, even where several ask at once, private, with a floor, and begin with all of it', async () => {
      const answers = await Promise.all([ask(2, 2048, 20), ask(2, 2048, 20), ask(2, 2048, 20, 'admin')]);
      for (const { status, body } of answers) {
        assert.equal(status, 200, JSON.stringify(body));
        assert.deepEqual(body.flavor, {
          ...{ id: 'sized-2-2048-20', name: 'sized-2-2048-20', vcpus: 2, memory_mb: 2048, disk_gb: 20 },
          floor: { vcpus: 1, memory_mb: 512 },
        });
      }
      const [flavor, ...more] = await rows('flavors');
      assert.equal(more.length, 0);
      assert.deepEqual(JSON.parse(flavor.extra_specs), {
        ...{ minimum_cpu: '1', minimum_memory: '512', 'xloud:start_size': 'maximum' },
      });
      const projects = new Set((await rows('flavor_projects')).map(({ project_id }) => project_id as string));
      assert.deepEqual(projects, new Set([callers.member.projectId, callers.admin.projectId]));

      const [server] = await api.world.create({ flavorRef: 'sized-2-2048-20' }, makeOp(callers.member));
      const shown = await api.request('GET', `/os-xloud-adjust/${server?.uuid}`, { as: 'member' });
      const { vcpus, memory_mb: memory } = shown.body;
      assert.deepEqual([vcpus.current, vcpus.claimed, vcpus.minimum], [2, 2, 1]);
      assert.deepEqual([memory.current, memory.claimed, memory.minimum], [2048, 2048, 512]);
    });

    it('belong to those who asked: others neither see nor take them', async () => {
      const { status } = await api.request('GET', '/flavors/sized-2-2048-20', { as: 'other' });
      assert.equal(status, 404);
      await assert.rejects(
        api.world.create({ flavorRef: 'sized-2-2048-20' }, makeOp(callers.other)),
        /could not be found/,
      );
    });

    it('have bounds, of size and of number', async () => {
      const large = await ask(2, most.memoryMb + 1, 20);
      assert.deepEqual(
        [large.status, large.body.badRequest.message],
        [400, 'memory_mb: 16385 is more than the 16384 that flavors by size have here.'],
      );
      assert.equal((await ask(0, 512, 1)).status, 400);
      assert.equal((await ask(1, 512, 1)).status, 200);
      assert.equal((await ask(1, 513, 1)).status, 200);
      const fourth = await ask(1, 514, 1);
      assert.deepEqual([fourth.status, /3 flavors by size/.test(fourth.text)], [403, true]);
      const sized = (await rows('flavors')).filter(({ name }) => name.startsWith('sized-'));
      assert.equal(sized.length, 3, 'what was refused is not made');
      assert.equal((await ask(1, 512, 1)).status, 200, 'those that are there are found');
    });

    it('have the floor that is said, and begin with it where that is said', async () => {
      const size = { vcpus: 4, memory_mb: 1024, disk_gb: 5 };
      const wish = (more: object) => api.request('POST', PATH, { as: 'admin', body: { flavor: { ...size, ...more } } });
      const named = await wish({ floor: { vcpus: 2, memory_mb: 512 }, start: 'floor' });
      assert.deepEqual(named.body.flavor, {
        ...{ id: 'sized-4-1024-5-floor-2-512-from-floor', name: 'sized-4-1024-5-floor-2-512-from-floor', ...size },
        floor: { vcpus: 2, memory_mb: 512 },
      });
      const [server] = await api.world.create({ flavorRef: named.body.flavor.id }, makeOp(callers.admin));
      const { vcpus, memory_mb: memory } = (
        await api.request('GET', `/os-xloud-adjust/${server?.uuid}`, { as: 'admin' })
      ).body;
      assert.deepEqual([vcpus.current, vcpus.maximum, memory.current, memory.maximum], [2, 4, 512, 1024]);
      const over = await wish({ floor: { vcpus: 5, memory_mb: 512 } });
      assert.deepEqual([over.status, /more than the size/.test(over.text)], [400, true]);
    });

    it('are not there for nothing where others are paid for', async () => {
      await api.world.flavor({ id: 'paid', specs: { 'price:hour': '0.5' } });
      const { status, text } = await ask(2, 2048, 20);
      assert.deepEqual([status, /sized_flavor_base/.test(text)], [403, true]);
    });
  });
}

describe('flavors by size of a base', () => {
  it('have its extra specs, and others once it has others', async () => {
    const sizedFlavors = { perProject: 3, most, base: 'base' };
    const api = await startApi({ config: { ...testConfig, sizedFlavors } });
    try {
      const ask = () =>
        api.request('POST', PATH, { as: 'member', body: { flavor: { vcpus: 1, memory_mb: 300, disk_gb: 1 } } });
      assert.equal((await ask()).status, 501);
      await api.world.flavor({ id: 'base', specs: { 'price:hour': '0.5' } });
      const first = (await ask()).body.flavor.id as string;
      assert.match(first, /^sized-1-300-1-[0-9a-f]{8}$/);
      const found = await api.request('GET', `/flavors/${first}/os-extra_specs`, { as: 'member' });
      assert.deepEqual(found.body.extra_specs, {
        ...{ 'price:hour': '0.5', minimum_cpu: '1', minimum_memory: '256', 'xloud:start_size': 'maximum' },
      });
      const body = { extra_specs: { 'price:hour': '0.75' } };
      await api.request('POST', '/flavors/base/os-extra_specs', { body });
      assert.notEqual((await ask()).body.flavor.id, first);
      await api.request('POST', '/flavors/base/os-extra_specs', {
        body: { extra_specs: { 'hw:cpu_policy': 'dedicated' } },
      });
      assert.equal((await ask()).status, 400, 'a base that no elastic flavor can have');
    } finally {
      await api.close();
    }
  });

  it('cost what they guarantee: a floor that is said is not had for the price of the smallest', async () => {
    const sizedFlavors = { perProject: 20, most: { vcpus: 64, memoryMb: 1_048_576, diskGb: 10 }, base: 'base' };
    const api = await startApi({ config: { ...testConfig, sizedFlavors } });
    try {
      const specs = {
        ...{ 'price:hour': '0.01', 'price:vcpu_hour': '0.02', 'price:memory_gb_hour': '0.005' },
        ...{ minimum_cpu: '1', minimum_memory: '1024' },
      };
      await api.world.flavor({ id: 'base', specs });
      const made = async (vcpus: number, memory_mb: number, floor?: object) => {
        const body = { flavor: { vcpus, memory_mb, disk_gb: 1, ...(floor === undefined ? {} : { floor }) } };
        const { body: answer, status } = await api.request('POST', PATH, { as: 'member', body });
        if (status !== 200) return status;
        const found = await api.request('GET', `/flavors/${answer.flavor.id}/os-extra_specs`, { as: 'member' });
        return found.body.extra_specs['price:hour'];
      };
      assert.equal(await made(4, 4096), '0.01', 'what the base guarantees is in its price');
      assert.equal(await made(1, 512), '0.01', 'and no less');
      assert.equal(await made(4, 4096, { vcpus: 4, memory_mb: 4096 }), '0.085000', '3 vCPUs and 3 GiB more');
      assert.equal(await made(4, 4096, { vcpus: 1, memory_mb: 1025 }), '0.010005', 'a MiB is not free');
      assert.equal(await made(1, 8192), '0.015000', 'a quarter of much is more than the base guarantees');
      await api.request('POST', '/flavors/base/os-extra_specs', {
        body: { extra_specs: { 'price:vcpu_hour': '900' } },
      });
      assert.equal(await made(64, 4096, { vcpus: 64, memory_mb: 4096 }), 400, 'more than any price is not free');
    } finally {
      await api.close();
    }
  });

  it('are not there at all where the deployment wants none', async () => {
    const sizedFlavors = { perProject: 0, most, base: null };
    const api = await startApi({ config: { ...testConfig, sizedFlavors } });
    try {
      const body = { flavor: { vcpus: 1, memory_mb: 300, disk_gb: 1 } };
      assert.equal((await api.request('POST', PATH, { as: 'member', body })).status, 501);
    } finally {
      await api.close();
    }
  });
});
