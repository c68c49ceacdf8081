// Pools that the ranges of subnets are taken of: what they give, to whom, and how much of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startWalkedCloud, type WalkedCloud, type WalkerName } from '../support/walkers.ts';

type Body = Readonly<Record<string, unknown>>;

let cloud: WalkedCloud;
let network: string;
before(async () => {
  cloud = await startWalkedCloud();
  network = (await made('member', 'network', { name: 'pooled' })).id;
});
after(() => cloud.close());

const ask = (as: WalkerName, method: string, path: string, body?: unknown) =>
  cloud.ask(as, method, `/network/v2.0/${path}`, body);

async function must(as: WalkerName, method: string, path: string, body?: Body) {
  const reply = await ask(as, method, path, body);
  assert.ok(reply.status < 300, `${as} ${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.body;
}

async function refused(status: number, type: string, as: WalkerName, method: string, path: string, body?: Body) {
  const reply = await ask(as, method, path, body);
  assert.equal(reply.status, status, `${as} ${method} ${path}: ${reply.text}`);
  assert.equal((reply.body['NeutronError'] as Body)['type'], type, reply.text);
}

const made = async (as: WalkerName, noun: string, value: Body) =>
  (await must(as, 'POST', `${noun}s`, { [noun]: value }))[noun] as Body & { readonly id: string };
const pool = (value: Body, as: WalkerName = 'member') => made(as, 'subnetpool', { name: 'pool', ...value });
const subnet = (value: Body, as: WalkerName = 'member') =>
  made(as, 'subnet', { network_id: network, ip_version: 4, ...value });
const noSubnet = (status: number, type: string, value: Body, as: WalkerName = 'member') =>
  refused(status, type, as, 'POST', 'subnets', { subnet: { network_id: network, ip_version: 4, ...value } });

describe('a pool of subnets', () => {
  it('is what was asked for, with the lengths of its family', async () => {
    const one = await pool({ prefixes: ['10.60.0.0/16', '10.60.3.0/24', '10.61.0.7/16'], default_prefixlen: '24' });
    const { id, created_at, updated_at, project_id, tenant_id, ...rest } = one;
    assert.deepEqual(
      [typeof id, typeof created_at, typeof updated_at, project_id],
      ['string', 'string', 'string', tenant_id],
    );
    assert.deepEqual(rest, {
      name: 'pool',
      description: '',
      tags: [],
      revision_number: 1,
      ip_version: 4,
      prefixes: ['10.60.0.0/16', '10.61.0.0/16'],
      min_prefixlen: '8',
      default_prefixlen: '24',
      max_prefixlen: '32',
      default_quota: null,
      shared: false,
      is_default: false,
      address_scope_id: null,
    });
    const six = await pool({ prefixes: ['fd00:60::/48'] });
    assert.deepEqual([six['ip_version'], six['default_prefixlen'], six['max_prefixlen']], [6, '64', '128']);
    const create = (value: Body, type: string) =>
      refused(400, type, 'member', 'POST', 'subnetpools', { subnetpool: { name: 'bad', ...value } });
    await create({ prefixes: ['10.0.0.0/8', 'fd00::/48'] }, 'PrefixVersionMismatch');
    await create({ prefixes: [] }, 'HTTPBadRequest');
    await create(
      { prefixes: ['10.0.0.0/8'], min_prefixlen: 24, default_prefixlen: 20 },
      'IllegalSubnetPoolPrefixBounds',
    );
    await create({ prefixes: ['10.0.0.0/8'], max_prefixlen: 33 }, 'IllegalSubnetPoolPrefixBounds');
  });

  it('gives the first range that is free, and takes it back', async () => {
    const { id } = await pool({ prefixes: ['10.62.0.0/26', '10.62.1.0/26'], default_prefixlen: 27, min_prefixlen: 26 });
    const of = { subnetpool_id: id };
    const first = await subnet(of);
    assert.deepEqual([first['cidr'], first['gateway_ip'], first['subnetpool_id']], ['10.62.0.0/27', '10.62.0.1', id]);
    assert.equal((await subnet({ ...of, prefixlen: 28 }))['cidr'], '10.62.0.32/28');
    assert.equal((await subnet(of))['cidr'], '10.62.1.0/27');
    assert.equal((await subnet({ ...of, cidr: '10.62.1.32/28' }))['cidr'], '10.62.1.32/28');
    await noSubnet(400, 'SubnetAllocationError', { ...of, prefixlen: 26 });
    await noSubnet(400, 'SubnetAllocationError', { ...of, cidr: '10.62.1.0/28' });
    await noSubnet(400, 'SubnetAllocationError', { ...of, cidr: '10.63.0.0/27' });
    await noSubnet(400, 'MinPrefixSubnetAllocationError', { ...of, prefixlen: 25 });
    await noSubnet(400, 'BadRequest', { ...of, cidr: '10.62.1.48/28', prefixlen: 28 });
    await noSubnet(400, 'BadRequest', { cidr: '10.62.2.0/28', prefixlen: 28 });
    await noSubnet(400, 'InvalidInput', { ...of, ip_version: 6, prefixlen: 28 });
    await refused(400, 'SubnetPoolDeleteError', 'member', 'DELETE', `subnetpools/${id}`);
    const { subnets } = await must('member', 'GET', `subnets?subnetpool_id=${id}`);
    for (const one of subnets as { id: string }[]) await must('member', 'DELETE', `subnets/${one.id}`);
    assert.equal((await subnet(of))['cidr'], '10.62.0.0/27');
  });

  it('is a project’s own, or an administrator’s for all', async () => {
    const own = await pool({ prefixes: ['10.64.0.0/16'], default_prefixlen: 24 });
    await refused(404, 'SubnetPoolNotFound', 'other', 'GET', `subnetpools/${own.id}`);
    await refused(403, 'PolicyNotAuthorized', 'member', 'POST', 'subnetpools', {
      subnetpool: { name: 'mine', prefixes: ['10.65.0.0/16'], shared: true },
    });
    const theirs = (await made('other', 'network', { name: 'other' })).id;
    await noSubnet(404, 'SubnetPoolNotFound', { subnetpool_id: own.id, network_id: theirs }, 'other');
    const all = await pool({ prefixes: ['10.66.0.0/16'], default_prefixlen: 24, shared: true }, 'admin');
    assert.equal((await subnet({ subnetpool_id: all.id, network_id: theirs }, 'other'))['cidr'], '10.66.0.0/24');
    // nobody has what somebody else has of the pool, though each network is by itself
    assert.equal((await subnet({ subnetpool_id: all.id }))['cidr'], '10.66.1.0/24');
    await refused(403, 'PolicyNotAuthorized', 'other', 'PUT', `subnetpools/${all.id}`, { subnetpool: { name: 'x' } });
    await noSubnet(400, 'InvalidInput', { use_default_subnetpool: true });
    await must('admin', 'PUT', `subnetpools/${all.id}`, { subnetpool: { is_default: true } });
    assert.equal((await subnet({ use_default_subnetpool: true }))['cidr'], '10.66.2.0/24');
    await refused(400, 'InvalidInput', 'admin', 'POST', 'subnetpools', {
      subnetpool: { name: 'second', prefixes: ['10.67.0.0/16'], is_default: true },
    });
  });

  it('bounds what one project has of it', async () => {
    const { id } = await pool(
      { prefixes: ['10.68.0.0/16'], default_prefixlen: 28, default_quota: 20, shared: true },
      'admin',
    );
    await subnet({ subnetpool_id: id });
    await noSubnet(409, 'SubnetPoolQuotaExceeded', { subnetpool_id: id });
    assert.equal((await subnet({ subnetpool_id: id, prefixlen: 30 }))['cidr'], '10.68.0.16/30');
    const theirs = (await made('other', 'network', { name: 'other' })).id;
    assert.equal((await subnet({ subnetpool_id: id, network_id: theirs }, 'other'))['cidr'], '10.68.0.32/28');
  });

  it('grows, and gives nothing that the operator has not left to projects', async () => {
    const { id } = await pool({ prefixes: ['10.69.0.0/24'], default_prefixlen: 24 });
    await subnet({ subnetpool_id: id });
    const change = (prefixes: readonly string[]) => ({ subnetpool: { prefixes } });
    await refused(400, 'IllegalSubnetPoolPrefixUpdate', 'member', 'PUT', `subnetpools/${id}`, change(['10.70.0.0/24']));
    await must('member', 'PUT', `subnetpools/${id}`, change(['10.69.0.0/23']));
    assert.equal((await subnet({ subnetpool_id: id }))['cidr'], '10.69.1.0/24');
    const outside = await pool({ prefixes: ['8.8.0.0/16'], default_prefixlen: 24 });
    await noSubnet(400, 'InvalidInput', { subnetpool_id: outside.id });
  });

  it('takes ranges one by one, and lets those go that have no subnet', async () => {
    const { id } = await pool({ prefixes: ['10.71.0.0/24'], default_prefixlen: 24 });
    const change = (verb: string, ...prefixes: readonly string[]) =>
      ['PUT', `subnetpools/${id}/${verb}_prefixes`, { prefixes }] as const;
    const added = await must('member', ...change('add', '10.73.0.0/24', '10.74.0.9/24'));
    assert.deepEqual(added, { prefixes: ['10.71.0.0/24', '10.73.0.0/24', '10.74.0.0/24'] });
    await subnet({ subnetpool_id: id });
    const wrong = 'IllegalSubnetPoolPrefixUpdate';
    await refused(409, wrong, 'member', ...change('remove', '10.71.0.0/24'));
    await refused(400, wrong, 'member', ...change('remove', '10.75.0.0/24'));
    await refused(400, 'PrefixVersionMismatch', 'member', ...change('add', 'fd00::/48'));
    await refused(404, 'SubnetPoolNotFound', 'other', ...change('add', '10.76.0.0/24'));
    assert.deepEqual(await must('member', ...change('remove', '10.74.0.0/24', '10.73.0.0/24')), {
      prefixes: ['10.71.0.0/24'],
    });
    assert.equal(((await must('member', 'GET', `subnetpools/${id}`))['subnetpool'] as Body)['revision_number'], 3);
    const lone = await pool({ prefixes: ['10.77.0.0/24'] });
    await refused(400, wrong, 'member', 'PUT', `subnetpools/${lone.id}/remove_prefixes`, {
      prefixes: ['10.77.0.0/24'],
    });
  });
});
