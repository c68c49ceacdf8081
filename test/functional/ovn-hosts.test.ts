// What several hosts are to the network service where OVN carries networks: which of them has a port, and which two while its server moves;
// who carries what goes out of routers; and networks on wires that not every host leads to.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { makeNeutron } from '../../src/cloud/neutron.ts';
import type { Chassis } from '../../src/domain/placement/hosts.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import { type Answer, callers, type Cloud, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';
import { reportHost } from '../support/rows.ts';

const SITE = { wire: 'external', gateways: [], metadata: false };

for (const engine of engines) {
  describe(`hosts in OVN on ${engine}`, () => {
    let cloud: Cloud;
    before(async () => {
      const carrier = { ...basicEngine, kind: 'ovn' as const, wire: SITE.wire, tunnelMtu: 1442 };
      cloud = await startCloud({ engine, floatingIps: true, network: { engine: carrier } });
      await report('host-1', { name: 'c1', wires: ['external'] });
      await report('host-2', { name: 'c2', wires: ['external', 'campus'] });
      await report('host-3', { name: 'c3', wires: ['external', 'campus'] });
      await report('silent', undefined);
    });
    after(() => cloud.close());

    async function report(host: string, chassis: Chassis | undefined): Promise<void> {
      const inventory = fakeInventory(host, {}, { memoryMb: 0, diskGb: 0 });
      const facts = { ...inventory.facts, ...(chassis === undefined ? {} : { chassis }) };
      await reportHost(cloud.database, host, { facts });
    }
    const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const make = async (who: Who, noun: string, body: object = {}) => {
      const answer = await ask(who, 'POST', `${noun.replaceAll('_', '-')}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    const refuses = async (answer: Promise<Answer>, status: number, type: string, words: RegExp) => {
      const { status: found, json, text } = await answer;
      assert.deepEqual([found, json?.NeutronError?.type], [status, type], text);
      assert.match(json.NeutronError.message, words);
    };
    const provider = (type: unknown, wire?: unknown, segment?: unknown, more: object = {}) => ({
      network: {
        ...{ name: 'n', 'provider:network_type': type, ...more },
        ...(wire === undefined ? {} : { 'provider:physical_network': wire }),
        ...(segment === undefined ? {} : { 'provider:segmentation_id': segment }),
      },
    });
    const source = () => makeUnitSource(cloud.database, systemClock, SITE);
    const rowsOf = async (unit: string) => (await source().read([unit]))[0]?.rows ?? [];
    /** What OVN is told of a port. */
    const optionsOf = async (id: string) =>
      (await rowsOf(`port/${id}`)).find(({ table }) => table === 'Logical_Switch_Port')?.columns['options'];
    const settle = () => cloud.database.write('network_units').update({ dirty: 0 });
    const isDirty = async (unit: string) => (await source().read([unit]))[0]?.dirty;

    /** A server of the member's on a host, and its port. */
    async function server(networkId: string, host: string) {
      const { projectId, userId } = callers.demo;
      const owned = { uuid: randomUUID(), projectId: projectId ?? '', userId };
      const request = { networkId, portId: null, fixedIp: null, tag: null };
      const plan = { requests: [request], securityGroups: [] };
      const target = { ...owned, host, zone: 'nova', hostname: 'h' };
      const [nic] = await cloud.networks.service.allocate(target, plan);
      return { owned, portId: nic?.portId ?? '' };
    }
    async function network(who: Who = 'demo', more: object = {}): Promise<string> {
      const { id } = await make(who, 'network', { name: 'n', ...more });
      await make(who, 'subnet', { network_id: id, cidr: '10.0.0.0/24', ip_version: 4 });
      return id;
    }

    it('have the ports of their servers, and two of them the port of one that moves', async () => {
      const { service } = cloud.networks;
      const { owned, portId } = await server(await network(), 'host-1');
      assert.deepEqual(await optionsOf(portId), { 'requested-chassis': 'c1' });
      await settle();
      await service.announceMove(owned, 'host-2');
      const both = { 'requested-chassis': 'c1,c2', 'activation-strategy': 'rarp' };
      assert.deepEqual(await optionsOf(portId), both);
      assert.equal(await isDirty(`port/${portId}`), true);
      // as it is, the server's own port is still the host's
      const shown = (await ask('admin', 'GET', `ports/${portId}`)).json.port;
      assert.deepEqual([shown['binding:host_id'], shown['binding:profile'].migrating_to], ['host-1', 'host-2']);
      await settle();
      await service.announceMove(owned, 'host-2');
      assert.equal(await isDirty(`port/${portId}`), false, 'twice is once');
      // given up
      await service.rebind({ ...owned, host: 'host-1', zone: 'nova' });
      assert.deepEqual(await optionsOf(portId), { 'requested-chassis': 'c1' });
      assert.equal(await isDirty(`port/${portId}`), true);
      await service.announceMove(owned, 'host-2');
      await service.rebind({ ...owned, host: 'host-2', zone: 'nova' });
      assert.deepEqual(await optionsOf(portId), { 'requested-chassis': 'c2' });
      // one that nobody holds any more is no host's
      await service.rebind({ ...owned, host: '', zone: 'nova' });
      assert.deepEqual(await optionsOf(portId), {});
    });

    it('are told by Neutron’s API too, in the words that Nova has for it', async () => {
      const neutron = makeNeutron({ endpoint: `${cloud.url}/network`, serviceToken: async () => 'admin' });
      try {
        const { owned, portId } = await server(await network(), 'host-1');
        await neutron.announceMove(owned, 'host-2');
        const both = { 'requested-chassis': 'c1,c2', 'activation-strategy': 'rarp' };
        assert.deepEqual(await optionsOf(portId), both);
        await neutron.rebind({ ...owned, host: 'host-2', zone: 'nova' });
        assert.deepEqual(await optionsOf(portId), { 'requested-chassis': 'c2' });
      } finally {
        await neutron.close();
      }
    });

    it('are not asked for where one of them did not tell what it is, and found out when it does', async () => {
      const { owned, portId } = await server(await network(), 'silent');
      assert.deepEqual(await optionsOf(portId), {});
      await cloud.networks.service.announceMove(owned, 'host-1');
      assert.deepEqual(await optionsOf(portId), {});
      const before = await source().chassis();
      await report('silent', { name: 'c4', wires: [] });
      assert.notEqual(await source().chassis(), before);
      assert.equal(((await optionsOf(portId)) as Record<string, string>)['requested-chassis'], 'c4,c1');
      // its switch does not answer for a while
      await report('silent', undefined);
      assert.deepEqual(await optionsOf(portId), { 'requested-chassis': 'c4,c1', 'activation-strategy': 'rarp' });
      // a name that OVN would take for two is none
      await report('silent', { name: 'c4,c1', wires: ['external', 'a b'] });
      assert.deepEqual(await optionsOf(portId), {});
    });

    it('carry what goes out of routers: those on the wire, in an order of its own for each router', async () => {
      const external = (await make('admin', 'network', { name: 'public', 'router:external': true })).id;
      await make('admin', 'subnet', { network_id: external, cidr: '203.0.113.0/24', ip_version: 4 });
      const campus = await make('admin', 'network', provider('vlan', 'campus', 9, { 'router:external': true }).network);
      await make('admin', 'subnet', { network_id: campus.id, cidr: '198.51.100.0/24', ip_version: 4 });
      const carriers = async (network_id: string) => {
        const { id } = await make('demo', 'router', { name: 'r', external_gateway_info: { network_id } });
        const rows = (await rowsOf(`router/${id}`)).filter(({ table }) => table === 'Gateway_Chassis');
        return rows
          .toSorted((a, b) => Number(b.columns['priority']) - Number(a.columns['priority']))
          .map(({ columns }) => columns['chassis_name'] as string);
      };
      const orders = new Set<string>();
      for (let at = 0; at < 8; at += 1) {
        const names = await carriers(external);
        assert.deepEqual(
          names.toSorted((a, b) => a.localeCompare(b)),
          ['c1', 'c2', 'c3'],
        );
        orders.add(names.join());
      }
      assert.ok(orders.size > 1, 'one host carries them all');
      assert.deepEqual(
        (await carriers(campus.id)).toSorted((a, b) => a.localeCompare(b)),
        ['c2', 'c3'],
      );
    });

    it('lead to wires, on which administrators have networks', async () => {
      const made = await make('admin', 'network', provider('vlan', 'campus', 100).network);
      assert.deepEqual(
        [made['provider:network_type'], made['provider:physical_network'], made['provider:segmentation_id'], made.mtu],
        ['vlan', 'campus', 100, 1500],
      );
      const [, wire] = await rowsOf(`network/${made.id}`);
      assert.deepEqual(
        [wire?.columns['type'], wire?.columns['options'], wire?.columns['tag']],
        ['localnet', { network_name: 'campus' }, [100]],
      );
      const flat = await make('admin', 'network', provider('flat', 'campus').network);
      assert.deepEqual((await rowsOf(`network/${flat.id}`))[1]?.columns['tag'], []);
      const tunnel = await make('admin', 'network', provider('geneve', undefined, 77).network);
      assert.deepEqual((await rowsOf(`network/${tunnel.id}`))[0]?.columns['other_config'], {
        'requested-tnl-key': '77',
      });
      const listed = await ask(
        'admin',
        'GET',
        'networks?provider:physical_network=campus&provider:segmentation_id=100',
      );
      assert.deepEqual(
        listed.json.networks.map(({ id }: { id: string }) => id),
        [made.id],
      );
      // whoever does not see what a network is made of does not find out by asking for it
      const shared = (await make('admin', 'network', provider('vlan', 'campus', 101, { shared: true }).network)).id;
      const asMember = async (query: string) => (await ask('demo', 'GET', `networks?${query}`)).json;
      const listedTo = (await asMember('limit=100')).networks as { id: string }[];
      assert.ok(listedTo.some(({ id }) => id === shared));
      assert.deepEqual(await asMember('provider:segmentation_id=101&limit=1'), { networks: [] });
      const taken = provider('vlan', 'campus', 100);
      await refuses(ask('admin', 'POST', 'networks', taken), 409, 'VlanIdInUse', /VLAN 100 on physical network campus/);
      await refuses(ask('admin', 'POST', 'networks', provider('flat', 'campus')), 409, 'FlatNetworkInUse', /campus/);
      await refuses(ask('admin', 'POST', 'networks', provider('geneve', null, 77)), 409, 'TunnelIdInUse', /77/);
      await refuses(ask('demo', 'POST', 'networks', taken), 403, 'PolicyNotAuthorized', /provider/);
      for (const [body, words] of [
        [provider('vlan', 'campus'), /segmentation_id required/],
        [provider('vlan', 'campus', 4095), /out of range/],
        [provider('vlan', undefined, 5), /physical_network required/],
        [provider('vlan', 'moon', 5), /'moon' unknown/],
        [provider('flat', 'campus', 5), /segmentation_id specified for flat/],
        [provider('geneve', 'campus', 5), /physical_network specified/],
        [provider('vxlan'), /'vxlan' is not to be had/],
        [provider('local'), /'local' is not to be had/],
        [provider(null, 'campus'), /network_type required/],
      ] as const)
        await refuses(ask('admin', 'POST', 'networks', body), 400, 'InvalidInput', words);
      const shown = (await ask('demo', 'GET', `networks/${await network()}`)).json.network;
      assert.ok(!('provider:network_type' in shown));
    });

    it('give one VLAN to one network, however many ask at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => ask('admin', 'POST', 'networks', provider('vlan', 'campus', 200))),
      );
      assert.deepEqual(
        answers.map(({ status }) => status).toSorted((a, b) => a - b),
        [201, 409, 409, 409, 409, 409],
      );
    });

    it('have no port of a network whose wire they do not lead to', async () => {
      const campus = await make('admin', 'network', provider('vlan', 'campus', 300, { shared: true }).network);
      await make('admin', 'subnet', { network_id: campus.id, cidr: '10.7.0.0/24', ip_version: 4 });
      await assert.rejects(server(campus.id, 'host-1'), { code: 'PortBindingFailed' });
      const { owned, portId } = await server(campus.id, 'host-2');
      const { service } = cloud.networks;
      await assert.rejects(service.announceMove(owned, 'host-1'), { code: 'PortBindingFailed' });
      await assert.rejects(service.rebind({ ...owned, host: 'host-1', zone: 'nova' }), { code: 'PortBindingFailed' });
      assert.deepEqual(await optionsOf(portId), { 'requested-chassis': 'c2' });
      const router = await make('admin', 'router', { name: 'r' });
      const [subnet] = (await ask('admin', 'GET', `subnets?network_id=${campus.id}`)).json.subnets;
      const join = ask('admin', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
      await refuses(join, 400, 'BadRequest', /physical network/);
    });

    it('have tunnels between them, which say how long packets may be', async () => {
      const plain = await make('demo', 'network', { name: 'n' });
      assert.equal(plain.mtu, 1442);
      const tooLong = { network: { name: 'n', mtu: 1500 } };
      await refuses(ask('demo', 'POST', 'networks', tooLong), 400, 'InvalidInput', /too big, maximum is 1442/);
      await refuses(
        ask('demo', 'PUT', `networks/${plain.id}`, { network: { mtu: 1443 } }),
        400,
        'InvalidInput',
        /1442/,
      );
      // made when there was one host
      await cloud.database.write('networks').where({ id: plain.id }).update({ mtu: 1500 });
      const named = await ask('demo', 'PUT', `networks/${plain.id}`, { network: { name: 'other' } });
      assert.deepEqual([named.status, named.json.network.mtu], [200, 1500]);
    });
  });
}
