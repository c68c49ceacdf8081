// Interfaces of a server: which are shown and how, how one is plugged and unplugged, running and off, what is refused and in
// which words, and what all of it does to the server's own addresses and to the guest.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { internal } from '../../src/base/errors.ts';
import { newUuid } from '../../src/base/ids.ts';
import { refreshNetwork } from '../../src/ops/servers/refresh-network.ts';
import { type CallerName, callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Neutron, startNeutron } from '../support/neutron.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { makeOp } from '../support/world.ts';

for (const engine of engines) {
  describe(`interfaces of servers on ${engine}`, () => {
    let servers: Servers;
    let neutron: Neutron;
    /** The shared network that is always there, and one of the member's project. */
    let shared = '';
    let own = '';
    before(async () => {
      servers = await startServers({ engine, builtInNetworks: true });
      neutron = await startNeutron(servers.world);
      shared = (await neutron.ask('member', 'GET', 'networks')).body.networks[0].id;
      own = await neutron.network('member', 'own', '10.50.0.0/24');
    });
    after(async () => {
      await neutron.close();
      await servers.close();
    });

    const interfaces = (id: string, more = '', version = '2.70', as: CallerName = 'member') =>
      servers.request('GET', `/servers/${id}/os-interface${more}`, { as, version });
    const attach = (id: string, interfaceAttachment: object, version = '2.70', as: CallerName = 'member') =>
      servers.request('POST', `/servers/${id}/os-interface`, { as, version, body: { interfaceAttachment } });
    const detach = (id: string, port: string, as: CallerName = 'member') =>
      servers.request('DELETE', `/servers/${id}/os-interface/${port}`, { as });
    const portCount = async () => (await neutron.ask('member', 'GET', 'ports')).body.ports.length as number;
    const failToAttach = async (id: string, fault: { readonly kind: string; readonly message: string | RegExp }) => {
      const wish = { networkId: own, portId: null, fixedIp: null, tag: null };
      const attaching = servers.world.ops.attachInterface(
        makeOp(callers.member),
        await servers.world.server(id),
        wish,
        false,
      );
      await assert.rejects(attaching, fault);
    };
    const unplugged = (id: string) => ({
      kind: 'internal',
      message: `Failed to attach network adapter device to ${id}`,
    });
    const overtaken = { kind: 'conflict', message: /^Cannot 'attach_interface' instance/ };
    const create = (networks: unknown = [{ uuid: shared }]) => servers.create({ networks }, { version: '2.42' });
    const plugged = (id: string) =>
      servers.world.drivers
        .get('host-1')
        ?.store.get(id)
        ?.spec.nics.map(({ portId }) => portId) ?? [];
    const addressesOf = async (id: string) => {
      const { addresses } = await servers.show(id);
      return Object.entries<{ addr: string }[]>(addresses)
        .flatMap(([network, list]) => list.map(({ addr }) => `${network} ${addr}`))
        .toSorted();
    };
    const says = (answer: Answer, status: number, envelope: string, message: string) => {
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.body[envelope].message, message);
    };
    const actionsOf = async (id: string) =>
      (await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' })).body.instanceActions.map(
        ({ action, message }: { action: string; message: string | null }) => [action, message],
      );

    it('are listed and shown as the network service has them, with tags from 2.70 on', async () => {
      const id = await create([{ uuid: shared, tag: 'front' }]);
      const { interfaceAttachments } = (await interfaces(id)).body;
      assert.equal(interfaceAttachments.length, 1);
      const [first] = interfaceAttachments;
      const port = (await neutron.ask('member', 'GET', `ports/${first.port_id}`)).body.port;
      assert.deepEqual(first, {
        net_id: shared,
        port_id: port.id,
        mac_addr: port.mac_address,
        port_state: 'ACTIVE',
        fixed_ips: port.fixed_ips,
        tag: 'front',
      });
      const older = { ...first };
      Reflect.deleteProperty(older, 'tag');
      assert.deepEqual((await interfaces(id, '', '2.69')).body, { interfaceAttachments: [older] });
      assert.deepEqual((await interfaces(id, `/${first.port_id}`)).body, { interfaceAttachment: first });
      assert.deepEqual((await interfaces(id, `/${first.port_id}`, '2.1')).body, { interfaceAttachment: older });
      assert.equal((await interfaces(id, '?x=1', '2.101')).status, 200);
      assert.equal((await interfaces(id, '?x=1', '2.102')).status, 400);
      assert.equal((await interfaces(id, '', '2.1', 'other')).status, 404);
    });

    it('a port that is nowhere, or another server’s, is not shown', async () => {
      const [id, second] = [await create(), await create()];
      const lost = newUuid();
      says(await interfaces(id, `/${lost}`), 404, 'itemNotFound', `Port id ${lost} could not be found.`);
      const [port = ''] = plugged(second);
      const message = `Instance ${id} does not have a port with id ${port}`;
      says(await interfaces(id, `/${port}`), 404, 'itemNotFound', message);
    });

    it('one more is plugged by network, with an address and a tag, and the answer says so', async () => {
      const id = await create();
      const answer = await attach(id, { net_id: own, fixed_ips: [{ ip_address: '10.50.0.77' }], tag: 'back' });
      assert.equal(answer.status, 200, answer.text);
      const made = answer.body.interfaceAttachment;
      assert.deepEqual([made.net_id, made.port_state, made.tag], [own, 'ACTIVE', 'back']);
      assert.equal(made.fixed_ips[0].ip_address, '10.50.0.77');
      assert.deepEqual(plugged(id).at(-1), made.port_id);
      assert.ok((await addressesOf(id)).includes('own 10.50.0.77'));
      assert.deepEqual((await interfaces(id, `/${made.port_id}`)).body, { interfaceAttachment: made });
      assert.equal((await interfaces(id)).body.interfaceAttachments.length, 2);
      assert.deepEqual(await actionsOf(id), [
        ['attach_interface', null],
        ['create', null],
      ]);
      const port = (await neutron.ask('admin', 'GET', `ports/${made.port_id}`)).body.port;
      assert.deepEqual([port.device_id, port.device_owner, port['binding:host_id']], [id, 'compute:nova', 'host-1']);
      const listed = await servers.request('GET', '/servers/detail?ip=10.50.0.77', { as: 'member' });
      assert.deepEqual(
        listed.body.servers.map((one: { id: string }) => one.id),
        [id],
      );
      // the guest keeps it over a power cycle, and the port goes with the server
      await servers.act(id, { reboot: { type: 'HARD' } });
      await servers.world.settled();
      assert.ok(plugged(id).includes(made.port_id));
      await servers.request('DELETE', `/servers/${id}`, { as: 'member' });
      await servers.world.settled();
      assert.equal((await neutron.ask('admin', 'GET', `ports/${made.port_id}`)).status, 404);
    });

    it('a tag is for 2.49 and later', async () => {
      const id = await create();
      assert.equal((await attach(id, { net_id: own, tag: 'x' }, '2.48')).status, 400);
      assert.equal((await attach(id, { net_id: own, tag: 'x' }, '2.49')).status, 200);
    });

    it('an owner’s port is plugged, and given back when it is unplugged', async () => {
      const id = await create();
      const port = await neutron.port('member', own);
      const answer = await attach(id, { port_id: port.id });
      assert.equal(answer.body.interfaceAttachment?.mac_addr, port.mac_address, answer.text);
      says(await attach(id, { port_id: port.id }), 409, 'conflictingRequest', `Port ${port.id} is still in use.`);
      const gone = await detach(id, port.id);
      assert.deepEqual([gone.status, gone.text], [202, '']);
      await servers.world.settled();
      const free = (await neutron.ask('member', 'GET', `ports/${port.id}`)).body.port;
      assert.deepEqual([free.device_id, free.status], ['', 'DOWN']);
      assert.ok(!plugged(id).includes(port.id));
      assert.equal((await addressesOf(id)).length, 1);
      assert.deepEqual(await actionsOf(id), [
        ['detach_interface', null],
        ['attach_interface', null],
        ['create', null],
      ]);
    });

    it('what was made for the server is deleted with its interface, which may be the last', async () => {
      const id = await create();
      const [port = ''] = plugged(id);
      assert.equal((await detach(id, port)).status, 202);
      await servers.world.settled();
      assert.equal((await neutron.ask('member', 'GET', `ports/${port}`)).status, 404);
      assert.deepEqual((await interfaces(id)).body, { interfaceAttachments: [] });
      assert.deepEqual(await addressesOf(id), []);
      // as in Nova, only the action tells that a port was not the server's: its own no longer, or never
      const { id: foreign } = await neutron.port('member', own);
      for (const stranger of [port, foreign]) {
        assert.equal((await detach(id, stranger)).status, 202);
        await servers.world.settled();
        assert.deepEqual((await actionsOf(id))[0], ['detach_interface', 'Error']);
      }
      assert.equal((await neutron.ask('member', 'GET', `ports/${foreign}`)).status, 200, 'it is left alone');
      await neutron.ask('member', 'DELETE', `ports/${foreign}`);
      const server = await servers.world.server(id);
      const faults = await servers.world.database
        .read('server_faults')
        .where({ server_id: server.id })
        .pluck('message');
      assert.deepEqual(new Set(faults), new Set([foreign, port].map((one) => `Port ${one} is not attached`)));
    });

    it('nothing named: the only network, or a word about the choice', async () => {
      const id = await create();
      const several = 'Multiple possible networks found, use a Network ID to be more specific.';
      says(await attach(id, {}), 400, 'badRequest', several);
      assert.equal(
        (await servers.request('POST', `/servers/${id}/os-interface`, { as: 'member', body: {} })).status,
        400,
      );
      const other = (await servers.post({}, { as: 'other', version: '2.42' })).body.server.id;
      await servers.world.settled();
      const answer = await attach(other, {}, '2.1', 'other');
      assert.equal(answer.body.interfaceAttachment?.net_id, shared, answer.text);
    });

    it('what contradicts itself or cannot be is refused in Nova’s words', async () => {
      const id = await create();
      const lost = newUuid();
      const bad = async (body: object, status: number, envelope: string, message: string) =>
        says(await attach(id, body), status, envelope, message);
      await bad({ net_id: own, port_id: lost }, 400, 'badRequest', 'Must not input both network_id and port_id');
      const ips = [{ ip_address: '10.50.0.9' }];
      await bad({ fixed_ips: ips }, 400, 'badRequest', 'Must input network_id when request IP address');
      await bad({ port_id: lost, fixed_ips: ips }, 400, 'badRequest', 'Must input network_id when request IP address');
      await bad({ net_id: lost }, 404, 'itemNotFound', `Network ${lost} could not be found.`);
      await bad({ port_id: lost }, 404, 'itemNotFound', `Port id ${lost} could not be found.`);
      const foreign = await neutron.port('other', shared);
      await bad({ port_id: foreign.id }, 404, 'itemNotFound', `Port id ${foreign.id} could not be found.`);
      const unusable = `Port ${foreign.id} not usable for instance ${id}.`;
      says(await attach(id, { port_id: foreign.id }, '2.70', 'admin'), 400, 'badRequest', unusable);
      await neutron.ask('other', 'DELETE', `ports/${foreign.id}`);
      const taken = await neutron.port('member', own, { fixed_ips: [{ ip_address: '10.50.0.20' }] });
      const used = { net_id: own, fixed_ips: [{ ip_address: '10.50.0.20' }] };
      await bad(used, 409, 'conflictingRequest', 'Fixed IP 10.50.0.20 is already in use.');
      await neutron.ask('member', 'DELETE', `ports/${taken.id}`);
      const outside = `Invalid input received: Fixed IP 10.99.0.1 is not a valid ip address for network ${own}.`;
      await bad({ net_id: own, fixed_ips: [{ ip_address: '10.99.0.1' }] }, 400, 'badRequest', outside);
      const external = await neutron.network('admin', 'outside', '10.60.0.0/24', { 'router:external': true });
      const forbidden = `It is not allowed to create an interface on external network ${external}`;
      await bad({ net_id: external }, 403, 'forbidden', forbidden);
      const allowed = await attach(id, { net_id: external }, '2.70', 'admin');
      assert.equal(allowed.status, 200, allowed.text);
      await detach(id, allowed.body.interfaceAttachment.port_id);
      await servers.world.settled();
      await neutron.ask('admin', 'DELETE', `networks/${external}`);
      const project = callers.member.projectId;
      await neutron.ask('admin', 'PUT', `quotas/${project}`, { quota: { port: 1 } });
      await bad({ net_id: own }, 403, 'forbidden', 'Maximum number of ports exceeded');
      await neutron.ask('admin', 'DELETE', `quotas/${project}`);
      const tiny = await neutron.network('member', 'tiny', '10.61.0.0/30');
      assert.equal((await attach(id, { net_id: tiny })).status, 200);
      await bad({ net_id: tiny }, 400, 'badRequest', `No fixed IP addresses available for network: ${tiny}`);
      assert.equal((await interfaces(id)).body.interfaceAttachments.length, 2, 'what failed left nothing');
    });

    it('are changed in some states only, and not on a locked server', async () => {
      const id = await create();
      const [port = ''] = plugged(id);
      for (const [state, legal] of [
        ['active', true],
        ['paused', true],
        ['stopped', true],
        ['suspended', false],
        ['rescued', false],
        ['error', false],
        ['shelved', false],
        ['resized', false],
        ['building', false],
      ] as const) {
        await servers.set(id, { vm_state: state });
        const refused = (word: string) => `Cannot '${word}' instance ${id} while it is in vm_state ${state}`;
        if (legal) assert.equal((await attach(id, { net_id: own })).status, 200, state);
        else {
          says(await attach(id, { net_id: own }), 409, 'conflictingRequest', refused('attach_interface'));
          says(await detach(id, port), 409, 'conflictingRequest', refused('detach_interface'));
        }
      }
      await servers.set(id, { vm_state: 'active', task_state: 'rebooting' });
      const busy = `Cannot 'attach_interface' instance ${id} while it is in task_state rebooting`;
      says(await attach(id, { net_id: own }), 409, 'conflictingRequest', busy);
      await servers.set(id, { task_state: null, locked_by: 'owner' });
      says(await attach(id, { net_id: own }), 409, 'conflictingRequest', `Instance ${id} is locked`);
      says(await detach(id, port), 409, 'conflictingRequest', `Instance ${id} is locked`);
      assert.equal((await attach(id, { net_id: own }, '2.70', 'admin')).status, 200);
    });

    it('several at once get ports of their own', async () => {
      const id = await create('none');
      const answers = await Promise.all(Array.from({ length: 4 }, () => attach(id, { net_id: own })));
      const ports = answers.map(({ body }) => body.interfaceAttachment.port_id as string);
      assert.equal(new Set(ports).size, 4);
      assert.deepEqual(plugged(id).toSorted(), ports.toSorted());
      assert.equal((await addressesOf(id)).length, 4);
      await Promise.all(ports.map((port) => detach(id, port)));
      await servers.world.settled();
      assert.deepEqual([plugged(id), await addressesOf(id)], [[], []]);
    });

    it('a host that cannot do it leaves no port behind, and the action says why', async () => {
      const id = await create();
      const driver = servers.world.drivers.get('host-1');
      driver?.behave(id, 'fail:attachNic');
      const before = await portCount();
      await failToAttach(id, unplugged(id));
      assert.equal(await portCount(), before);
      assert.equal((await interfaces(id)).body.interfaceAttachments.length, 1);
      assert.deepEqual((await actionsOf(id))[0], ['attach_interface', 'Error']);
      // nor does it leave an address, when somebody read the ports anew meanwhile
      const attaching = await servers.world.gated(['attachNic'], async (gate) => {
        const asked = failToAttach(id, unplugged(id));
        await gate.reached('attachNic');
        await refreshNetwork(servers.world.deps, { uuid: id });
        assert.equal((await addressesOf(id)).length, 2, 'its port is there');
        return { asked };
      });
      await attaching.asked;
      assert.equal((await addressesOf(id)).length, 1);
      // and one that does not let go keeps it, until it is asked again
      const [port = ''] = plugged(id);
      driver?.behave(id, 'fail:detachNic');
      await detach(id, port);
      await servers.world.settled();
      assert.deepEqual((await actionsOf(id))[0], ['detach_interface', 'Error']);
      assert.equal((await interfaces(id)).body.interfaceAttachments.length, 1);
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      driver?.behave(id, null);
      await detach(id, port);
      await servers.world.settled();
      assert.deepEqual((await interfaces(id)).body, { interfaceAttachments: [] });
    });

    it('one that is overtaken half plugged leaves nothing, whatever overtakes it', async () => {
      for (const overtake of [{ 'os-resetState': { state: 'active' } }, { 'os-resetState': { state: 'error' } }]) {
        const id = await create();
        const before = await portCount();
        const attaching = await servers.world.gated(['attachNic'], async (gate) => {
          const asked = failToAttach(id, overtaken);
          await gate.reached('attachNic');
          assert.equal(await portCount(), before + 1);
          const unplugging = servers.world.asked('detachNic');
          assert.equal((await servers.act(id, overtake, { as: 'admin' })).status, 202);
          await unplugging;
          return { asked };
        });
        await attaching.asked;
        await servers.world.settled();
        assert.equal(await portCount(), before);
        assert.equal((await interfaces(id)).body.interfaceAttachments.length, 1);
        assert.equal((await addressesOf(id)).length, 1);
        assert.equal(plugged(id).length, 1);
      }
    });

    it('one that its host neither plugs nor lets go of is the server’s, and can be unplugged later', async () => {
      const id = await create();
      const driver = servers.world.drivers.get('host-1');
      driver?.behave(id, 'fail:attachNic, fail:detachNic');
      await failToAttach(id, unplugged(id));
      driver?.behave(id, null);
      const ports = (await interfaces(id)).body.interfaceAttachments;
      assert.equal(ports.length, 2);
      assert.equal((await addressesOf(id)).length, 2);
      assert.equal((await detach(id, ports[1].port_id)).status, 202);
      await servers.world.settled();
      assert.equal((await interfaces(id)).body.interfaceAttachments.length, 1);
    });

    it('an unplugging that fails once its port is gone leaves no address of it', async () => {
      const id = await create();
      const [port = ''] = plugged(id);
      const { network } = servers.world.deps;
      const release = network.release.bind(network);
      const lost = async (...words: Parameters<typeof release>): Promise<never> => {
        await release(...words);
        throw internal('The answer made no sense.');
      };
      Object.assign(network, { release: lost });
      try {
        assert.equal((await detach(id, port)).status, 202);
        await servers.world.settled();
      } finally {
        Object.assign(network, { release });
      }
      assert.deepEqual((await actionsOf(id))[0], ['detach_interface', 'Error']);
      assert.deepEqual(await addressesOf(id), []);
    });

    it('an unplugging that is overtaken leaves no address of a port that is gone', async () => {
      const id = await create();
      const [port = ''] = plugged(id);
      await servers.world.held(async () => {
        assert.equal((await detach(id, port)).status, 202);
        // as its second step does
        await servers.world.deps.network.release(await servers.world.server(id), { portId: port });
        assert.equal((await servers.act(id, { 'os-resetState': { state: 'active' } }, { as: 'admin' })).status, 202);
      });
      await servers.world.settled();
      assert.deepEqual(await addressesOf(id), []);
    });
  });
}
