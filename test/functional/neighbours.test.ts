// Why: compute asks images and networks the same questions whether they are in this process or across HTTP, and must get the
// same answers; one set of tests runs against both.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Fault } from '../../src/base/errors.ts';
import { newUuid } from '../../src/base/ids.ts';
import { systemCaller } from '../../src/base/op.ts';
import { makeGlance } from '../../src/cloud/glance.ts';
import type { ImageService } from '../../src/cloud/image.ts';
import type { NetworkService } from '../../src/cloud/network.ts';
import type { NetworkRequest } from '../../src/domain/servers/create-request.ts';
import { makeNeutron } from '../../src/cloud/neutron.ts';
import type { NewImage } from '../../src/domain/machines/images.ts';
import { type Cloud, callers, startCloud, type Who } from '../support/cloud.ts';

const serviceToken = async (): Promise<string> => 'admin';

const wish = (part: Partial<NetworkRequest>): NetworkRequest => ({
  networkId: null,
  portId: null,
  fixedIp: null,
  tag: null,
  ...part,
});

const rejects = (work: Promise<unknown>, kind: string, code: string, words: RegExp) =>
  assert.rejects(work, (fault: Fault) => {
    assert.deepEqual([fault.kind, fault.code], [kind, code], fault.message);
    assert.match(fault.message, words);
    return true;
  });

for (const where of ['in process', 'over HTTP'] as const) {
  describe(`image service ${where}`, () => {
    let cloud: Cloud;
    let images: ImageService & { close?(): Promise<void> };
    before(async () => {
      cloud = await startCloud();
      images =
        where === 'in process' ? cloud.images.service : makeGlance({ endpoint: `${cloud.url}/image`, serviceToken });
    });
    after(async () => {
      await images.close?.();
      await cloud.close();
    });

    it('finds an image as its caller may see it', async () => {
      const body = {
        name: 'one',
        disk_format: 'raw',
        container_format: 'bare',
        hw_disk_bus: 'virtio',
        min_disk: 2,
        visibility: 'private',
      };
      const { id } = (await cloud.ask('demo', 'POST', '/image/v2/images', body)).json;
      const queued = await images.find(callers.demo, id);
      assert.deepEqual([queued?.status, queued?.sizeBytes], ['queued', null]);
      await cloud.ask('demo', 'PUT', `/image/v2/images/${id}/file`, Buffer.from('hello'), {
        'Content-Type': 'application/octet-stream',
      });
      const found = await images.find(callers.demo, id);
      assert.deepEqual(found, {
        id,
        name: 'one',
        status: 'active',
        owner: callers.demo.projectId,
        visibility: 'private',
        diskFormat: 'raw',
        containerFormat: 'bare',
        minDiskGb: 2,
        minRamMb: 0,
        sizeBytes: 5,
        virtualSizeBytes: 5,
        checksum: '5d41402abc4b2a76b9719d911017c592',
        osHashAlgo: 'sha512',
        osHashValue: found?.osHashValue,
        properties: { hw_disk_bus: 'virtio' },
      });
      assert.equal(await images.find(callers.other, id), null);
      assert.equal(await images.find(callers.demo, newUuid()), null);
      assert.equal(await images.find(callers.demo, 'no/id'), null);
      const pieces: Uint8Array[] = [];
      for await (const piece of await images.read(id)) pieces.push(piece);
      assert.equal(Buffer.concat(pieces).toString(), 'hello');
      await assert.rejects(async () => images.read(newUuid()), { kind: 'notFound' });
    });

    const draft = (more: Partial<NewImage> = {}): NewImage => ({
      id: newUuid(),
      name: 'snap',
      visibility: 'private',
      diskFormat: null,
      containerFormat: null,
      minDiskGb: 1,
      minRamMb: 64,
      properties: { image_type: 'snapshot', 'odd/na~me': 'x' },
      sharedWith: null,
      ...more,
    });
    const bytes = async function* (...words: readonly string[]) {
      for (const word of words) yield Buffer.from(word);
    };

    it('makes an image, changes it, takes its data once and removes it', async () => {
      const { demo, other } = callers;
      const made = await images.create(demo, draft());
      assert.deepEqual([made.status, made.owner, made.visibility], ['queued', demo.projectId, 'private']);
      assert.deepEqual([made.minDiskGb, made.minRamMb, made.diskFormat], [1, 64, null]);
      assert.deepEqual(made.properties, draft().properties);
      await assert.rejects(async () => images.write(made.id, bytes('early')), { kind: 'badRequest' });
      const formats = { disk: 'raw', container: 'bare' };
      // as the service itself, which has no token of a caller
      const changed = await images.change(systemCaller, made.id, { formats, set: { a: '1' }, drop: ['odd/na~me'] });
      assert.deepEqual([changed.diskFormat, changed.containerFormat], ['raw', 'bare']);
      assert.deepEqual(changed.properties, { image_type: 'snapshot', a: '1' });
      await images.write(made.id, bytes('hel', 'lo'));
      await images.write(made.id, bytes('ignored'));
      const found = await images.describe(demo, made.id);
      assert.deepEqual([found?.status, found?.sizeBytes], ['active', 5]);
      assert.equal(found?.checksum, '5d41402abc4b2a76b9719d911017c592');
      assert.ok(Math.abs(Date.now() - (found?.createdAt ?? 0)) < 60_000, String(found?.createdAt));
      assert.ok((found?.updatedAt ?? 0) >= (found?.createdAt ?? 0));
      assert.equal(await images.describe(other, made.id), null);
      await assert.rejects(images.change(demo, made.id, { formats }), { kind: 'forbidden' });
      await assert.rejects(images.change(other, made.id, { set: { a: '2' } }), { kind: 'notFound' });
      await assert.rejects(images.remove(other, made.id), { kind: 'notFound' });
      await images.remove(demo, made.id);
      await assert.rejects(images.remove(demo, made.id), { kind: 'notFound' });
      await assert.rejects(images.remove(demo, 'no/id'), { kind: 'notFound' });
      await assert.rejects(async () => images.write(made.id, bytes('late')), { kind: 'notFound' });
      assert.equal(await images.describe(demo, 'no/id'), null);
    });

    it('shows a shared image to the project it is shared with, which may not remove it', async () => {
      const made = await images.create(
        callers.admin,
        draft({ visibility: 'shared', sharedWith: callers.demo.projectId }),
      );
      assert.equal((await images.find(callers.demo, made.id))?.id, made.id);
      assert.equal(await images.find(callers.other, made.id), null);
      await assert.rejects(images.remove(callers.demo, made.id), { kind: 'forbidden' });
      await images.remove(callers.admin, made.id);
    });

    it('says why an image cannot be', async () => {
      const properties = { odd: 7 } as unknown as NewImage['properties'];
      await assert.rejects(images.create(callers.demo, draft({ properties })), (fault: Fault) => {
        assert.equal(fault.kind, 'badRequest');
        assert.match(fault.message, /a property must be a string/);
        return true;
      });
    });

    it('leaves an image queued whose data breaks off, and one that is removed meanwhile is gone', async () => {
      const formats = { diskFormat: 'raw', containerFormat: 'bare' };
      const made = await images.create(callers.demo, draft(formats));
      await assert.rejects(async () =>
        images.write(
          made.id,
          (async function* () {
            yield Buffer.from('half');
            throw new Error('the disk broke');
          })(),
        ),
      );
      const giveUpAt = Date.now() + 60_000;
      while ((await images.find(callers.demo, made.id))?.status !== 'queued') {
        assert.ok(Date.now() < giveUpAt, 'queued again');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await assert.rejects(
        async () =>
          images.write(
            made.id,
            (async function* () {
              yield Buffer.from('half');
              let seen = await images.find(callers.demo, made.id);
              while (seen?.status !== 'saving') seen = await images.find(callers.demo, made.id);
              await images.remove(callers.demo, made.id);
              yield Buffer.from('rest');
            })(),
          ),
        { kind: 'notFound' },
      );
    });

    it('lists by any attribute, the newest first, page by page', async () => {
      const ids: string[] = [];
      for (const kind of ['daily', 'weekly', 'daily', 'daily']) {
        const made = await images.create(callers.demo, draft({ properties: { backup_type: kind } }));
        ids.unshift(made.id);
        // times of images are whole seconds to those who only see answers
        await cloud.database
          .write('images')
          .where({ id: made.id })
          .update({ created_at: 1_000_000 * ids.length });
      }
      const list = async (limit: number, marker: string | null = null, who = callers.demo) =>
        (await images.list(who, { filters: { backup_type: 'daily' }, limit, marker })).map(({ id }) => id);
      const daily = [ids[0], ids[1], ids[3]];
      assert.deepEqual(await list(10), daily);
      assert.deepEqual(await list(2), daily.slice(0, 2));
      assert.deepEqual(await list(2, ids[1]), daily.slice(2));
      assert.deepEqual(await list(10, null, callers.other), []);
      assert.deepEqual(await list(10, null, systemCaller), daily);
      await assert.rejects(images.list(callers.demo, { filters: {}, limit: 1, marker: newUuid() }), {
        kind: 'badRequest',
        message: 'Invalid marker. Image could not be found.',
      });
      for (const id of ids) await images.remove(callers.demo, id);
    });
  });

  describe(`network service ${where}`, () => {
    let cloud: Cloud;
    type Closable = NetworkService & { close?(): Promise<void> };
    const serviceOf = (of: Cloud): Closable =>
      where === 'in process' ? of.networks.service : makeNeutron({ endpoint: `${of.url}/network`, serviceToken });
    let networks: Closable;
    let shared = '';
    let ranges = 0;
    before(async () => {
      cloud = await startCloud({ floatingIps: true });
      networks = serviceOf(cloud);
      shared = (await ask('demo', 'GET', 'networks')).json.networks[0].id;
    });
    after(async () => {
      await networks.close?.();
      await cloud.close();
    });

    const ask = (who: Who, method: string, path: string, body?: unknown) =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const makeNetwork = async (who: Who, extra: object = {}): Promise<string> => {
      const { id } = (await ask(who, 'POST', 'networks', { network: { name: 'own', ...extra } })).json.network;
      await ask(who, 'POST', 'subnets', {
        subnet: { network_id: id, cidr: `10.201.${(ranges += 1)}.0/24`, ip_version: 4 },
      });
      return id;
    };
    const makePort = async (who: Who, body: object) => {
      const answer = await ask(who, 'POST', 'ports', { port: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json.port;
    };
    const server = (uuid = newUuid(), host = 'host-1') => ({
      uuid,
      projectId: callers.demo.projectId ?? '',
      host,
      zone: 'nova',
      hostname: 'vm',
    });

    it('takes the only network for nothing and for auto, and none for none', async () => {
      for (const wishes of [null, 'auto', []] as const) {
        const plan = await networks.plan(callers.demo, wishes, ['default'], 2);
        assert.deepEqual(plan, { requests: [wish({ networkId: shared })], securityGroups: [] });
      }
      assert.deepEqual(await networks.plan(callers.demo, 'none', [], 1), { requests: [], securityGroups: [] });
    });

    it('makes ports, the same ones the second time, and takes them away', async () => {
      const own = await makeNetwork('demo');
      try {
        const wishes = [wish({ networkId: own, tag: 'front' }), wish({ networkId: shared }), wish({ networkId: own })];
        const plan = await networks.plan(callers.demo, wishes, [], 1);
        const vm = server();
        const made = await networks.allocate(vm, plan);
        assert.deepEqual(
          made.map(({ network }) => network.id),
          [own, shared, own],
        );
        assert.deepEqual(
          made.map(({ tag }) => tag),
          ['front', null, null],
        );
        assert.ok(
          made.every(
            ({ preexisting, vifType, fixedIps }) => !preexisting && vifType === 'nat' && fixedIps.length === 1,
          ),
        );
        const [first] = made;
        assert.equal(first?.network.subnets[0]?.gateway, `10.201.${ranges}.1`);
        assert.equal(first?.network.mtu, 1500);
        assert.equal(first?.securityGroups.length, 1);
        assert.deepEqual(await networks.allocate(vm, plan), made);
        assert.deepEqual(await networks.portsOf(vm), made);
        const port = (await ask('admin', 'GET', `ports/${first?.portId}`)).json.port;
        assert.deepEqual(
          [port.device_id, port.device_owner, port.status, port['binding:host_id'], port.project_id],
          [vm.uuid, 'compute:nova', 'ACTIVE', 'host-1', vm.projectId],
        );
        const moved = await networks.allocate({ ...vm, host: 'host-2' }, plan);
        assert.deepEqual(
          moved.map(({ portId }) => portId),
          made.map(({ portId }) => portId),
        );
        const bound = (await ask('admin', 'GET', `ports?device_id=${vm.uuid}`)).json.ports;
        assert.ok(bound.every((one: Record<string, unknown>) => one['binding:host_id'] === 'host-2'));
        // a server that moves takes its ports along, as they are
        for (const _time of ['once', 'again']) {
          assert.deepEqual(await networks.rebind({ ...vm, host: 'host-3', zone: 'far' }), made);
        }
        const far = (await ask('admin', 'GET', `ports?device_id=${vm.uuid}`)).json.ports;
        for (const one of far) {
          assert.deepEqual([one['binding:host_id'], one.device_owner, one.status], ['host-3', 'compute:far', 'ACTIVE']);
        }
        await networks.release(vm);
        await networks.release(vm);
        assert.deepEqual(await networks.portsOf(vm), []);
        assert.deepEqual((await ask('admin', 'GET', `ports?network_id=${own}`)).json.ports, []);

        // a port that is older than the server's others stays where the server asked for it
        const before_ = (await ask('demo', 'POST', 'ports', { port: { network_id: own } })).json.port.id as string;
        const mixed = await networks.plan(callers.demo, [wish({ networkId: own }), wish({ portId: before_ })], [], 1);
        const given = await networks.allocate(vm, mixed);
        assert.equal(given[1]?.portId, before_);
        assert.deepEqual(await networks.portsOf(vm), given);
        await networks.release(vm);
        await ask('demo', 'DELETE', `ports/${before_}`);
      } finally {
        await ask('demo', 'DELETE', `networks/${own}`);
      }
    });

    it("takes an owner's port and gives it back", async () => {
      const port = await makePort('demo', { network_id: shared, name: 'mine' });
      const plan = await networks.plan(callers.demo, [wish({ portId: port.id, tag: 't' })], [], 1);
      assert.deepEqual(plan.requests, [wish({ portId: port.id, networkId: shared, tag: 't' })]);
      const vm = server();
      const [nic] = await networks.allocate(vm, plan);
      assert.deepEqual([nic?.portId, nic?.mac, nic?.preexisting, nic?.tag], [port.id, port.mac_address, true, 't']);
      assert.deepEqual(await networks.allocate(vm, plan), [nic]);
      await rejects(
        networks.plan(callers.demo, [wish({ portId: port.id })], [], 1),
        'conflict',
        'PortInUse',
        /still in use/,
      );
      await rejects(networks.allocate(server(), plan), 'conflict', 'PortInUse', /still in use/);
      await networks.release(vm);
      const free = (await ask('admin', 'GET', `ports/${port.id}`)).json.port;
      assert.deepEqual(
        [free.name, free.device_id, free.device_owner, free['binding:host_id'], free.status],
        ['mine', '', '', '', 'DOWN'],
      );
      await ask('demo', 'DELETE', `ports/${port.id}`);
    });

    it('gives the address that was asked for', async () => {
      const plan = await networks.plan(callers.demo, [wish({ networkId: shared, fixedIp: '10.123.0.200' })], [], 1);
      const vm = server();
      const [nic] = await networks.allocate(vm, plan);
      assert.equal(nic?.fixedIps[0]?.address, '10.123.0.200');
      await rejects(
        networks.plan(callers.demo, plan.requests, [], 1),
        'badRequest',
        'FixedIpAlreadyInUse',
        new RegExp(vm.uuid),
      );
      await networks.release(vm);
    });

    it("does not say which server has an address that is another project's", async () => {
      const wanted = [wish({ networkId: shared, fixedIp: '10.123.0.201' })];
      const other = { ...server(), projectId: callers.admin.projectId ?? '' };
      await networks.allocate(other, await networks.plan(callers.admin, wanted, [], 1));
      const taken = /^Fixed IP address 10\.123\.0\.201 is already in use\.$/;
      await rejects(networks.plan(callers.demo, wanted, [], 1), 'badRequest', 'FixedIpAlreadyInUse', taken);
      await networks.release(other);
    });

    it('refuses what cannot be, in the words of compute', async () => {
      const plan = (wishes: NetworkRequest[], groups: string[] = [], count = 1) =>
        networks.plan(callers.demo, wishes, groups, count);
      const lost = newUuid();
      await rejects(
        plan([wish({ networkId: lost })]),
        'badRequest',
        'NetworkNotFound',
        new RegExp(`Network ${lost} could not`),
      );
      await rejects(
        plan([wish({ portId: lost })]),
        'badRequest',
        'PortNotFound',
        new RegExp(`Port id ${lost} could not`),
      );
      await rejects(
        plan([wish({ networkId: shared, fixedIp: '10.123.0.9' })], [], 2),
        'badRequest',
        'InvalidFixedIpAndMaxCountRequest',
        /max_count/,
      );
      await rejects(
        plan([wish({ networkId: shared })], ['nowhere']),
        'badRequest',
        'SecurityGroupNotFound',
        /'nowhere'/,
      );
      const port = await makePort('demo', { network_id: shared });
      await rejects(
        plan([wish({ portId: port.id })], [], 2),
        'badRequest',
        'MultiplePortsNotApplicable',
        /multiple instances/,
      );
      await rejects(
        plan([wish({ portId: port.id }), wish({ portId: port.id })]),
        'badRequest',
        'PortDuplicated',
        /twice/,
      );
      const bare = await makePort('demo', { network_id: shared, fixed_ips: [] });
      await rejects(plan([wish({ portId: bare.id })]), 'badRequest', 'PortRequiresFixedIP', /requires a FixedIP/);
      const foreign = await makePort('other', { network_id: shared });
      await rejects(plan([wish({ portId: foreign.id })]), 'badRequest', 'PortNotFound', /could not be found/);
      for (const { id } of [port, bare, foreign]) await ask('admin', 'DELETE', `ports/${id}`);

      const { id: empty } = (await ask('demo', 'POST', 'networks', { network: { name: 'empty' } })).json.network;
      await rejects(plan([wish({ networkId: empty })]), 'badRequest', 'NetworkRequiresSubnet', /requires a subnet/);
      await rejects(
        networks.plan(callers.demo, null, [], 1),
        'conflict',
        'NetworkAmbiguous',
        /Multiple possible networks/,
      );
      await rejects(
        networks.plan(callers.demo, 'auto', [], 1),
        'conflict',
        'NetworkAmbiguous',
        /Multiple possible networks/,
      );
      await ask('demo', 'DELETE', `networks/${empty}`);

      const external = await makeNetwork('admin', { 'router:external': true });
      await rejects(
        plan([wish({ networkId: external })]),
        'forbidden',
        'ExternalNetworkAttachForbidden',
        /external network/,
      );
      await ask('admin', 'DELETE', `networks/${external}`);

      const hidden = await makeNetwork('other');
      await rejects(plan([wish({ networkId: hidden })]), 'badRequest', 'NetworkNotFound', /could not be found/);
      await ask('admin', 'DELETE', `networks/${hidden}`);

      await ask('admin', 'PUT', `quotas/${callers.demo.projectId}`, { quota: { port: 1 } });
      await rejects(plan([wish({ networkId: shared })], [], 2), 'forbidden', 'PortLimitExceeded', /number of ports/);
      await ask('admin', 'DELETE', `quotas/${callers.demo.projectId}`);
    });

    it('finds security groups by name or id', async () => {
      const make = async (name: string) =>
        (await ask('demo', 'POST', 'security-groups', { security_group: { name } })).json.security_group.id;
      const [web, one, two] = [await make('web'), await make('same'), await make('same')];
      const groups = async (...names: string[]) => (await networks.plan(callers.demo, null, names, 1)).securityGroups;
      assert.deepEqual(await groups('web', one, web), [web, one]);
      assert.deepEqual(await groups('default'), []);
      const [both = ''] = await groups('default', 'web');
      assert.equal((await ask('demo', 'GET', `security-groups/${both}`)).json.security_group.name, 'default');
      await rejects(groups('same'), 'conflict', 'NoUniqueMatch', /Multiple security_group matches/);
      const vm = server();
      const [nic] = await networks.allocate(vm, await networks.plan(callers.demo, null, ['web', two], 1));
      assert.deepEqual(nic?.securityGroups, ['web', 'same'], 'by their names, as views show them');
      assert.deepEqual((await networks.portsOf(vm))[0]?.securityGroups, ['web', 'same']);
      await networks.release(vm);
    });

    it('fails with the reason when a network is full, and leaves what it made to be released', async () => {
      const { id } = (await ask('demo', 'POST', 'networks', { network: { name: 'tiny' } })).json.network;
      await ask('demo', 'POST', 'subnets', { subnet: { network_id: id, cidr: '10.202.0.0/30', ip_version: 4 } });
      const vm = server();
      const plan = await networks.plan(callers.demo, [wish({ networkId: id }), wish({ networkId: id })], [], 1);
      await rejects(networks.allocate(vm, plan), 'badRequest', 'NoMoreFixedIps', /^No fixed IP addresses available/);
      assert.equal((await networks.portsOf(vm)).length, 1);
      await networks.release(vm);
      assert.equal((await ask('demo', 'DELETE', `networks/${id}`)).status, 204);
    });

    it('gives a project without any network one of its own when asked to', async () => {
      await ask('admin', 'PUT', `networks/${shared}`, { network: { shared: false } });
      try {
        assert.deepEqual((await networks.plan(callers.other, null, [], 1)).requests, []);
        const [first] = (await networks.plan(callers.other, 'auto', [], 1)).requests;
        const [again] = (await networks.plan(callers.other, 'auto', [], 1)).requests;
        assert.deepEqual(again, first);
        const { network } = (await ask('other', 'GET', `networks/${first?.networkId}`)).json;
        assert.deepEqual([network.name, network.project_id], ['auto_allocated_network', callers.other.projectId]);
        assert.equal((await ask('other', 'DELETE', `networks/${network.id}`)).status, 204);
      } finally {
        await ask('admin', 'PUT', `networks/${shared}`, { network: { shared: true } });
      }
    });

    it('plans one more port of a server, in the words of an attachment', async () => {
      const vm = server();
      const one = (part: Partial<NetworkRequest>, who: Who = 'demo') =>
        networks.planOne(callers[who], vm, wish(part), callers[who].isAdmin);
      assert.deepEqual((await one({})).requests, [wish({ networkId: shared })]);
      assert.deepEqual((await one({}, 'admin')).requests, [wish({ networkId: shared })], 'as its own project would');
      const port = await makePort('demo', { network_id: shared });
      assert.deepEqual((await one({ portId: port.id })).requests, [wish({ portId: port.id, networkId: shared })]);
      const lost = newUuid();
      await rejects(one({ portId: lost }), 'notFound', 'PortNotFound', /^Port id \S+ could not be found\.$/);
      await rejects(one({ networkId: lost }), 'notFound', 'NetworkNotFound', /^Network \S+ could not be found\.$/);
      const foreign = await makePort('other', { network_id: shared });
      await rejects(one({ portId: foreign.id }, 'admin'), 'badRequest', 'PortNotUsable', /not usable for instance/);
      for (const { id } of [port, foreign]) await ask('admin', 'DELETE', `ports/${id}`);
      await ask('admin', 'PUT', `networks/${shared}`, { network: { shared: false } });
      try {
        const words = /^No specific network was requested and none are available for project '\w+'\.$/;
        await rejects(one({}), 'badRequest', 'InterfaceAttachFailedNoNetwork', words);
      } finally {
        await ask('admin', 'PUT', `networks/${shared}`, { network: { shared: true } });
      }
    });

    it('makes and releases one port among others, by its place or its id', async () => {
      const vm = server();
      const plan = await networks.plan(callers.demo, null, [], 1);
      const [first] = await networks.allocate(vm, plan);
      const [later] = await networks.allocate(vm, plan, 10_007);
      assert.deepEqual(await networks.allocate(vm, plan, 10_007), [later]);
      assert.deepEqual(await networks.portsOf(vm), [first, later]);
      await networks.release(vm, { position: 10_007 });
      await networks.release(vm, { position: 10_007 });
      assert.deepEqual(await networks.portsOf(vm), [first]);
      await networks.release(vm, { portId: first?.portId ?? '' });
      assert.deepEqual(await networks.portsOf(vm), []);
    });

    it('shows ports to those who may see them', async () => {
      const vm = server();
      const [nic] = await networks.allocate(vm, await networks.plan(callers.demo, null, [], 1));
      const expected = {
        portId: nic?.portId,
        networkId: shared,
        serverUuid: vm.uuid,
        mac: nic?.mac,
        state: 'ACTIVE',
        fixedIps: nic?.fixedIps,
      };
      assert.deepEqual(await networks.seenPorts(callers.demo, vm), [expected]);
      assert.deepEqual(await networks.seenPort(callers.demo, nic?.portId ?? ''), expected);
      assert.deepEqual(await networks.seenPorts(callers.other, vm), []);
      assert.equal(await networks.seenPort(callers.other, nic?.portId ?? ''), null);
      await networks.release(vm);
    });

    it('gives a port more addresses, and takes them', async () => {
      const vm = server();
      const [nic] = await networks.allocate(vm, await networks.plan(callers.demo, null, [], 1));
      const first = nic?.fixedIps[0]?.address ?? '';
      await networks.addFixedIp(vm, shared);
      const [two] = await networks.portsOf(vm);
      assert.equal(two?.fixedIps.length, 2);
      assert.ok(
        two?.fixedIps.some(({ address }) => address === first),
        'the first one stays',
      );
      await networks.removeFixedIp(vm, first);
      const left = (await networks.portsOf(vm))[0]?.fixedIps.map(({ address }) => address);
      assert.deepEqual(
        left,
        two?.fixedIps.flatMap(({ address }) => (address === first ? [] : [address])),
      );
      const gone = new RegExp(`^Instance ${vm.uuid} does not have fixed IP '${first}'\\.$`);
      await rejects(networks.removeFixedIp(vm, first), 'badRequest', 'FixedIpNotFoundForInstance', gone);
      const none = new RegExp(`^Network could not be found for instance ${vm.uuid}\\.$`);
      await rejects(networks.addFixedIp(vm, newUuid()), 'notFound', 'NetworkNotFoundForInstance', none);
      await networks.release(vm);
    });

    it('lists the networks that a caller sees', async () => {
      const hidden = await makeNetwork('other');
      const seen = async (who: Who) => (await networks.networks(callers[who])).map(({ id }) => id);
      assert.deepEqual(await seen('demo'), [shared]);
      assert.ok((await seen('other')).includes(hidden));
      assert.ok((await seen('admin')).includes(hidden));
      assert.equal((await networks.network(callers.demo, shared))?.name, 'private');
      assert.equal(await networks.network(callers.demo, hidden), null);
      await ask('other', 'DELETE', `networks/${hidden}`);
    });

    it('makes, shows, changes and deletes security groups and their rules as a caller', async () => {
      const { demo, other } = callers;
      const group = await networks.createSecurityGroup(demo, 'web', 'a group');
      assert.deepEqual([group.name, group.description, group.projectId], ['web', 'a group', demo.projectId]);
      assert.ok(group.rules.every(({ direction }) => direction === 'egress'));
      const wanted = {
        groupId: group.id,
        ethertype: 'IPv4',
        protocol: 'tcp',
        portMin: 80,
        portMax: 81,
        remoteGroupId: null,
        remotePrefix: '10.0.0.0/8',
      } as const;
      const rule = await networks.createGroupRule(demo, wanted);
      const kept: Partial<typeof wanted> = { ...wanted };
      Reflect.deleteProperty(kept, 'ethertype');
      assert.deepEqual(rule, { ...kept, id: rule.id, direction: 'ingress' });
      assert.deepEqual(
        (await networks.securityGroup(demo, group.id)).rules.find(({ id }) => id === rule.id),
        rule,
      );
      const exists = /already exists/;
      await rejects(networks.createGroupRule(demo, wanted), 'forbidden', 'SecurityGroupRuleExists', exists);
      const none = 'SecurityGroupRuleNotFound';
      await rejects(networks.deleteGroupRule(other, rule.id), 'notFound', none, /does not exist/);
      await networks.deleteGroupRule(demo, rule.id);
      await rejects(networks.deleteGroupRule(demo, rule.id), 'notFound', none, /does not exist/);
      const renamed = await networks.updateSecurityGroup(demo, group.id, 'front', '');
      assert.deepEqual([renamed.name, renamed.description], ['front', '']);
      const idsFor = async (who: Who, all = false) =>
        (await networks.securityGroups(callers[who], all)).map(({ id }) => id);
      assert.ok((await idsFor('demo')).includes(group.id));
      assert.ok(!(await idsFor('other', true)).includes(group.id));
      assert.ok(!(await idsFor('admin')).includes(group.id));
      assert.ok((await idsFor('admin', true)).includes(group.id));
      assert.deepEqual(
        (await networks.securityGroupsById(demo, [group.id, newUuid()])).map(({ id }) => id),
        [group.id],
      );
      const gone = 'SecurityGroupNotFound';
      await rejects(networks.securityGroup(other, group.id), 'notFound', gone, /does not exist/);
      await rejects(networks.updateSecurityGroup(other, group.id, 'x', ''), 'notFound', gone, /does not exist/);
      await rejects(networks.deleteSecurityGroup(other, group.id), 'notFound', gone, /does not exist/);
      await networks.deleteSecurityGroup(demo, group.id);
      await rejects(networks.deleteSecurityGroup(demo, group.id), 'notFound', gone, /does not exist/);
    });

    it('puts the ports of a server into groups', async () => {
      const { demo } = callers;
      const { id } = await networks.createSecurityGroup(demo, 'joined', '');
      const vm = server();
      await networks.allocate(
        vm,
        await networks.plan(demo, [wish({ networkId: shared }), wish({ networkId: shared })], [], 1),
      );
      await networks.addSecurityGroup(demo, vm, 'joined');
      await networks.addSecurityGroup(demo, vm, id);
      const names = async () => (await networks.portsOf(vm)).map(({ securityGroups }) => securityGroups.toSorted());
      assert.deepEqual(await names(), [
        ['default', 'joined'],
        ['default', 'joined'],
      ]);
      assert.equal((await networks.groupsOfServer(demo, vm)).length, 4);
      await rejects(networks.deleteSecurityGroup(demo, id), 'badRequest', 'SecurityGroupInUse', /in use/);
      await networks.removeSecurityGroup(demo, vm, 'joined');
      assert.deepEqual(await names(), [['default'], ['default']]);
      await networks.release(vm);
      await networks.deleteSecurityGroup(demo, id);
    });

    it('has no floating addresses where it offers none', async () => {
      const { demo } = callers;
      const bare = await startCloud();
      const none = serviceOf(bare);
      try {
        assert.deepEqual([await none.floatingPools(demo), await none.floatingIps(demo)], [[], []]);
        await rejects(none.floatingIp(demo, newUuid()), 'notFound', 'FloatingIpNotFound', /not found for ID/);
        await rejects(none.createFloatingIp(demo, null), 'notFound', 'FloatingIpPoolNotFound', /pool not found/);
        const network = { name: 'outside', 'router:external': true };
        await bare.ask('admin', 'POST', '/network/v2.0/networks', { network });
        await rejects(none.createFloatingIp(demo, 'outside'), 'badRequest', 'NotOffered', /no floating IPs/);
      } finally {
        await none.close?.();
        await bare.close();
      }
    });

    it('points floating addresses to the ports of servers', async () => {
      const { demo, other } = callers;
      const external = await makeNetwork('admin', { name: 'outside', 'router:external': true });
      const [vm, second] = [server(), server()];
      const plan = await networks.plan(demo, [wish({ networkId: shared })], [], 1);
      const [nic] = await networks.allocate(vm, plan);
      const [otherNic] = await networks.allocate(second, plan);
      const fixed = nic?.fixedIps[0]?.address ?? '';
      const made = await networks.createFloatingIp(demo, 'outside');
      const { id, address } = made;
      const unused = { id, address, networkId: external, portId: null, fixedIp: null };
      assert.deepEqual(made, { ...unused, pool: 'outside', serverUuid: null });
      assert.match(address, new RegExp(`^10\\.201\\.${ranges}\\.`));
      assert.equal(await networks.associateFloatingIp(demo, vm, address, fixed), null);
      const used = { ...made, portId: nic?.portId, fixedIp: fixed, serverUuid: vm.uuid };
      assert.deepEqual(await networks.floatingIp(demo, id), used);
      assert.deepEqual(await networks.floatingIps(demo), [used]);
      assert.deepEqual(await networks.floatingIps(other), []);
      await rejects(networks.floatingIp(other, id), 'notFound', 'FloatingIpNotFound', /not found for ID/);
      assert.deepEqual((await networks.portsOf(vm))[0]?.floatingIps, [{ address, fixedIp: fixed }]);
      const more = await networks.createFloatingIp(demo, 'outside');
      const taken = networks.associateFloatingIp(demo, vm, more.address, fixed);
      await rejects(taken, 'badRequest', 'FloatingIPPortAlreadyAssociated', /already has a floating IP/);
      const there = otherNic?.fixedIps[0]?.address ?? '';
      assert.equal(await networks.associateFloatingIp(demo, second, address, there), vm.uuid);
      const wrong = networks.disassociateFloatingIp(demo, vm, address);
      await rejects(wrong, 'conflict', 'FloatingIpNotAssociated', /not associated with instance/);
      await networks.disassociateFloatingIp(demo, second, address);
      assert.deepEqual(await networks.floatingIp(demo, id), made);
      await networks.associateFloatingIp(demo, second, address, there);
      await networks.release(second);
      assert.deepEqual(await networks.floatingIp(demo, id), made);
      assert.equal(await networks.deleteFloatingIp(demo, id), null);
      assert.equal(await networks.deleteFloatingIp(demo, more.id), null);
      await networks.release(vm);
      assert.equal((await ask('admin', 'DELETE', `networks/${external}`)).status, 204);
    });

    it('leaves alone what something else gave the server', async () => {
      const vm = server();
      const port = await makePort('demo', { network_id: shared, device_id: vm.uuid });
      assert.deepEqual(await networks.portsOf(vm), [], 'whoever writes an id into a port plugs nothing');
      assert.deepEqual(await networks.rebind({ ...vm, host: 'host-2', zone: 'nova' }), []);
      const { demo } = callers;
      const address = port.fixed_ips[0].ip_address as string;
      await rejects(networks.addFixedIp(vm, shared), 'notFound', 'NetworkNotFoundForInstance', /not be found/);
      await rejects(networks.removeFixedIp(vm, address), 'badRequest', 'FixedIpNotFoundForInstance', /fixed IP/);
      await rejects(networks.addSecurityGroup(demo, vm, 'default'), 'notFound', 'SecurityGroupNotFound', /ports/);
      assert.deepEqual(await networks.groupsOfServer(demo, vm), []);
      await rejects(
        networks.associateFloatingIp(demo, vm, '203.0.113.9', address),
        'badRequest',
        'FixedIpNotFound',
        /not found/,
      );
      assert.deepEqual((await ask('demo', 'GET', `ports/${port.id}`)).json.port, port, 'nothing of it is changed');
      await networks.release(vm);
      assert.deepEqual((await ask('demo', 'GET', `ports/${port.id}`)).json.port, port, 'nor when the server goes');
      await ask('demo', 'DELETE', `ports/${port.id}`);
    });
  });
}

describe('in-process allocation', () => {
  it('makes one port for each place of a server, however many ask at once', async () => {
    const cloud = await startCloud();
    try {
      const { service } = cloud.networks;
      const plan = await service.plan(callers.demo, null, [], 1);
      const vm = { uuid: newUuid(), projectId: callers.demo.projectId ?? '', host: 'h', zone: 'nova', hostname: 'vm' };
      const all = await Promise.all(Array.from({ length: 10 }, () => service.allocate(vm, plan)));
      assert.equal(new Set(all.map(([nic]) => nic?.portId)).size, 1);
      assert.equal((await service.portsOf(vm)).length, 1);
    } finally {
      await cloud.close();
    }
  });
});

describe('a neighbour that fails', () => {
  it('is unavailable, whatever it does instead of answering', async () => {
    let refusals = 0;
    const server = createServer((request, response) => {
      if (request.url?.includes('broken')) return request.socket.destroy();
      if (request.url?.includes('hang')) return;
      if (request.headers['x-auth-token'] === 'old') {
        refusals += 1;
        return response.writeHead(401).end();
      }
      if (request.url?.includes('networks')) return response.writeHead(502).end('<html>');
      return response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ports": []}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const at = (path: string) => ({ endpoint: `${origin}/${path}`, serviceToken, timeoutMs: 300 });
    const closing: { close(): Promise<void> }[] = [];
    try {
      for (const path of ['broken', 'hang']) {
        const images = makeGlance(at(path));
        closing.push(images);
        await assert.rejects(images.find(callers.demo, newUuid()), { kind: 'unavailable' });
      }
      const networks = makeNeutron({ ...at(''), serviceToken: async (renew) => (renew ? 'new' : 'old') });
      closing.push(networks);
      await assert.rejects(networks.plan(callers.demo, null, [], 1), { kind: 'unavailable' });
      assert.deepEqual(await networks.portsOf({ uuid: newUuid(), projectId: 'p' }), []);
      assert.equal(refusals, 1);
      const nobody = makeGlance({ endpoint: 'http://127.0.0.1:1', serviceToken });
      closing.push(nobody);
      await assert.rejects(nobody.find(callers.demo, newUuid()), { kind: 'unavailable' });
      await assert.rejects(makeGlance({ ...at(''), serviceToken }).find({ ...callers.demo, token: 'old' }, newUuid()), {
        kind: 'unauthorized',
      });
    } finally {
      await Promise.all(closing.map((one) => one.close()));
      server.closeAllConnections();
      server.close();
    }
  });
});
