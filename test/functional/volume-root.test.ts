// Servers that boot from a volume go to other flavors and hosts, and wait without a host: the volume is theirs all the way, at the host
// where they are, and of their hosts they claim what lies there.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../src/db/claims.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const PROJECT = callers.member.projectId ?? '';
const HOUR_MS = 3_600_000;
const CONFIRM = { confirmResize: null };
const REVERT = { revertResize: null };
const MIGRATE = { migrate: null };
const ADMIN = { as: 'admin', version: '2.67' } as const;
const live = (block_migration: boolean | 'auto') => ({ 'os-migrateLive': { host: null, block_migration } });

for (const engine of engines) {
  describe(`servers that boot from a volume, on ${engine}`, () => {
    let servers: Servers;
    let small = '';
    let large = '';
    let diskless = '';
    let local = '';
    before(async () => {
      const hosts = [{ name: 'host-1' }, { name: 'host-2' }, { name: 'host-3' }];
      // Nova offloads them at once all the same
      servers = await startServers({
        engine,
        hosts,
        config: { ...testConfig, shutdownMs: 50, shelvedOffloadMs: HOUR_MS },
      });
      small = await servers.world.flavor({ vcpus: 1, memoryMb: 512, rootGb: 5 });
      large = await servers.world.flavor({ vcpus: 2, memoryMb: 1024, rootGb: 20 });
      diskless = await servers.world.flavor({ vcpus: 1, memoryMb: 256, rootGb: 0 });
      local = await servers.world.flavor({ vcpus: 1, memoryMb: 512, rootGb: 5, ephemeralGb: 2, swapMb: 512 });
    });
    after(() => servers.close());

    const boots = async (
      flavorRef: string,
      wish: object = {},
      imageMetadata: Readonly<Record<string, string>> = {},
    ) => {
      const root = servers.world.volumes.add(PROJECT, { bootable: true, imageMetadata });
      const device = { uuid: root, source_type: 'volume', destination_type: 'volume', boot_index: 0, ...wish };
      const id = await servers.create({ flavorRef, imageRef: '', block_device_mapping_v2: [device] });
      return { id, root };
    };
    const done = async (id: string, body: object, options: object = {}, status = 202) => {
      const answer = await servers.act(id, body, options);
      assert.equal(answer.status, status, answer.text);
      await servers.world.settled();
    };
    const resized = (id: string, flavorRef: string) => done(id, { resize: { flavorRef } });
    const hostOf = async (id: string) => (await servers.world.server(id)).host;
    const claimedGb = async (id: string) => {
      const claim = await findClaim(servers.world.database.read, (await servers.world.server(id)).id);
      return claim?.diskGb ?? null;
    };
    const statusOf = async (id: string): Promise<string> => (await servers.show(id)).status;
    const lastMove = async (id: string) =>
      (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body.migrations.at(-1).status as string;
    /** Its guest has the volume and nothing else of a root disk, and the volume service knows where; claims add up. */
    const isWhole = async (id: string, root: string) => {
      const { host } = await servers.world.server(id);
      const guest = servers.world.drivers.get(host ?? '')?.store.get(id);
      const [disk, ...others] = guest?.spec.disks.volumes ?? [];
      assert.deepEqual([disk?.volumeId, disk?.bootIndex, others], [root, 0, []]);
      assert.equal(guest?.powerState, power.running);
      const held = servers.world.volumes.attachments().filter(({ volumeId }) => volumeId === root);
      assert.deepEqual(
        held.map(({ serverUuid, host: at, status }) => [serverUuid, at, status]),
        [[id, host, 'attached']],
      );
      assert.deepEqual(await servers.world.leftovers(), []);
    };
    const gone = async (id: string) => {
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    };
    const forceDown = (host: string | null, down: boolean) =>
      servers.request('PUT', '/os-services/force-down', {
        version: '2.11',
        body: { host, binary: 'nova-compute', forced_down: down },
      });

    it('are resized to more disk, less and none, and back: none of it is claimed', async () => {
      const { id, root } = await boots(small);
      assert.equal(await claimedGb(id), 0);
      const first = await hostOf(id);
      await resized(id, large);
      assert.equal(await statusOf(id), 'VERIFY_RESIZE');
      assert.notEqual(await hostOf(id), first);
      await isWhole(id, root);
      await done(id, REVERT);
      assert.deepEqual([await statusOf(id), await hostOf(id)], ['ACTIVE', first]);
      await isWhole(id, root);
      await resized(id, large);
      await done(id, CONFIRM, {}, 204);
      for (const flavor of [small, diskless, large]) {
        await resized(id, flavor);
        await done(id, CONFIRM, {}, 204);
        assert.deepEqual([await statusOf(id), await claimedGb(id)], ['ACTIVE', 0]);
        await isWhole(id, root);
      }
      await gone(id);
      assert.equal(servers.world.volumes.stateOf(root), 'available');
    });

    it('claim the disks that lie on their hosts, also where these come and go with a flavor', async () => {
      const { id, root } = await boots(local);
      // 2 GiB and a GiB begun
      assert.equal(await claimedGb(id), 3);
      await done(id, MIGRATE, { as: 'admin' });
      assert.equal(await claimedGb(id), 3);
      await done(id, CONFIRM, {}, 204);
      await done(id, { shelve: null });
      assert.equal(await claimedGb(id), null);
      await done(id, { unshelve: null });
      assert.equal(await claimedGb(id), 3);
      await isWhole(id, root);
      await gone(id);
    });

    it('of an image that needs a large disk are resized all the same: their volume was asked for that', async () => {
      const { id } = await boots(large, {}, { min_disk: '15', min_ram: '300' });
      await resized(id, small);
      await done(id, CONFIRM, {}, 204);
      const refused = await servers.act(id, { resize: { flavorRef: diskless } });
      assert.deepEqual([refused.status, /memory is too small/.test(refused.text)], [400, true], refused.text);
      await gone(id);
    });

    it('one with an image is not resized to no disk', async () => {
      const id = await servers.create({ flavorRef: large });
      const refused = await servers.act(id, { resize: { flavorRef: diskless } });
      assert.match(refused.text, /Resize to zero disk flavor is not allowed/);
      assert.equal(await claimedGb(id), 20);
      await gone(id);
    });

    it('move as they run; disks that they do not have are not copied on demand', async () => {
      const { id, root } = await boots(small);
      for (const blockMigration of ['auto', false] as const) {
        const before = await hostOf(id);
        await done(id, live(blockMigration), ADMIN);
        assert.notEqual(await hostOf(id), before);
        assert.equal(await lastMove(id), 'completed');
        await isWhole(id, root);
      }
      const before = await hostOf(id);
      await done(id, live(true), ADMIN);
      assert.deepEqual([await hostOf(id), await statusOf(id)], [before, 'ACTIVE']);
      assert.equal(await lastMove(id), 'failed');
      await isWhole(id, root);
      await gone(id);
      const other = await boots(local);
      for (const blockMigration of ['auto', true] as const) {
        await done(other.id, live(blockMigration), ADMIN);
        assert.equal(await lastMove(other.id), 'completed');
        await isWhole(other.id, other.root);
      }
      await gone(other.id);
    });

    it('are evacuated with their volume', async () => {
      const { id, root } = await boots(local);
      const dead = await hostOf(id);
      await forceDown(dead, true);
      const answer = await servers.act(id, { evacuate: {} }, { as: 'admin', version: '2.68' });
      assert.equal(answer.status, 200, answer.text);
      await servers.world.settled();
      assert.notEqual(await hostOf(id), dead);
      await forceDown(dead, false);
      await servers.world.worker().reconcile();
      assert.equal(await claimedGb(id), 3);
      await isWhole(id, root);
      await gone(id);
    });

    it('leave their host when they are shelved, without an image, and come back from the volume, also elsewhere', async () => {
      const { id, root } = await boots(small);
      const data = servers.world.volumes.add(PROJECT);
      const attached = await servers.request('POST', `/servers/${id}/os-volume_attachments`, {
        ...{ as: 'member', body: { volumeAttachment: { volumeId: data } } },
      });
      assert.equal(attached.status, 200, attached.text);
      await servers.world.settled();
      const first = (await hostOf(id)) ?? '';
      const before = (await servers.world.images.all()).length;
      await done(id, { shelve: null });
      assert.deepEqual([await statusOf(id), await hostOf(id)], ['SHELVED_OFFLOADED', null]);
      assert.equal((await servers.world.images.all()).length, before, 'no image is made');
      assert.equal(servers.world.drivers.get(first)?.store.get(id), undefined);
      for (const volume of [root, data]) assert.equal(servers.world.volumes.stateOf(volume), 'reserved');
      assert.deepEqual(await servers.world.leftovers(), []);
      const { body } = await servers.request('GET', `/servers/${id}/os-instance-actions`);
      assert.deepEqual([body.instanceActions[0].action, body.instanceActions[0].message], ['shelve', null]);
      const elsewhere = first === 'host-2' ? 'host-3' : 'host-2';
      await done(id, { unshelve: { host: elsewhere } }, { as: 'admin', version: '2.91' });
      assert.deepEqual([await statusOf(id), await hostOf(id)], ['ACTIVE', elsewhere]);
      const volumes = servers.world.drivers.get(elsewhere)?.store.get(id)?.spec.disks.volumes ?? [];
      assert.deepEqual(
        volumes.map(({ volumeId, bootIndex }) => [volumeId, bootIndex]),
        [
          [root, 0],
          [data, null],
        ],
      );
      for (const { host, status } of servers.world.volumes.attachments()) {
        assert.deepEqual([host, status], [elsewhere, 'attached']);
      }
      await gone(id);
    });

    it('give their volume up with themselves while they are shelved, or leave it', async () => {
      for (const [wish, left] of [
        [{ delete_on_termination: true }, null],
        [{}, 'available'],
      ] as const) {
        const { id, root } = await boots(small, wish);
        await done(id, { shelve: null });
        assert.equal(servers.world.volumes.stateOf(root), 'reserved');
        await gone(id);
        assert.equal(servers.world.volumes.stateOf(root), left);
        assert.deepEqual(servers.world.volumes.attachments(), []);
      }
    });

    it('do not come back without the volume, which may go while they have no host', async () => {
      const { id, root } = await boots(small);
      const detach = () =>
        servers.request('DELETE', `/servers/${id}/os-volume_attachments/${root}`, { as: 'member', version: '2.20' });
      assert.equal((await detach()).status, 403);
      await done(id, { shelve: null });
      assert.equal((await detach()).status, 202);
      await servers.world.settled();
      assert.equal(servers.world.volumes.stateOf(root), 'available');
      const refused = await servers.act(id, { unshelve: null });
      assert.deepEqual([refused.status, /boots from was detached/.test(refused.text)], [400, true], refused.text);
      assert.equal(await statusOf(id), 'SHELVED_OFFLOADED');
      await gone(id);
      assert.equal(servers.world.volumes.stateOf(root), 'available');
    });

    it('wait for an administrator or the clock where they could not leave their host', async () => {
      const { id, root } = await boots(small);
      const host = (await hostOf(id)) ?? '';
      servers.world.drivers.get(host)?.behave(id, 'fail:destroy');
      await done(id, { shelve: null });
      assert.deepEqual([await statusOf(id), await hostOf(id)], ['SHELVED', host]);
      // it is where it was, and may come back there
      await done(id, { unshelve: null });
      await isWhole(id, root);
      await done(id, { shelve: null });
      servers.world.drivers.get(host)?.behave(id, '');
      await done(id, { shelveOffload: null }, { as: 'admin' });
      assert.deepEqual([await statusOf(id), await hostOf(id)], ['SHELVED_OFFLOADED', null]);
      assert.equal(servers.world.volumes.stateOf(root), 'reserved');
      await done(id, { unshelve: null });
      await isWhole(id, root);
      await gone(id);
    });

    it('stay where they are when a move fails, with their volume', async () => {
      const { id, root } = await boots(local);
      const first = (await hostOf(id)) ?? '';
      for (const word of ['fail:receiveDisk', 'fail:fetchDisk', 'fail:migrateDisk']) {
        servers.world.drivers.get(first)?.behave(id, word);
        await resized(id, large);
        assert.equal(await lastMove(id), 'error', word);
        assert.equal(await hostOf(id), first, word);
        servers.world.drivers.get(first)?.behave(id, '');
        await isWhole(id, root);
      }
      await gone(id);
    });
  });
}
