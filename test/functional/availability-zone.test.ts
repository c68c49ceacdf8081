import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, startApi } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { adminOp } from '../support/world.ts';

for (const engine of engines) {
  describe(`availability zones on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startApi({ engine, hosts: [{ name: 'alpha' }, { name: 'beta' }, { name: 'gamma' }] });
      const { write } = api.world.database;
      for (const [host, zone] of [
        ['beta', 'east'],
        ['gamma', 'attic'],
      ] as const) {
        const { id } = await api.world.ops.createAggregate(adminOp(), { name: zone, zone });
        await api.world.ops.addHostToAggregate(adminOp(), id, host);
      }
      await write('services').where({ host: 'gamma' }).update({ disabled: 1 });
      const now = Date.now();
      await write('services').insert({
        uuid: '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111',
        binary: 'nova-scheduler',
        host: 'control',
        zone: 'internal',
        created_at: now,
        last_seen_at: now - 3_600_000,
      });
    });
    after(() => api.close());

    it('everybody sees their names, but not the one of the cloud itself', async () => {
      const { status, body } = await api.request('GET', '/os-availability-zone', { as: 'reader' });
      assert.equal(status, 200);
      assert.deepEqual(body, {
        availabilityZoneInfo: [
          { zoneName: 'east', zoneState: { available: true }, hosts: null },
          { zoneName: 'nova', zoneState: { available: true }, hosts: null },
          { zoneName: 'attic', zoneState: { available: false }, hosts: null },
        ],
      });
    });

    it('of a host that is forced counts, whatever zone is named with it', async () => {
      const pinned = async (availability_zone: string) => {
        const flavorRef = await api.world.flavor({ vcpus: 1, memoryMb: 64 });
        const server = { name: 's', flavorRef, imageRef: api.world.imageId, networks: 'none', availability_zone };
        const made = await api.request('POST', '/servers', { body: { server }, version: '2.96' });
        assert.equal(made.status, 202, made.text);
        await api.world.settled();
        const path = `/servers/${made.body.server.id}`;
        const shown = (await api.request('GET', path, { version: '2.96' })).body.server;
        await api.request('DELETE', path);
        await api.world.settled();
        return [shown.status, shown.pinned_availability_zone, shown['OS-EXT-SRV-ATTR:host']];
      };
      assert.deepEqual(await pinned('east:beta'), ['ACTIVE', 'east', 'beta']);
      assert.deepEqual(await pinned('nova:beta'), ['ACTIVE', 'east', 'beta']);
      assert.deepEqual(await pinned(':beta'), ['ACTIVE', 'east', 'beta']);
      assert.deepEqual(await pinned('nova:alpha'), ['ACTIVE', 'nova', 'alpha']);
      assert.deepEqual(await pinned('east:alpha'), ['ACTIVE', null, 'alpha']);
      assert.deepEqual(await pinned(':alpha'), ['ACTIVE', null, 'alpha']);
      assert.deepEqual(await pinned('nova::alpha'), ['ACTIVE', 'nova', 'alpha']);
    });

    it('administrators see what is in them', async () => {
      const { body } = await api.request('GET', '/os-availability-zone/detail');
      const zones = body.availabilityZoneInfo as {
        zoneName: string;
        hosts: Record<string, Record<string, { updated_at: string }>>;
      }[];
      assert.deepEqual(
        zones.map(({ zoneName }) => zoneName),
        ['east', 'internal', 'nova', 'attic'],
      );
      assert.equal(zones[3]?.hosts, null);
      const beta = zones[0]?.hosts['beta']?.['nova-compute'];
      assert.match(beta?.updated_at as string, /^\d{4}-/);
      assert.deepEqual({ ...beta, updated_at: '' }, { active: true, available: true, updated_at: '' });
      const scheduler = zones[1]?.hosts['control']?.['nova-scheduler'];
      assert.deepEqual({ ...scheduler, updated_at: '' }, { active: true, available: false, updated_at: '' });
      assert.equal((await api.request('GET', '/os-availability-zone/detail', { as: 'member' })).status, 403);
    });

    it('unknown parameters are refused from 2.102 on', async () => {
      assert.equal((await api.request('GET', '/os-availability-zone?x=1', { version: '2.101' })).status, 200);
      assert.equal((await api.request('GET', '/os-availability-zone?x=1', { version: '2.102' })).status, 400);
    });
  });
}
