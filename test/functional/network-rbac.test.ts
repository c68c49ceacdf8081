// A network that one project shares with another, or that is the way outside of one: that project uses it and nobody else knows of it.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startWalkedCloud, type WalkedCloud, type WalkerName } from '../support/walkers.ts';

type Body = Readonly<Record<string, unknown>>;

let cloud: WalkedCloud;
let network: string;
before(async () => {
  cloud = await startWalkedCloud();
});
after(() => cloud.close());

const ask = (as: WalkerName, method: string, path: string, body?: unknown) =>
  cloud.ask(as, method, `/network/v2.0/${path}`, body);

async function must(as: WalkerName, method: string, path: string, body?: Body) {
  const reply = await ask(as, method, path, body);
  assert.ok(reply.status < 300, `${as} ${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.body;
}

async function refused(status: number, as: WalkerName, method: string, path: string, body?: Body): Promise<string> {
  const reply = await ask(as, method, path, body);
  assert.equal(reply.status, status, `${as} ${method} ${path}: ${reply.text}`);
  return reply.text;
}

async function made(as: WalkerName, noun: string, value: Body): Promise<Body & { readonly id: string }> {
  const path = `${noun.replaceAll('_', '-').replace(/y$/, 'ie')}s`;
  return (await must(as, 'POST', path, { [noun]: value }))[noun] as Body & { readonly id: string };
}

const projectOf = (who: 'other' | 'member' | 'admin'): string => cloud.walkers[who].projectId as string;
const policyFor = (target: string, more: Body = {}) => ({
  rbac_policy: {
    object_type: 'network',
    object_id: network,
    action: 'access_as_shared',
    target_tenant: target,
    ...more,
  },
});
const give = async (as: WalkerName, target: string, more: Body = {}) =>
  (await must(as, 'POST', 'rbac-policies', policyFor(target, more))).rbac_policy as Body & { readonly id: string };
const listed = async (as: WalkerName, path: string): Promise<string[]> => {
  const [items] = Object.values(await must(as, 'GET', path)) as [readonly { readonly id: string }[]];
  return items.map(({ id }) => id);
};

describe('a network of one project', () => {
  let subnet: string;
  let octet = 0;
  beforeEach(async () => {
    octet += 1;
    network = (await made('member', 'network', { name: 'given' })).id;
    subnet = (await made('member', 'subnet', { network_id: network, ip_version: 4, cidr: `10.77.${octet}.0/24` })).id;
  });

  it('that is shared with another is used by it, and by nobody else', async () => {
    await refused(404, 'other', 'GET', `networks/${network}`);
    await refused(404, 'other', 'POST', 'ports', { port: { network_id: network } });
    const policy = await give('member', projectOf('other'));
    assert.deepEqual(policy, {
      id: policy.id,
      project_id: projectOf('member'),
      tenant_id: projectOf('member'),
      object_type: 'network',
      object_id: network,
      action: 'access_as_shared',
      target_tenant: projectOf('other'),
    });
    const { network: seen } = await must('other', 'GET', `networks/${network}`);
    assert.equal((seen as Body)['shared'], true);
    assert.equal(((await must('member', 'GET', `networks/${network}`)).network as Body)['shared'], false);
    assert.ok((await listed('other', 'networks')).includes(network));
    assert.ok((await listed('other', `subnets?network_id=${network}`)).includes(subnet));
    await must('other', 'GET', `subnets/${subnet}`);
    const port = await made('other', 'port', { network_id: network, fixed_ips: [{ subnet_id: subnet }] });
    // the network stays its owner's
    await refused(403, 'other', 'PUT', `networks/${network}`, { network: { name: 'mine' } });
    await refused(403, 'other', 'DELETE', `networks/${network}`);
    await refused(403, 'other', 'POST', 'subnets', {
      subnet: { network_id: network, ip_version: 4, cidr: '10.78.0.0/24' },
    });
    await refused(403, 'other', 'POST', 'ports', {
      port: { network_id: network, fixed_ips: [{ ip_address: `10.77.${octet}.9` }] },
    });
    assert.match(await refused(400, 'other', 'POST', 'rbac-policies', policyFor(projectOf('admin'))), /do not own/);
    // the other project's port is not the owner's to see as shared, but it is on his network
    assert.ok((await listed('member', 'ports')).includes(port.id));

    assert.match(await refused(409, 'member', 'DELETE', `rbac-policies/${policy.id}`), /RbacPolicyInUse/);
    await must('other', 'DELETE', `ports/${port.id}`);
    await must('member', 'DELETE', `rbac-policies/${policy.id}`);
    await refused(404, 'other', 'GET', `networks/${network}`);
    await refused(404, 'other', 'GET', `subnets/${subnet}`);
    assert.ok(!(await listed('other', 'networks')).includes(network));
  });

  it('is given to all by administrators alone, which its own attributes say too', async () => {
    await refused(403, 'member', 'POST', 'rbac-policies', policyFor('*'));
    const { id } = await give('admin', '*');
    assert.equal(((await must('other', 'GET', `networks/${network}`)).network as Body)['shared'], true);
    assert.match(await refused(409, 'admin', 'POST', 'rbac-policies', policyFor('*')), /RbacPolicyExists/);
    await refused(403, 'member', 'DELETE', `rbac-policies/${id}`);
    const port = await made('other', 'port', { network_id: network });
    await refused(409, 'admin', 'DELETE', `rbac-policies/${id}`);
    // who has it of his own may keep what he has there
    const own = await give('admin', projectOf('other'));
    await must('admin', 'DELETE', `rbac-policies/${id}`);
    await must('other', 'GET', `ports/${port.id}`);
    await refused(409, 'admin', 'DELETE', `rbac-policies/${own.id}`);
    await must('admin', 'PUT', `networks/${network}`, { network: { shared: true } });
    assert.equal((await listed('admin', `rbac-policies?object_id=${network}&target_tenant=*`)).length, 1);
    await must('admin', 'PUT', `networks/${network}`, { network: { shared: false } });
    assert.deepEqual(await listed('admin', `rbac-policies?object_id=${network}`), [own.id]);
    await must('other', 'DELETE', `ports/${port.id}`);
    await must('admin', 'DELETE', `networks/${network}`);
    await refused(404, 'admin', 'GET', `rbac-policies/${own.id}`);
  });

  it('is the way outside of one project alone', async () => {
    const outside = { action: 'access_as_external' };
    assert.match(
      await refused(400, 'member', 'POST', 'rbac-policies', policyFor(projectOf('other'), outside)),
      /admins/,
    );
    await refused(400, 'other', 'POST', 'floatingips', { floatingip: { floating_network_id: network } });
    const { id } = await give('admin', projectOf('other'), outside);
    assert.equal(((await must('other', 'GET', `networks/${network}`)).network as Body)['router:external'], true);
    const ip = await made('other', 'floatingip', { floating_network_id: network });
    const router = await made('other', 'router', { external_gateway_info: { network_id: network } });
    await refused(400, 'member', 'POST', 'floatingips', { floatingip: { floating_network_id: network } });
    for (const path of [`floatingips/${ip.id}`, `routers/${router.id}`]) {
      await refused(409, 'admin', 'DELETE', `rbac-policies/${id}`);
      await must('other', 'DELETE', path);
    }
    await must('admin', 'DELETE', `rbac-policies/${id}`);
    await refused(404, 'other', 'GET', `networks/${network}`);
  });

  it('is given to another project instead, under the same id', async () => {
    const { id } = await give('member', projectOf('other'));
    await must('member', 'PUT', `rbac-policies/${id}`, { rbac_policy: { target_tenant: projectOf('admin') } });
    await refused(404, 'other', 'GET', `networks/${network}`);
    const { rbac_policy: policy } = await must('member', 'GET', `rbac-policies/${id}`);
    assert.equal((policy as Body)['target_tenant'], projectOf('admin'));
    await refused(403, 'member', 'PUT', `rbac-policies/${id}`, { rbac_policy: { target_tenant: '*' } });
    await refused(404, 'other', 'GET', `rbac-policies/${id}`);
  });

  it('that others use has no IPv6 on OVN, however it came to be shared', async () => {
    const six = { network_id: network, ip_version: 6, cidr: `fd00:${octet}::/64` };
    const { id } = await give('member', projectOf('other'));
    assert.match(await refused(400, 'member', 'POST', 'subnets', { subnet: six }), /IPv6/);
    await must('member', 'DELETE', `rbac-policies/${id}`);
    await made('member', 'subnet', six);
    assert.match(await refused(400, 'member', 'POST', 'rbac-policies', policyFor(projectOf('other'))), /IPv6/);
  });

  it('is given within a quota, and nothing but networks is', async () => {
    for (let at = 0; at < 10; at += 1) {
      const { status } = await ask('member', 'POST', 'rbac-policies', policyFor(`project-${at}`));
      if (status === 409) break;
      assert.equal(status, 201);
    }
    assert.match(await refused(409, 'member', 'POST', 'rbac-policies', policyFor('one-more')), /OverQuota/);
    for (const bad of [
      { object_type: 'qos_policy' },
      { object_id: 'none' },
      { action: 'access_as_owner' },
      { target_tenant: '* ' },
    ])
      await refused(400, 'admin', 'POST', 'rbac-policies', policyFor('x', bad));
    const nothing = { object_id: '00000000-0000-4000-8000-000000000000' };
    await refused(404, 'admin', 'POST', 'rbac-policies', policyFor('x', nothing));
  });
});
