// resize, confirm, revert and cold migration: what shows meanwhile, what becomes of size, flavor, host and claims, and every refusal
// in Nova's words.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../src/db/claims.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { setLimit } from '../../src/db/quota-sets.ts';
import { tx } from '../../src/db/tx.ts';
import { callers } from '../support/callers.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';

const CONFIRM = { confirmResize: null };
const REVERT = { revertResize: null };
const MIGRATE = { migrate: null };
const HOSTS = [{ name: 'host-1' }, { name: 'host-2' }, { name: 'host-3' }];

const to = (flavorRef: string | number, more: object = {}) => ({ resize: { flavorRef, ...more } });

const refused = (answer: Answer, status: number, kind: string, message: string) => {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body[kind].message, message);
};

for (const engine of engines) {
  describe(`resize on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS });
      await servers.world.flavor({
        id: 'large',
        vcpus: 8,
        memoryMb: 8192,
        specs: { minimum_cpu: '2', minimum_memory: '512' },
      });
      await servers.world.flavor({ id: 'plain-2', vcpus: 2, memoryMb: 1024, rootGb: 2 });
    });
    after(() => servers.close());

    const conflict = (answer: Answer, message: string) => refused(answer, 409, 'conflictingRequest', message);
    const bad = (answer: Answer, message: string) => refused(answer, 400, 'badRequest', message);
    const done = async (id: string, body: object, status = 202, as: 'member' | 'admin' = 'member') => {
      const answer = await servers.act(id, body, { as });
      assert.deepEqual([answer.status, answer.text], [status, '']);
      await servers.world.settled();
    };
    const whole = (id: string) => servers.show(id, { as: 'admin', version: '2.100' });
    const hostOf = async (id: string) => (await whole(id))['OS-EXT-SRV-ATTR:host'] as string;
    const claimed = async () => {
      const hosts = await listHosts(servers.world.database.read);
      return hosts.reduce((sum, host) => sum + host.claimed.vcpus, 0);
    };
    const actions = async (id: string) => {
      const list = (await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' })).body;
      return list.instanceActions.map(({ action, message }: { action: string; message: string | null }) =>
        message === null ? action : `${action}: ${message}`,
      );
    };

    it('shows RESIZE, then VERIFY_RESIZE on another host with the new flavor, then ACTIVE', async () => {
      const id = await servers.create();
      const first = await hostOf(id);
      await servers.world.held(async () => {
        assert.equal((await servers.act(id, to('plain-2'))).status, 202);
        const during = await whole(id);
        assert.deepEqual([during.status, during['OS-EXT-STS:vm_state']], ['RESIZE', 'active']);
        assert.match(during['OS-EXT-STS:task_state'], /^resize_(prep|migrating|migrated|finish)$/);
        assert.equal(during.flavor.original_name, 'flavor-plain');
      });
      await servers.world.settled();
      const resized = await whole(id);
      assert.deepEqual(
        [
          resized.status,
          resized['OS-EXT-STS:vm_state'],
          resized['OS-EXT-STS:task_state'],
          resized['OS-EXT-STS:power_state'],
        ],
        ['VERIFY_RESIZE', 'resized', null, 1],
      );
      assert.equal(resized.flavor.original_name, 'flavor-plain-2');
      assert.notEqual(resized['OS-EXT-SRV-ATTR:host'], first);
      const [, second] = [first, resized['OS-EXT-SRV-ATTR:host']];
      const answer = await servers.act(id, CONFIRM);
      assert.deepEqual([answer.status, answer.text], [204, '']);
      await servers.world.settled();
      const confirmed = await whole(id);
      assert.deepEqual([confirmed.status, confirmed['OS-EXT-STS:task_state']], ['ACTIVE', null]);
      assert.equal(confirmed['OS-EXT-SRV-ATTR:host'], second);
      assert.deepEqual(await actions(id), ['confirmResize', 'resize', 'create']);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('holds both hosts until it is confirmed or taken back, which gives back everything', async () => {
      const id = await servers.create();
      const [old, total] = [await whole(id), await claimed()];
      await done(id, to('plain-2'));
      assert.equal(await claimed(), total + 2);
      assert.equal((await servers.act(id, REVERT)).status, 202);
      const during = await whole(id);
      assert.ok(during.status === 'REVERT_RESIZE' || during.status === 'ACTIVE', during.status);
      await servers.world.settled();
      const back = await whole(id);
      for (const key of ['status', 'flavor', 'OS-EXT-SRV-ATTR:host', 'OS-EXT-STS:power_state', 'addresses']) {
        assert.deepEqual(back[key], old[key], key);
      }
      assert.equal(await claimed(), total);
      await done(id, to('plain-2'));
      await done(id, CONFIRM, 204);
      assert.equal(await claimed(), total + 1);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('keeps the size that an adjustment gave, within the new bounds', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      const size = async () => {
        const { body } = await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'member' });
        return [body.vcpus.current, body.memory_mb.current, body.vcpus.maximum, body.memory_mb.minimum];
      };
      const adjust = { current_vcpus: 3, current_memory_mb: 300 };
      await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body: adjust });
      await servers.world.settled();
      assert.deepEqual(await size(), [3, 300, 4, 256]);
      await done(id, MIGRATE, 202, 'admin');
      assert.deepEqual(await size(), [3, 300, 4, 256]);
      await done(id, CONFIRM, 204);
      await done(id, to('large'));
      // 300 MiB are below the new minimum
      assert.deepEqual(await size(), [3, 512, 8, 512]);
      await done(id, REVERT);
      assert.deepEqual(await size(), [3, 300, 4, 256]);
      await done(id, to(PLAIN));
      assert.deepEqual(await size(), [1, 512, 1, 512]);
      await done(id, REVERT);
      assert.deepEqual(await size(), [3, 300, 4, 256]);
    });

    it('leaves a server off that was off; one that is switched on meanwhile is confirmed as it is', async () => {
      const id = await servers.create();
      await done(id, { 'os-stop': null });
      await done(id, to('plain-2'));
      const resized = await whole(id);
      assert.deepEqual([resized.status, resized['OS-EXT-STS:power_state']], ['VERIFY_RESIZE', 4]);
      await done(id, REVERT);
      assert.equal((await whole(id)).status, 'SHUTOFF');
      await done(id, to('plain-2'));
      await done(id, CONFIRM, 204);
      assert.equal((await whole(id)).status, 'SHUTOFF');
    });

    it('a guest that goes off by itself while it waits is seen, and confirmed as SHUTOFF', async () => {
      const id = await servers.create();
      await done(id, to('plain-2'));
      servers.world.drivers.get(await hostOf(id))?.powerOffFromInside(id);
      await servers.until(id, (server) => server['OS-EXT-STS:power_state'] === 4);
      assert.equal((await whole(id)).status, 'VERIFY_RESIZE');
      await done(id, CONFIRM, 204);
      assert.equal((await whole(id)).status, 'SHUTOFF');
    });

    it('a guest that crashes, or is frozen by hand, while it waits is confirmed as what it is', async () => {
      for (const [deed, powerState, status] of [
        ['crashFromInside', 6, 'SHUTOFF'],
        ['suspend', 3, 'PAUSED'],
      ] as const) {
        const id = await servers.create();
        await done(id, to('plain-2'));
        const driver = servers.world.drivers.get(await hostOf(id));
        if (deed === 'suspend') driver?.outOfBand.suspend(id);
        else driver?.crashFromInside(id);
        await servers.until(id, (server) => server['OS-EXT-STS:power_state'] === powerState);
        await done(id, CONFIRM, 204);
        assert.equal((await whole(id)).status, status);
      }
    });

    it('takes diskConfig; without it, it is MANUAL afterwards, as in Nova', async () => {
      const id = await servers.create();
      await done(id, to('plain-2', { 'OS-DCF:diskConfig': 'AUTO' }));
      assert.equal((await whole(id))['OS-DCF:diskConfig'], 'AUTO');
      await done(id, CONFIRM, 204);
      await done(id, to(PLAIN));
      assert.equal((await whole(id))['OS-DCF:diskConfig'], 'MANUAL');
      await done(id, CONFIRM, 204);
      for (const word of ['auto', null, true]) {
        assert.equal((await servers.act(id, to('plain-2', { 'OS-DCF:diskConfig': word }))).status, 400);
      }
    });

    it('is refused in the words of Nova', async () => {
      const id = await servers.create();
      const { world } = servers;
      bad(await servers.act(id, to(PLAIN)), 'When resizing, instances must change flavor!');
      bad(await servers.act(id, to('nothing')), 'Flavor nothing could not be found.');
      bad(await servers.act(id, to(77)), 'Flavor 77 could not be found.');
      await world.flavor({ id: 'diskless', rootGb: 0 });
      bad(
        await servers.act(id, to('diskless')),
        'Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.',
      );
      await world.flavor({ id: 'disabled' });
      await world.database.write('flavors').where({ flavorid: 'disabled' }).update({ disabled: 1 });
      bad(await servers.act(id, to('disabled')), 'Flavor disabled could not be found.');
      conflict(await servers.act(id, CONFIRM), `Cannot 'confirmResize' instance ${id} while it is in vm_state active`);
      conflict(await servers.act(id, REVERT), `Cannot 'revertResize' instance ${id} while it is in vm_state active`);
      await servers.set(id, { vm_state: 'resized' });
      bad(await servers.act(id, CONFIRM), 'Instance has not been resized.');
      bad(await servers.act(id, REVERT), 'Instance has not been resized.');
      for (const state of ['paused', 'suspended', 'resized', 'error', 'rescued', 'shelved']) {
        await servers.set(id, { vm_state: state });
        conflict(await servers.act(id, to('large')), `Cannot 'resize' instance ${id} while it is in vm_state ${state}`);
        conflict(
          await servers.act(id, MIGRATE, { as: 'admin' }),
          `Cannot 'migrate' instance ${id} while it is in vm_state ${state}`,
        );
      }
      await servers.set(id, { vm_state: 'active', task_state: 'rebooting' });
      conflict(
        await servers.act(id, to('large')),
        `Cannot 'resize' instance ${id} while it is in task_state rebooting`,
      );
      await servers.set(id, { task_state: null, locked_by: 'owner' });
      conflict(await servers.act(id, to('large')), `Instance ${id} is locked`);
      await servers.set(id, { locked_by: null });
      assert.equal((await servers.act(id, to('large'), { as: 'other' })).status, 404);
      for (const body of [to('large'), CONFIRM, REVERT]) {
        const answer = await servers.act(id, body, { as: 'reader' });
        assert.equal(answer.status, 403);
      }
      for (const body of [
        { resize: null },
        { resize: {} },
        { resize: { flavorRef: '' } },
        to('large', { now: true }),
      ]) {
        assert.equal((await servers.act(id, body)).status, 400);
      }
    });

    it('is held to what the image needs', async () => {
      const id = await servers.create({ flavorRef: 'plain-2' });
      const { image } = (await servers.world.server(id)) as { image: object };
      await servers.set(id, { image: JSON.stringify({ ...image, minRamMb: 1000, minDiskGb: 2 }) });
      bad(await servers.act(id, to(PLAIN)), "Flavor's memory is too small for requested image.");
      await servers.world.flavor({ id: 'thin', vcpus: 1, memoryMb: 2048, rootGb: 1 });
      bad(
        await servers.act(id, to('thin')),
        "Flavor's disk is smaller than the minimum size specified in image metadata. " +
          'Flavor disk is 1073741824 bytes, minimum size is 2147483648 bytes.',
      );
      await servers.set(id, { image: JSON.stringify({ ...image, properties: { auto_disk_config: 'Disabled' } }) });
      bad(
        await servers.act(id, to('thin', { 'OS-DCF:diskConfig': 'AUTO' })),
        `Requested image ${servers.imageId} has automatic disk resize disabled.`,
      );
    });

    it('is held to the quota when it grows, and when a revert does', async () => {
      const id = await servers.create();
      const project = callers.member.projectId as string;
      const { world } = servers;
      const used = (await servers.request('GET', `/os-quota-sets/${project}/detail`, { as: 'member' })).body.quota_set;
      const limit = (cores: number) =>
        tx(world.database, (t) => setLimit(t, { scope: 'project', scopeId: project }, 'cores', cores));
      await limit(used.cores.in_use);
      refused(
        await servers.act(id, to('plain-2')),
        403,
        'forbidden',
        `Quota exceeded for cores: Requested 1, but already used ${used.cores.in_use} of ${used.cores.in_use} cores`,
      );
      await limit(used.cores.in_use + 1);
      await done(id, to('plain-2'));
      await done(id, CONFIRM, 204);
      await done(id, to(PLAIN));
      await limit(used.cores.in_use);
      assert.equal((await servers.act(id, REVERT)).status, 403);
      await limit(-1);
      await done(id, REVERT);
    });

    it('a failure on the way leaves the server as it was, and says why', async () => {
      const id = await servers.create({ metadata: { xloud_fake: 'fail:receiveDisk' } });
      const first = await hostOf(id);
      await done(id, to('plain-2'));
      const after = await whole(id);
      assert.deepEqual([after.status, after['OS-EXT-SRV-ATTR:host']], ['ACTIVE', first]);
      assert.equal(after.flavor.original_name, 'flavor-plain');
      assert.deepEqual(await actions(id), ['resize: Error', 'create']);
      const { migrations } = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body;
      assert.deepEqual(
        migrations.map((move: { status: string }) => move.status),
        ['error'],
      );
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('finds no host: nothing changes', async () => {
      const id = await servers.create();
      await servers.world.flavor({ id: 'huge', vcpus: 4096, memoryMb: 4096 });
      const unlimited = (resource: string) =>
        tx(servers.world.database, (t) =>
          setLimit(t, { scope: 'project', scopeId: callers.member.projectId as string }, resource, -1),
        );
      await unlimited('cores');
      await done(id, to('huge'));
      assert.equal((await whole(id)).status, 'ACTIVE');
      assert.deepEqual(await actions(id), ['resize: Error', 'create']);
      assert.equal(servers.world.drivers.get(await hostOf(id))?.store.get(id)?.starts, 1);
    });

    it('a resized server may be deleted: nothing is left on either host', async () => {
      const id = await servers.create();
      await done(id, to('plain-2'));
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.equal((await servers.request('GET', `/servers/${id}`, { as: 'member' })).status, 404);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('migrate: to another host, or to the one that an administrator names from 2.56 on', async () => {
      const id = await servers.create();
      const first = await hostOf(id);
      const [second, third] = HOSTS.map(({ name }) => name).filter((name) => name !== first) as [string, string];
      const migrate = (host: unknown, version: string, as: 'admin' | 'manager' | 'member' = 'admin') =>
        servers.act(id, { migrate: { host } }, { as, version });
      bad(await migrate(first, '2.56'), 'Cannot migrate to the host where the server exists.');
      bad(await migrate('nowhere', '2.56'), 'Compute host nowhere could not be found.');
      for (const host of ['', 'a b', 7]) assert.equal((await migrate(host, '2.56')).status, 400);
      assert.equal((await migrate(second, '2.56', 'manager')).status, 403);
      assert.equal((await servers.act(id, MIGRATE, { as: 'member' })).status, 403);
      assert.equal((await migrate(third, '2.56')).status, 202);
      await servers.world.settled();
      assert.equal(await hostOf(id), third);
      await done(id, REVERT);
      assert.equal(await hostOf(id), first);
      // before, the body says nothing
      assert.equal((await migrate(7, '2.55', 'manager')).status, 202);
      await servers.world.settled();
      assert.notEqual(await hostOf(id), first);
      await done(id, CONFIRM, 204);
      assert.equal((await migrate(null, '2.100', 'manager')).status, 202);
      await servers.world.settled();
      assert.equal((await whole(id)).status, 'VERIFY_RESIZE');
      assert.equal((await whole(id)).flavor.original_name, 'flavor-plain');
      assert.deepEqual((await actions(id)).slice(0, 2), ['migrate', 'confirmResize']);
    });

    it('is refused while a host that it needs is down', async () => {
      const id = await servers.create();
      const name = await hostOf(id);
      const forced = (host: string, down: boolean) =>
        servers.request('PUT', '/os-services/force-down', {
          version: '2.11',
          body: { host, binary: 'nova-compute', forced_down: down },
        });
      await forced(name, true);
      const text = 'Service is unavailable at this time.';
      conflict(await servers.act(id, to('plain-2')), text);
      conflict(await servers.act(id, MIGRATE, { as: 'admin' }), text);
      await forced(name, false);
      await done(id, to('plain-2'));
      await forced(name, true);
      conflict(await servers.act(id, CONFIRM), text);
      // a deletion does not wait for it; when it is back, what it had goes
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.equal((await servers.world.leftovers()).length, 1);
      await forced(name, false);
      await servers.world.worker().reconcile();
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('claims agree with the servers in the end', async () => {
      assert.deepEqual(await servers.world.leftovers(), []);
      const id = await servers.create();
      const claim = await findClaim(servers.world.database.read, (await servers.world.server(id)).id);
      assert.deepEqual([claim?.vcpus, claim?.memoryMb, claim?.diskGb], [1, 512, 1]);
    });
  });

  describe(`resize as configured on ${engine}`, () => {
    it('stays on its host where that is allowed, and is taken back there', async () => {
      const servers = await startServers({ engine, config: { allowResizeToSameHost: true } });
      try {
        await servers.world.flavor({ id: 'plain-2', vcpus: 2, memoryMb: 1024 });
        const id = await servers.create();
        const act = async (body: object) => {
          const answer = await servers.act(id, body);
          assert.ok(answer.status < 300, answer.text);
          await servers.world.settled();
          return servers.world.server(id);
        };
        for (const end of [REVERT, CONFIRM]) {
          const resized = await act(to('plain-2'));
          assert.deepEqual([resized.vmState, resized.host, resized.currentVcpus], ['resized', 'host-1', 2]);
          const [host] = await listHosts(servers.world.database.read);
          assert.deepEqual([host?.claimed.vcpus, host?.runningVms], [3, 1]);
          const ended = await act(end);
          assert.deepEqual([ended.vmState, ended.currentVcpus], ['active', end === REVERT ? 1 : 2]);
          assert.deepEqual(await servers.world.leftovers(), []);
        }
        assert.equal((await servers.act(id, MIGRATE, { as: 'admin' })).status, 202);
        await servers.world.settled();
        assert.equal((await servers.world.server(id)).vmState, 'active', 'no migration ends where it began');
      } finally {
        await servers.close();
      }
    });

    it('is not supported by hosts whose driver cannot move guests; evacuation is', async () => {
      const cannot = (driver: FakeDriver): FakeDriver => ({
        ...driver,
        async inventory() {
          const inventory = await driver.inventory();
          const { facts } = inventory;
          return { ...inventory, facts: { ...facts, capabilities: { ...facts.capabilities, verbs: [] } } };
        },
      });
      const hosts = ['host-1', 'host-2'].map((name) => ({ name, wrap: cannot }));
      const servers = await startServers({ engine, hosts });
      try {
        const id = await servers.create();
        const { host: home } = await servers.world.server(id);
        const live = { 'os-migrateLive': { host: null, block_migration: false, disk_over_commit: false } };
        for (const body of [to(ELASTIC), MIGRATE, live]) {
          const answer = await servers.act(id, body, { as: 'admin' });
          const message = 'No valid host was found. The driver of its host cannot move the server.';
          refused(answer, 400, 'badRequest', message);
        }
        const down = { host: home, binary: 'nova-compute', forced_down: true };
        await servers.request('PUT', '/os-services/force-down', { version: '2.11', body: down });
        assert.equal((await servers.act(id, { evacuate: {} }, { as: 'admin', version: '2.14' })).status, 200);
        await servers.world.settled();
        const { vmState, host: now } = await servers.world.server(id);
        assert.deepEqual([vmState, now === home], ['active', false]);
      } finally {
        await servers.close();
      }
    });

    it('is confirmed after a time that nobody did', async () => {
      const servers = await startServers({ engine, hosts: HOSTS, config: { resizeConfirmMs: 30 } });
      try {
        await servers.world.flavor({ id: 'plain-2', vcpus: 2, memoryMb: 1024 });
        const id = await servers.create();
        await servers.act(id, to('plain-2'));
        await servers.world.settled();
        assert.equal((await servers.world.server(id)).vmState, 'resized');
        await new Promise((resolve) => setTimeout(resolve, 40));
        await servers.world.worker().reconcile();
        await servers.world.settled();
        assert.equal((await servers.world.server(id)).vmState, 'active');
        const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
        assert.equal(list.body.instanceActions[0].action, 'confirmResize');
        // one whose state was set by hand waits for nothing any more
        await servers.act(id, to(PLAIN));
        await servers.world.settled();
        await servers.act(id, { 'os-resetState': { state: 'active' } }, { as: 'admin' });
        await new Promise((resolve) => setTimeout(resolve, 40));
        await servers.world.worker().reconcile();
        const { migrations } = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body;
        assert.deepEqual(
          migrations.map((move: { status: string }) => move.status),
          ['confirmed', 'error'],
        );
        assert.deepEqual(await servers.world.leftovers(), []);
      } finally {
        await servers.close();
      }
    });
  });
}
