// shelve, shelveOffload and unshelve: what shows meanwhile and afterwards, what is claimed, where a server comes back and as what.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { internal, unavailable } from '../../src/base/errors.ts';
import { systemCaller } from '../../src/base/op.ts';
import { findClaim } from '../../src/db/claims.ts';
import { findShelved } from '../../src/db/shelved.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { shelvedServers } from '../../src/ops/reconcile/shelved.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const SHELVE = { shelve: null };
const OFFLOAD = { shelveOffload: null };
const UNSHELVE = { unshelve: null };
const HOUR_MS = 3_600_000;

for (const engine of engines) {
  describe(`shelved servers on ${engine}`, () => {
    let keeping: Servers;
    let leaving: Servers;
    before(async () => {
      const hosts = [{ name: 'host-1' }, { name: 'host-2' }];
      const stay = { ...testConfig, shutdownMs: 50, shelvedOffloadMs: HOUR_MS };
      keeping = await startServers({ engine, config: stay });
      leaving = await startServers({ engine, hosts, config: { ...stay, shelvedOffloadMs: 0 } });
    });
    after(async () => {
      await keeping.close();
      await leaving.close();
    });

    const act = async (servers: Servers, id: string, body: object, options = {}): Promise<void> => {
      const answer = await servers.act(id, body, { as: 'admin', ...options });
      assert.deepEqual([answer.status, answer.text], [202, '']);
      await servers.world.settled();
    };
    const conflict = (answer: Answer, message: string) => {
      assert.equal(answer.status, 409, answer.text);
      assert.equal(answer.body.conflictingRequest.message, message);
    };
    const statesOf = async (servers: Servers, id: string) => {
      const server = await servers.show(id, { as: 'admin' });
      return [
        ...[server.status, server['OS-EXT-STS:vm_state'], server['OS-EXT-STS:task_state']],
        ...[server['OS-EXT-STS:power_state'], server['OS-EXT-SRV-ATTR:host']],
      ];
    };
    const shelvedImages = async (servers: Servers, id: string) =>
      (await servers.world.images.all()).filter((image) => image.properties['instance_uuid'] === id);
    const claimOf = async (servers: Servers, id: string) =>
      findClaim(servers.world.database.read, (await servers.world.server(id)).id);
    const guestOf = async (servers: Servers, id: string) => {
      const { host } = await servers.world.server(id);
      return servers.world.drivers.get(host ?? '')?.store.get(id);
    };

    it('wait as an image on their host, and come back there', async () => {
      const id = await keeping.create({ name: 'web' });
      const image = await keeping.world.gated(['powerOff', 'snapshot', 'uploadSnapshot'], async (gate) => {
        const answer = await keeping.act(id, SHELVE);
        assert.deepEqual([answer.status, answer.text], [202, '']);
        const [queued] = await shelvedImages(keeping, id);
        assert.deepEqual([queued?.name, queued?.status, queued?.visibility], ['web-shelved', 'queued', 'private']);
        for (const [asked, task] of [
          ['powerOff', 'shelving'],
          ['snapshot', 'shelving_image_pending_upload'],
          ['uploadSnapshot', 'shelving_image_uploading'],
        ] as const) {
          await gate.reached(asked);
          const shown = await keeping.show(id);
          assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['ACTIVE', task]);
          gate.pass(asked);
        }
        return queued;
      });
      await keeping.world.settled();
      assert.deepEqual(await statesOf(keeping, id), ['SHELVED', 'shelved', null, 4, 'host-1']);
      const [whole] = await shelvedImages(keeping, id);
      assert.deepEqual([whole?.id, whole?.status, whole?.properties['image_type']], [image?.id, 'active', 'snapshot']);
      assert.ok((await claimOf(keeping, id)) !== null, 'its place stays claimed');

      await keeping.world.gated(['powerOn'], async (gate) => {
        await keeping.act(id, UNSHELVE);
        await gate.reached('powerOn');
        assert.equal((await keeping.show(id))['OS-EXT-STS:task_state'], 'powering-on');
      });
      await keeping.world.settled();
      assert.deepEqual(await statesOf(keeping, id), ['ACTIVE', 'active', null, 1, 'host-1']);
      assert.deepEqual(await shelvedImages(keeping, id), []);
      assert.equal((await guestOf(keeping, id))?.starts, 2);
      assert.deepEqual(await keeping.world.leftovers(), []);
    });

    it('leave their host at once where no time is given to them, and come back as they were', async () => {
      const id = await leaving.create({ flavorRef: ELASTIC });
      await leaving.request('POST', `/os-xloud-adjust/${id}`, {
        body: { current_vcpus: 3, current_memory_mb: 1024 },
      });
      await leaving.world.settled();
      const { addresses, image, launched_at: launched } = await leaving.show(id);
      await leaving.world.gated(['destroy'], async (gate) => {
        await leaving.act(id, SHELVE);
        await gate.reached('destroy');
        const shown = await leaving.show(id);
        assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['SHELVED', 'shelving_offloading']);
      });
      await leaving.world.settled();
      assert.deepEqual(await statesOf(leaving, id), ['SHELVED_OFFLOADED', 'shelved_offloaded', null, 4, null]);
      const away = await leaving.show(id, { as: 'admin' });
      const nowhere = [away.hostId, away['OS-EXT-SRV-ATTR:hypervisor_hostname'], away['OS-EXT-AZ:availability_zone']];
      assert.deepEqual(nowhere, ['', null, '']);
      assert.deepEqual(away.addresses, addresses);
      assert.equal(await claimOf(leaving, id), null);
      assert.deepEqual(await leaving.world.leftovers(), []);
      const adjustment = await leaving.request('GET', `/os-xloud-adjust/${id}`);
      assert.equal(adjustment.status, 200, adjustment.text);

      await leaving.world.gated(['spawn'], async (gate) => {
        await leaving.act(id, UNSHELVE);
        await gate.reached('spawn');
        const shown = await leaving.show(id);
        assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['SHELVED_OFFLOADED', 'spawning']);
      });
      await leaving.world.settled();
      const back = await leaving.show(id, { as: 'admin' });
      assert.deepEqual([back.status, back.addresses, back.image], ['ACTIVE', addresses, image]);
      assert.notEqual(back['OS-SRV-USG:launched_at'], launched);
      assert.deepEqual(await shelvedImages(leaving, id), []);
      const claim = await claimOf(leaving, id);
      assert.deepEqual([claim?.vcpus, claim?.memoryMb], [3, 1024], 'the adjusted size is kept');
      assert.deepEqual((await guestOf(leaving, id))?.size, { vcpus: 3, memoryMb: 1024 });
      assert.match((await guestOf(leaving, id))?.spec.disks.image?.name ?? '', /-shelved$/);
      assert.deepEqual(await leaving.world.leftovers(), []);
      const { body } = await leaving.request('GET', `/servers/${id}/os-instance-actions`);
      const recorded = body.instanceActions.map((one: { action: string; message: string | null }) => [
        one.action,
        one.message,
      ]);
      assert.deepEqual(recorded.slice(0, 2), [
        ['unshelve', null],
        ['shelve', null],
      ]);
    });

    it('are offloaded by an administrator, or when their time is over', async () => {
      const id = await keeping.create();
      await act(keeping, id, SHELVE, { as: 'member' });
      assert.equal((await keeping.act(id, OFFLOAD)).status, 403);
      await act(keeping, id, OFFLOAD);
      assert.equal((await keeping.show(id)).status, 'SHELVED_OFFLOADED');

      const old = await keeping.create();
      const young = await keeping.create();
      for (const one of [old, young]) await act(keeping, one, SHELVE);
      const { id: row } = await keeping.world.server(old);
      const since = { shelved_at: Date.now() - HOUR_MS - 1 };
      await keeping.world.database.write('shelved_servers').where({ server_id: row }).update(since);
      await reconcileAll(keeping.world.deps, { shelvedServers });
      await keeping.world.settled();
      assert.equal((await keeping.show(old)).status, 'SHELVED_OFFLOADED');
      assert.equal((await keeping.show(young)).status, 'SHELVED');
      await reconcileAll(
        { ...keeping.world.deps, config: { ...testConfig, shelvedOffloadMs: -1 } },
        { shelvedServers },
      );
      await keeping.world.settled();
      assert.equal((await keeping.show(young)).status, 'SHELVED');
      assert.deepEqual(await keeping.world.leftovers(), []);
    });

    it('may be shelved running, off, paused or suspended; anything else is refused in Nova’s words', async () => {
      for (const [prepare, state] of [
        [{ 'os-stop': null }, 'SHUTOFF'],
        [{ pause: null }, 'PAUSED'],
        [{ suspend: null }, 'SUSPENDED'],
      ] as const) {
        const id = await leaving.create();
        await act(leaving, id, prepare);
        assert.equal((await leaving.show(id)).status, state);
        await act(leaving, id, SHELVE);
        assert.equal((await leaving.show(id)).status, 'SHELVED_OFFLOADED');
        await act(leaving, id, UNSHELVE);
        assert.equal((await leaving.show(id)).status, 'ACTIVE');
      }
      const id = await keeping.create();
      for (const [word, body, legal] of [
        ['shelve', SHELVE, ['active', 'stopped', 'paused', 'suspended']],
        ['shelveOffload', OFFLOAD, ['shelved']],
        ['unshelve', UNSHELVE, ['shelved', 'shelved_offloaded']],
      ] as const) {
        for (const state of ['active', 'stopped', 'error', 'rescued', 'building', 'shelved', 'shelved_offloaded']) {
          if ((legal as readonly string[]).includes(state)) continue;
          await keeping.set(id, { vm_state: state });
          const answer = await keeping.act(id, body, { as: 'admin' });
          conflict(answer, `Cannot '${word}' instance ${id} while it is in vm_state ${state}`);
        }
        await keeping.set(id, { vm_state: legal[0], task_state: 'deleting' });
        const busy = await keeping.act(id, body, { as: 'admin' });
        conflict(busy, `Cannot '${word}' instance ${id} while it is in task_state deleting`);
        await keeping.set(id, { task_state: null, locked_by: 'admin' });
        if (word !== 'shelveOffload') conflict(await keeping.act(id, body), `Instance ${id} is locked`);
        await keeping.set(id, { locked_by: null });
      }
      await keeping.set(id, { vm_state: 'active' });
    });

    it('are their project’s', async () => {
      const id = await keeping.create();
      for (const body of [SHELVE, OFFLOAD, UNSHELVE]) {
        assert.equal((await keeping.act(id, body, { as: 'reader' })).status, 403);
        assert.equal((await keeping.act(id, body, { as: 'other' })).status, 404);
        assert.equal((await keeping.act('none', body)).status, 404);
      }
      await act(keeping, id, SHELVE, { as: 'admin' });
      const [image] = await shelvedImages(keeping, id);
      assert.deepEqual([image?.owner, image?.visibility], [callers.admin.projectId, 'shared']);
      assert.ok((await keeping.world.images.find(callers.member, image?.id ?? '')) !== null);
      await act(keeping, id, UNSHELVE, { as: 'member' });
      assert.deepEqual(await shelvedImages(keeping, id), []);
    });

    it('come back in another zone from 2.77 on, and in any from 2.91', async () => {
      const id = await leaving.create({}, { as: 'member' });
      await act(leaving, id, SHELVE);
      const unshelve = (value: unknown, version: string, as: 'member' | 'admin' = 'member') =>
        leaving.act(id, { unshelve: value }, { version, as });
      for (const [value, version] of [
        [{}, '2.77'],
        [{ availability_zone: null }, '2.77'],
        [{ availability_zone: '' }, '2.90'],
        [{ availability_zone: 'nova', host: 'host-1' }, '2.90'],
        ['x', '2.77'],
        [{ availability_zone: 7 }, '2.91'],
        [{ host: null }, '2.91'],
        [{ other: 'x' }, '2.91'],
      ] as const) {
        assert.equal((await unshelve(value, version)).status, 400, `${JSON.stringify(value)} at ${version}`);
      }
      const unknown = await unshelve({ availability_zone: 'mars' }, '2.77');
      assert.equal(unknown.status, 400);
      assert.equal(unknown.body.badRequest.message, 'The requested availability zone is not available');
      assert.equal((await unshelve({ availability_zone: 'nova' }, '2.77')).status, 202);
      await leaving.world.settled();
      const pinned = await leaving.show(id, { as: 'admin', version: '2.96' });
      assert.deepEqual([pinned.status, pinned.pinned_availability_zone], ['ACTIVE', 'nova']);
      await act(leaving, id, SHELVE);
      assert.equal((await unshelve({ availability_zone: null }, '2.91')).status, 202);
      await leaving.world.settled();
      assert.equal((await leaving.show(id, { as: 'admin', version: '2.96' })).pinned_availability_zone, null);
      await act(leaving, id, SHELVE);
      // what an older version carries is not read
      assert.equal((await unshelve({ availability_zone: 'mars' }, '2.76')).status, 202);
      await leaving.world.settled();
      assert.equal((await leaving.show(id)).status, 'ACTIVE');
    });

    it('come back on the host that an administrator names', async () => {
      const id = await leaving.create({ availability_zone: 'nova' });
      await act(leaving, id, SHELVE);
      const to = (host: string, more: object = {}, as: 'member' | 'admin' = 'admin') =>
        leaving.act(id, { unshelve: { host, ...more } }, { version: '2.91', as });
      const refused = await to('host-2', {}, 'member');
      assert.equal(refused.status, 403);
      assert.match(refused.body.forbidden.message, /os_compute_api:os-shelve:unshelve_to_host/);
      const missing = await to('host-9');
      assert.equal(missing.status, 400);
      assert.equal(missing.body.badRequest.message, 'Compute host host-9 could not be found.');
      const { id: row } = await leaving.world.server(id);
      await leaving.world.database.write('servers').where({ id: row }).update({ requested_zone: 'elsewhere' });
      conflict(await to('host-2'), 'Host "host-2" is not in the availability zone "elsewhere".');
      for (const host of ['host-2', 'host-1']) {
        assert.equal((await to(host, { availability_zone: null })).status, 202);
        await leaving.world.settled();
        assert.equal((await leaving.show(id, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'], host);
        await act(leaving, id, SHELVE);
      }
      const only = await keeping.create();
      await act(keeping, only, SHELVE);
      for (const value of [{ availability_zone: 'nova' }, { host: 'host-1' }, { availability_zone: null }]) {
        const answer = await keeping.act(only, { unshelve: value }, { version: '2.91', as: 'admin' });
        conflict(
          answer,
          `Specifying an availability zone or a host when unshelving server "${only}" with status "shelved" is not ` +
            'supported. The server status must be SHELVED_OFFLOADED.',
        );
      }
      assert.equal((await keeping.act(only, { unshelve: {} }, { version: '2.91' })).status, 202);
      await keeping.world.settled();
    });

    it('stay shelved where no host takes them, and go on when one does', async () => {
      const turnHosts = async (way: 'enable' | 'disable') => {
        for (const host of ['host-1', 'host-2']) {
          const body = { host, binary: 'nova-compute' };
          assert.equal((await leaving.request('PUT', `/os-services/${way}`, { as: 'admin', body })).status, 200);
        }
      };
      const id = await leaving.create();
      await act(leaving, id, SHELVE);
      await turnHosts('disable');
      await act(leaving, id, UNSHELVE);
      assert.deepEqual(await statesOf(leaving, id), ['SHELVED_OFFLOADED', 'shelved_offloaded', null, 4, null]);
      const { body } = await leaving.request('GET', `/servers/${id}/os-instance-actions`);
      assert.deepEqual([body.instanceActions[0].action, body.instanceActions[0].message], ['unshelve', 'Error']);
      assert.deepEqual(await leaving.world.leftovers(), []);
      await turnHosts('enable');
      await act(leaving, id, UNSHELVE);
      assert.equal((await leaving.show(id)).status, 'ACTIVE');
    });

    it('are in ERROR when their image is gone', async () => {
      const id = await leaving.create();
      await act(leaving, id, SHELVE);
      const [image] = await shelvedImages(leaving, id);
      await leaving.world.images.remove(systemCaller, image?.id ?? '');
      await act(leaving, id, UNSHELVE);
      const server = await leaving.show(id);
      assert.equal(server.status, 'ERROR');
      assert.equal(server.fault.message, `Unshelve attempted but the image ${image?.id} cannot be found.`);
      await leaving.request('DELETE', `/servers/${id}`);
      await leaving.world.settled();
      assert.deepEqual(await leaving.world.leftovers(), []);
    });

    it('stay as they are when they cannot be shelved', async () => {
      for (const verb of ['snapshot', 'uploadSnapshot']) {
        const id = await leaving.create({ metadata: { xloud_fake: `fail:${verb}` } });
        await act(leaving, id, SHELVE);
        assert.deepEqual((await statesOf(leaving, id)).slice(0, 4), ['SHUTOFF', 'stopped', null, 4]);
        assert.deepEqual(await shelvedImages(leaving, id), []);
        await act(leaving, id, { 'os-start': null });
        assert.equal((await leaving.show(id)).status, 'ACTIVE');
      }
      assert.deepEqual(await leaving.world.leftovers(), []);
    });

    it('stay shelved when they cannot be offloaded, and are offloaded later', async () => {
      const id = await leaving.create();
      leaving.world.networks.failNext('rebind', unavailable('not now'), internal('broken'));
      await act(leaving, id, SHELVE);
      assert.deepEqual((await statesOf(leaving, id)).slice(0, 3), ['SHELVED', 'shelved', null]);
      assert.equal((await shelvedImages(leaving, id)).length, 1);
      await act(leaving, id, OFFLOAD);
      assert.equal((await leaving.show(id)).status, 'SHELVED_OFFLOADED');
      await act(leaving, id, UNSHELVE);
      assert.equal((await leaving.show(id)).status, 'ACTIVE');
    });

    it('have one image, though their state was set by hand between two times', async () => {
      const id = await keeping.create();
      await act(keeping, id, SHELVE);
      const [first] = await shelvedImages(keeping, id);
      await act(keeping, id, { 'os-resetState': { state: 'active' } });
      // its host tells that the guest is off
      await Promise.all(keeping.world.agents.values().map((agent) => agent.reportNow()));
      await keeping.world.settled();
      await act(keeping, id, SHELVE);
      const images = await shelvedImages(keeping, id);
      assert.equal(images.length, 1);
      assert.notDeepEqual(images[0], first);
      assert.deepEqual(await keeping.world.leftovers(), []);
    });

    it('take their image along when they are deleted, whatever goes on', async () => {
      const remove = async (servers: Servers, id: string) =>
        assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      const isGone = async (servers: Servers, id: string) => {
        await servers.world.settled();
        assert.deepEqual(await shelvedImages(servers, id), []);
        assert.equal(await findShelved(servers.world.database.read, (await servers.world.server(id)).id), null);
        assert.deepEqual(await servers.world.leftovers(), []);
      };
      for (const servers of [keeping, leaving]) {
        const id = await servers.create();
        await act(servers, id, SHELVE);
        await remove(servers, id);
        await isGone(servers, id);
      }
      const removeAt = async (id: string, body: object, asked: 'uploadSnapshot' | 'destroy' | 'spawn') => {
        await leaving.world.gated([asked], async (gate) => {
          await leaving.act(id, body);
          await gate.reached(asked);
          await remove(leaving, id);
        });
        await isGone(leaving, id);
      };
      for (const asked of ['uploadSnapshot', 'destroy'] as const) await removeAt(await leaving.create(), SHELVE, asked);
      const id = await leaving.create();
      await act(leaving, id, SHELVE);
      await removeAt(id, UNSHELVE, 'spawn');
    });
  });
}
