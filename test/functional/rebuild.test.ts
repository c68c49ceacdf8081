// A server built anew: what it may change at which version and what stays, what the answer shows, from which states, and what
// becomes of a server whose rebuilding fails.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { imageFacts } from '../support/guest-spec.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { makeOp } from '../support/world.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ6YkVwCq1DpZ0L6e1oJrHY0rVj5yN4T6mQ2cX8hB7K test@example.org';
const other = imageFacts({ name: 'other', properties: { kernel_id: '', os_distro: 'other' } });

for (const engine of engines) {
  describe(`rebuilding servers on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
      const keypair = { name: 'mine', public_key: KEY };
      await servers.request('POST', '/os-keypairs', { as: 'member', body: { keypair } });
      await servers.world.images.add(other);
    });
    after(() => servers.close());

    const guestOf = (id: string) => servers.world.drivers.get('host-1')?.store.get(id);
    const rebuild = (id: string, more: object = {}, options: Parameters<Servers['act']>[2] = {}) =>
      servers.act(id, { rebuild: { imageRef: servers.imageId, ...more } }, options);
    const rebuilt = async (id: string, more: object = {}, options: Parameters<Servers['act']>[2] = {}) => {
      const answer = await rebuild(id, more, options);
      assert.equal(answer.status, 202, answer.text);
      await servers.world.settled();
      return answer.body.server;
    };
    const refused = (answer: Answer, status: number, message: string) => {
      assert.equal(answer.status, status, answer.text);
      const [fault] = Object.values(answer.body) as { message: string }[];
      assert.equal(fault?.message, message);
    };

    it('makes new disks from an image and keeps host, ports and flavor', async () => {
      const id = await servers.create({ metadata: { kept: 'yes' } });
      const before = await servers.show(id);
      await servers.world.held(async () => {
        const answer = await rebuild(id, { imageRef: other.id });
        assert.equal(answer.status, 202);
        assert.equal(answer.headers['location'], `${servers.url}/v2.1/servers/${id}`);
        const { server } = answer.body;
        assert.deepEqual([server.id, server.status, server.image.id], [id, 'REBUILD', other.id]);
        assert.match(server.adminPass, /^\w{12}$/);
        const meanwhile = await servers.show(id);
        assert.equal(meanwhile.status, 'REBUILD');
        assert.match(meanwhile['OS-EXT-STS:task_state'], /^rebuild(ing|_spawning)$/);
      });
      await servers.world.settled();
      const after = await servers.show(id);
      assert.deepEqual([after.status, after['OS-EXT-STS:task_state'], after.image.id], ['ACTIVE', null, other.id]);
      for (const key of ['hostId', 'addresses', 'flavor', 'metadata', 'name', 'created', 'key_name']) {
        assert.deepEqual(after[key], before[key], key);
      }
      assert.notEqual(after['OS-SRV-USG:launched_at'], before['OS-SRV-USG:launched_at']);
      const guest = guestOf(id);
      assert.deepEqual([guest?.made, guest?.spec.disks.image?.id], [{ root: 2, ephemeral: 2 }, other.id]);
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      const [last] = list.body.instanceActions;
      assert.deepEqual([last.action, last.message], ['rebuild', null]);
    });

    it('takes what is given, by version, and leaves the rest', async () => {
      const id = await servers.create({ metadata: { old: 'yes' } });
      await rebuilt(id, {
        ...{ name: 'new name', metadata: { new: '1' }, accessIPv4: '10.1.2.3', accessIPv6: 'fe80::7' },
        ...{ 'OS-DCF:diskConfig': 'MANUAL', personality: [{ path: '/etc/motd', contents: 'aGk=' }] },
      });
      let shown = await servers.show(id, { version: '2.19' });
      assert.deepEqual(
        [shown.name, shown.metadata, shown.accessIPv4, shown.accessIPv6, shown['OS-DCF:diskConfig']],
        ['new name', { new: '1' }, '10.1.2.3', 'fe80::7', 'MANUAL'],
      );
      assert.deepEqual(guestOf(id)?.spec.configDrive?.files, [{ path: '/etc/motd', contents: 'aGk=' }]);
      await rebuilt(id, { 'OS-DCF:diskConfig': 'AUTO' });
      assert.equal((await servers.show(id))['OS-DCF:diskConfig'], 'AUTO');
      await rebuilt(id, { description: 'said' }, { version: '2.19' });
      assert.equal((await servers.show(id))['OS-DCF:diskConfig'], 'MANUAL');
      shown = await servers.show(id, { version: '2.19' });
      assert.deepEqual([shown.description, shown.name, shown.metadata], ['said', 'new name', { new: '1' }]);
      assert.deepEqual(guestOf(id)?.spec.configDrive?.files, []);
      await rebuilt(id, { description: null, key_name: 'mine' }, { version: '2.54' });
      assert.equal((await servers.world.server(id)).keyData, KEY);
      assert.equal((await servers.show(id)).key_name, 'mine');
      await rebuilt(id, { key_name: null, user_data: 'aGk=' }, { version: '2.57' });
      assert.deepEqual([(await servers.show(id)).key_name, (await servers.world.server(id)).userData], [null, 'aGk=']);
      await rebuilt(id, { user_data: null, trusted_image_certificates: null }, { version: '2.63' });
      assert.equal((await servers.world.server(id)).userData, null);
      await rebuilt(id, { hostname: 'new-host' }, { version: '2.90' });
      await rebuilt(id, {}, { version: '2.104' });
      assert.equal(guestOf(id)?.spec.hostname, 'new-host');
      await rebuilt(id, { hostname: 'new.host.example' }, { version: '2.94' });
      assert.equal((await servers.world.server(id)).hostname, 'new.host.example');
    });

    it('refuses fields before and after their versions', async () => {
      const id = await servers.create();
      for (const [field, value, version] of [
        ['description', 'x', '2.18'],
        ['key_name', 'mine', '2.53'],
        ['user_data', 'aGk=', '2.56'],
        ['personality', [], '2.57'],
        ['trusted_image_certificates', null, '2.62'],
        ['hostname', 'x1', '2.89'],
        ['hostname', 'a.b', '2.93'],
        ['imageRef', '', '2.1'],
        ['name', '', '2.1'],
        ['preserve_ephemeral', 'maybe', '2.1'],
        ['accessIPv4', 'fe80::7', '2.1'],
      ] as const) {
        assert.equal((await rebuild(id, { [field]: value }, { version })).status, 400, `${field} at ${version}`);
      }
      assert.equal((await servers.act(id, { rebuild: {} })).status, 400);
    });

    it('answers with the fields of its version', async () => {
      const id = await servers.create({ user_data: 'aGk=' });
      const keysAt = async (version: string, as: 'member' | 'admin' = 'member') =>
        new Set(Object.keys(await rebuilt(id, { adminPass: 'given' }, { version, as })));
      const first = await keysAt('2.1');
      for (const [key, since] of [
        ['locked', '2.9'],
        ['description', '2.19'],
        ['tags', '2.26'],
        ['key_name', '2.54'],
        ['user_data', '2.57'],
        ['trusted_image_certificates', '2.63'],
        ['server_groups', '2.71'],
        ['locked_reason', '2.73'],
        ['OS-EXT-STS:vm_state', '2.75'],
        ['pinned_availability_zone', '2.96'],
        ['scheduler_hints', '2.100'],
      ] as const) {
        assert.ok(!first.has(key), key);
        assert.ok(!(await keysAt(`2.${Number(since.slice(2)) - 1}`)).has(key), `${key} before ${since}`);
        assert.ok((await keysAt(since)).has(key), `${key} at ${since}`);
      }
      const whole = await keysAt('2.75', 'admin');
      assert.ok(whole.has('OS-EXT-SRV-ATTR:host') && !whole.has('OS-EXT-SRV-ATTR:user_data'));
      const { adminPass, user_data } = await rebuilt(id, { adminPass: 'given' }, { version: '2.57' });
      assert.deepEqual([adminPass, user_data], ['given', 'aGk=']);
      const rows = await servers.world.database.read('instance_actions').where({ server_uuid: id });
      assert.ok(!JSON.stringify(rows).includes('given'));
    });

    it('keeps an ephemeral disk where that is asked for', async () => {
      const id = await servers.create();
      await rebuilt(id, { preserve_ephemeral: true });
      assert.deepEqual(guestOf(id)?.made, { root: 2, ephemeral: 1 });
      await rebuilt(id, { preserve_ephemeral: 'False' });
      assert.deepEqual(guestOf(id)?.made, { root: 3, ephemeral: 2 });
    });

    it('leaves a stopped server stopped, and brings one in ERROR back', async () => {
      const id = await servers.create();
      await servers.act(id, { 'os-stop': null });
      await servers.world.settled();
      const { status } = await rebuilt(id);
      assert.equal(status, 'REBUILD');
      const shown = await servers.show(id);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:power_state']], ['SHUTOFF', 4]);
      assert.equal(guestOf(id)?.made?.root, 2);
      await servers.set(id, { vm_state: 'error' });
      await rebuilt(id);
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('keeps the size that a server was adjusted to', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      const body = { current_vcpus: 3, current_memory_mb: 1024 };
      const adjusted = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body });
      assert.equal(adjusted.status, 202, adjusted.text);
      await servers.world.settled();
      await rebuilt(id, { imageRef: other.id });
      const now = await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'member' });
      assert.deepEqual(
        [now.body.vcpus.current, now.body.memory_mb.current, now.body.vcpus.claimed, now.body.status],
        [3, 1024, 3, 'idle'],
      );
      assert.deepEqual(guestOf(id)?.size, { vcpus: 3, memoryMb: 1024 });
    });

    it('a failure leaves ERROR and a fault, and it can be rebuilt again', async () => {
      const id = await servers.create();
      await rebuilt(id, { metadata: { xloud_fake: 'fail:rebuild' } });
      const broken = await servers.show(id);
      assert.deepEqual([broken.status, broken['OS-EXT-STS:task_state']], ['ERROR', null]);
      assert.match(broken.fault.message, /fails at rebuild/);
      await rebuilt(id, { metadata: {} });
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('refuses images, keys and amounts that Nova refuses, in its words', async () => {
      const id = await servers.create({ flavorRef: PLAIN });
      const nowhere = '11111111-2222-4333-8444-555566667777';
      refused(await rebuild(id, { imageRef: nowhere }), 400, 'Cannot find image for rebuild');
      const queued = imageFacts({ status: 'queued' });
      const heavy = imageFacts({ minRamMb: 513 });
      const fixed = imageFacts({ properties: { auto_disk_config: 'Disabled' } });
      for (const image of [queued, heavy, fixed]) await servers.world.images.add(image);
      refused(await rebuild(id, { imageRef: queued.id }), 400, `Image ${queued.id} is not active.`);
      refused(await rebuild(id, { imageRef: heavy.id }), 400, "Flavor's memory is too small for requested image.");
      refused(
        await rebuild(id, { imageRef: fixed.id, 'OS-DCF:diskConfig': 'AUTO' }),
        400,
        `Requested image ${fixed.id} has automatic disk resize disabled.`,
      );
      refused(await rebuild(id, { key_name: 'none' }, { version: '2.54' }), 400, 'Invalid key_name provided.');
      const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, 'v']));
      refused(await rebuild(id, { metadata: many }), 403, 'Maximum number of metadata items exceeds 128');
      refused(await rebuild(id, { personality: [{ path: '/a' }] }), 400, 'Bad personality format: missing contents');
      const certificates = await rebuild(id, { trusted_image_certificates: ['x'] }, { version: '2.63' });
      assert.equal(certificates.status, 400);
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('the image must fit the flavor that the server has when it is locked', async () => {
      const id = await servers.create({ flavorRef: PLAIN });
      const { world } = servers;
      const heavy = imageFacts({ minRamMb: 513 });
      await world.images.add(heavy);
      const now = await world.server(id);
      // as it was read before it was resized to less
      const before = { ...now, flavor: { ...now.flavor, memoryMb: 1024 } };
      const request = { imageRef: heavy.id, adminPass: 'p', change: {}, files: [], preserveEphemeral: false };
      await assert.rejects(world.ops.rebuildServer(makeOp(), before, request), {
        message: "Flavor's memory is too small for requested image.",
      });
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('another image is held against the host before anything is touched', async () => {
      const traits =
        'No valid host was found. Image traits cannot be satisfied by the current resource providers. ' +
        'Either specify a different image during rebuild or create a new server with the specified image.';
      const enough = 'No valid host was found. There are not enough hosts available.';
      for (const [properties, message] of [
        [{ 'trait:CUSTOM_NOWHERE': 'required' }, traits],
        [{ hw_architecture: 'aarch64' }, enough],
      ] as const) {
        const strange = imageFacts({ name: 'strange', properties: { ...properties, root_device_name: '/dev/sdz' } });
        await servers.world.images.add(strange);
        const id = await servers.create();
        await rebuilt(id, { imageRef: strange.id });
        const shown = await servers.show(id, { as: 'admin', version: '2.51' });
        assert.deepEqual(
          [shown.status, shown['OS-EXT-STS:task_state'], shown['OS-EXT-STS:power_state'], shown.fault.message],
          ['ERROR', null, 1, message],
        );
        assert.match(shown.fault.details, /No valid host was found\. host-1 \((?:Traits|ImageProperties)Filter\)/);
        assert.deepEqual([shown.image.id, shown['OS-EXT-SRV-ATTR:root_device_name']], [servers.imageId, '/dev/vda']);
        assert.deepEqual(guestOf(id)?.made, { root: 1, ephemeral: 1 });
        const path = `/servers/${id}/os-instance-actions`;
        const [action] = (await servers.request('GET', path, { as: 'member' })).body.instanceActions;
        const { events } = (
          await servers.request('GET', `${path}/${action.request_id}`, { as: 'admin', version: '2.51' })
        ).body.instanceAction;
        assert.deepEqual(
          events.map(({ event, result }: { event: string; result: string }) => [event, result]),
          [['rebuild_server', 'Error']],
        );
        // the image of before is asked about nothing
        await rebuilt(id);
        assert.equal((await servers.show(id)).status, 'ACTIVE');
      }
    });

    it('is refused in other states, on locked servers and to readers', async () => {
      const id = await servers.create();
      await servers.set(id, { vm_state: 'rescued' });
      // before anything is said of the image
      const wrong = { imageRef: '11111111-2222-4333-8444-555566667777' };
      refused(await rebuild(id, wrong), 409, `Cannot 'rebuild' instance ${id} while it is in vm_state rescued`);
      await servers.set(id, { vm_state: 'error', task_state: 'powering-off' });
      refused(await rebuild(id), 409, `Cannot 'rebuild' instance ${id} while it is in task_state powering-off`);
      await servers.set(id, { task_state: null, locked_by: 'owner' });
      refused(await rebuild(id), 409, `Instance ${id} is locked`);
      await servers.set(id, { locked_by: null, launched_at: null });
      refused(await rebuild(id), 409, `Instance ${id} is in an invalid state for 'rebuild'`);
      await servers.set(id, { launched_at: 1 });
      assert.equal((await rebuild(id, {}, { as: 'reader' })).status, 403);
      assert.equal((await rebuild(id, {}, { as: 'other' })).status, 404);
    });
  });
}
