// Ports of servers on their way, at an operator's Neutron whose switches are Open vSwitch's without OVN: bound to both hosts until the
// guest is on one. No agent runs here: Neutron is told that both hosts have one, and binds ports by that.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import knex from 'knex';
import { makeNeutron } from '../../src/cloud/neutron.ts';
import {
  keystoneMissing,
  passwordIdentity,
  projectScope,
  startKeystone,
  type TestKeystone,
} from '../support/keystone.ts';
import { neutronMissing, startNeutron, type TestNeutron } from '../support/neutron-server.ts';

const HOSTS = ['one', 'two'];

/** The rows by which Neutron knows of an agent that lives. */
async function pretendAgents({ database }: TestNeutron): Promise<void> {
  const client = knex({ client: 'mysql2', connection: database.url });
  const beats = client.raw('UTC_TIMESTAMP()');
  const rows = HOSTS.map((host, at) => ({
    ...{ id: randomUUID(), host, agent_type: 'Open vSwitch agent', binary: 'neutron-openvswitch-agent', topic: 'N/A' },
    // it is to live as long as the test takes
    ...{ admin_state_up: 1, created_at: beats, started_at: beats, heartbeat_timestamp: '2037-01-01 00:00:00', load: 0 },
    configurations: JSON.stringify({
      tunnel_types: ['geneve'],
      tunneling_ip: `192.0.2.${at + 1}`,
      bridge_mappings: {},
    }),
  }));
  try {
    await client('agents').insert(rows);
  } finally {
    await client.destroy();
  }
}

describe('a port of a server on its way', {
  skip: keystoneMissing() ?? neutronMissing() ?? false,
  concurrency: 1,
}, () => {
  let keystone: TestKeystone;
  let neutron: TestNeutron;
  let service: ReturnType<typeof makeNeutron>;
  let token = '';
  const ask = async (method: string, path: string, body?: object) => {
    const headers = { 'X-Auth-Token': token, 'Content-Type': 'application/json' };
    const answer = await fetch(`${neutron.endpoint}/v2.0/${path}`, { method, headers, body: JSON.stringify(body) });
    // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
    return { status: answer.status, body: (await answer.json().catch(() => null)) as any };
  };
  const bindingsOf = async (port: string): Promise<Record<string, string>> => {
    const { body } = await ask('GET', `ports/${port}/bindings`);
    return Object.fromEntries(body.bindings.map((one: { host: string; status: string }) => [one.host, one.status]));
  };
  const profileOf = async (port: string) => (await ask('GET', `ports/${port}`)).body.port['binding:profile'];

  before(async () => {
    keystone = await startKeystone({ provider: 'fernet' });
    neutron = await startNeutron(keystone, '/nonexistent', { driver: 'openvswitch' });
    await pretendAgents(neutron);
    token = await keystone.login({ identity: passwordIdentity('neutron', 'neutron'), scope: projectScope('service') });
    service = makeNeutron({ endpoint: neutron.endpoint, serviceToken: async () => token });
  });
  after(async () => {
    await service?.close();
    await neutron?.stop();
    await keystone?.stop();
  });

  /** A server on host one, and its port. */
  async function server() {
    const projectId = randomUUID().replaceAll('-', '');
    const made = await ask('POST', 'networks', { network: { name: 'n', project_id: projectId } });
    const { id: networkId } = made.body.network;
    await ask('POST', 'subnets', { subnet: { network_id: networkId, cidr: '10.0.0.0/24', ip_version: 4 } });
    const owned = { uuid: randomUUID(), projectId, userId: 'u' };
    const plan = { requests: [{ networkId, portId: null, fixedIp: null, tag: null }], securityGroups: [] };
    const [nic] = await service.allocate({ ...owned, host: 'one', zone: 'nova', hostname: 'h' }, plan);
    assert.equal(nic?.vifType, 'ovs');
    return { owned, port: nic?.portId ?? '' };
  }

  it('is bound to both, and in the end to the one where the guest is', async () => {
    const { owned, port } = await server();
    assert.deepEqual(await bindingsOf(port), { one: 'ACTIVE' });
    await service.announceMove(owned, 'two');
    const both = { one: 'ACTIVE', two: 'INACTIVE' };
    assert.deepEqual(await bindingsOf(port), both);
    assert.equal((await profileOf(port)).migrating_to, 'two');
    await service.announceMove(owned, 'two');
    assert.deepEqual(await bindingsOf(port), both, 'twice is once');
    await service.rebind({ ...owned, host: 'two', zone: 'nova' });
    assert.deepEqual(await bindingsOf(port), { two: 'ACTIVE' });
    assert.equal((await profileOf(port)).migrating_to, undefined);
    await service.rebind({ ...owned, host: 'two', zone: 'nova' });
    assert.deepEqual(await bindingsOf(port), { two: 'ACTIVE' }, 'twice is once');
    // and there and back
    await service.announceMove(owned, 'one');
    await service.rebind({ ...owned, host: 'one', zone: 'nova' });
    assert.deepEqual(await bindingsOf(port), { one: 'ACTIVE' });
  });

  it('is bound at home alone where the move was given up', async () => {
    const { owned, port } = await server();
    await service.announceMove(owned, 'two');
    await service.rebind({ ...owned, host: 'one', zone: 'nova' });
    assert.deepEqual(await bindingsOf(port), { one: 'ACTIVE' });
    assert.equal((await profileOf(port)).migrating_to, undefined);
  });

  it('goes on where whoever ended a move was killed before its end', async () => {
    const { owned, port } = await server();
    await service.announceMove(owned, 'two');
    assert.equal((await ask('PUT', `ports/${port}/bindings/two/activate`)).status, 200);
    assert.deepEqual(await bindingsOf(port), { one: 'INACTIVE', two: 'ACTIVE' });
    await service.rebind({ ...owned, host: 'two', zone: 'nova' });
    assert.deepEqual(await bindingsOf(port), { two: 'ACTIVE' });
  });

  it('does not leave for a host where nothing can take it, and stays bound at home', async () => {
    const { owned, port } = await server();
    await assert.rejects(service.announceMove(owned, 'nowhere'), { kind: 'conflict', code: 'PortBindingFailed' });
    await service.rebind({ ...owned, host: 'one', zone: 'nova' });
    assert.deepEqual(await bindingsOf(port), { one: 'ACTIVE' });
    await service.release(owned);
    assert.equal((await ask('GET', `ports/${port}`)).status, 404);
  });
});
