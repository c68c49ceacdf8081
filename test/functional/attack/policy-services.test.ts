// What a tenant who may less tries at the built-in image and network services: each is refused by the rule that says so, leaves
// nothing behind, and obeys the operator's policy.yaml. On both engines. Every route is walked in policy-walk-services.test.ts.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../../support/database.ts';
import { startWalkedCloud, type WalkedCloud, type WalkerName } from '../../support/walkers.ts';

for (const engine of engines) {
  describe(`rules of images and networks on ${engine}`, () => {
    let cloud: WalkedCloud;
    let shared = '';
    const made = async (as: WalkerName, noun: string, body: object): Promise<string> => {
      const answer = await cloud.ask(as, 'POST', `/network/v2.0/${noun}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.body[noun].id;
    };
    before(async () => {
      cloud = await startWalkedCloud(engine);
      shared = await made('admin', 'network', { name: 'shared', shared: true });
      await made('admin', 'subnet', { network_id: shared, ip_version: 4, cidr: '10.9.0.0/24' });
      await cloud.ask('member', 'GET', '/network/v2.0/security-groups');
    });
    after(() => cloud.close());

    const port = (more: object) => ({ port: { network_id: shared, ...more } });
    const attributes: readonly (readonly [what: string, rule: string, path: string, body: () => object])[] = [
      ['a shared network', 'create_network:shared', 'networks', () => ({ network: { shared: true } })],
      [
        'an external network',
        'create_network:router:external',
        'networks',
        () => ({ network: { 'router:external': true } }),
      ],
      ['a default network', 'create_network:is_default', 'networks', () => ({ network: { is_default: true } })],
      [
        'a subnet of another’s network',
        'create_subnet',
        'subnets',
        () => ({
          subnet: { network_id: shared, ip_version: 4, cidr: '10.8.0.0/24' },
        }),
      ],
      ['a MAC address', 'create_port:mac_address', 'ports', () => port({ mac_address: 'fa:16:3e:00:00:01' })],
      [
        'an address',
        'create_port:fixed_ips:ip_address',
        'ports',
        () => port({ fixed_ips: [{ ip_address: '10.9.0.77' }] }),
      ],
      [
        'a part of the network',
        'create_port:device_owner',
        'ports',
        () => port({ device_owner: 'network:router_interface' }),
      ],
      ['an open port', 'create_port:port_security_enabled', 'ports', () => port({ port_security_enabled: false })],
      [
        'further addresses',
        'create_port:allowed_address_pairs',
        'ports',
        () => port({ allowed_address_pairs: [{ ip_address: '0.0.0.0/0' }] }),
      ],
      ['a host', 'create_port:binding:host_id', 'ports', () => port({ 'binding:host_id': 'host-1' })],
      ['a profile', 'create_port:binding:profile', 'ports', () => port({ 'binding:profile': { a: 1 } })],
    ];
    for (const [what, rule, path, body] of attributes) {
      it(`a member does not get ${what}: ${rule}`, async () => {
        const rows = async () => JSON.stringify(await cloud.database.read(path).select('id'));
        const before = await rows();
        const answer = await cloud.ask('member', 'POST', `/network/v2.0/${path}`, body());
        assert.equal(answer.status, 403, answer.text);
        assert.equal(answer.body.NeutronError.message, `rule:${rule} is disallowed by policy`);
        assert.equal(await rows(), before);
        assert.equal(
          (await cloud.ask('admin', 'POST', `/network/v2.0/${path}`, body())).status,
          201,
          'an administrator',
        );
      });
    }

    it('a member does not take later what he is not given at first', async () => {
      const network = await made('member', 'network', { name: 'mine' });
      const own = await made('member', 'port', { network_id: shared });
      for (const [path, change] of [
        [`networks/${network}`, { network: { shared: true } }],
        [`networks/${network}`, { network: { 'router:external': true } }],
        [`ports/${own}`, { port: { port_security_enabled: false } }],
        [`ports/${own}`, { port: { allowed_address_pairs: [{ ip_address: '0.0.0.0/0' }] } }],
        [`ports/${own}`, { port: { 'binding:host_id': 'host-1' } }],
        [`ports/${own}`, { port: { device_owner: 'network:dhcp' } }],
        [`networks/${shared}`, { network: { name: 'taken' } }],
      ] as const) {
        const before = (await cloud.ask('admin', 'GET', `/network/v2.0/${path}`)).text;
        assert.equal(
          (await cloud.ask('member', 'PUT', `/network/v2.0/${path}`, change)).status,
          403,
          JSON.stringify(change),
        );
        assert.equal((await cloud.ask('admin', 'GET', `/network/v2.0/${path}`)).text, before);
      }
      const seen = (await cloud.ask('member', 'GET', `/network/v2.0/ports/${own}`)).body.port;
      assert.equal('binding:host_id' in seen, false, 'where a port is bound is not for its owner');
    });

    it('neither a reader nor a made-up role nor an unscoped token takes, changes or publishes an image', async () => {
      const create = await cloud.ask('member', 'POST', '/image/v2/images', { name: 'mine' });
      const path = `/image/v2/images/${create.body.id}`;
      const patch = JSON.stringify([{ op: 'replace', path: '/visibility', value: 'public' }]);
      const type = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
      for (const [who, status] of [
        ['reader', 403],
        ['madeup', 404],
        ['other', 404],
        ['unscoped', 403],
      ] as const) {
        assert.equal((await cloud.ask(who, 'DELETE', path)).status, status, `${who} deletes`);
        assert.equal((await cloud.ask(who, 'PATCH', path, patch, type)).status, status, `${who} publishes`);
        if (who === 'other') continue;
        assert.equal((await cloud.ask(who, 'POST', '/image/v2/images', { name: 'x' })).status, 403, `${who} makes`);
      }
      assert.equal((await cloud.ask('member', 'PATCH', path, patch, type)).status, 403, 'its owner publishes');
      assert.equal((await cloud.ask('member', 'GET', path)).body.visibility, 'shared');
      assert.equal((await cloud.ask('member', 'POST', '/image/v2/images', { visibility: 'public' })).status, 403);
      assert.equal((await cloud.database.read('images').select()).length, 1);
    });

    it('what the operator writes into policy.yaml counts for every service', async () => {
      cloud.override(
        '"add_image": "role:admin"\n"create_network": "role:reader and project_id:%(project_id)s"\n' +
          '"identity:list_roles": "role:member"\n',
      );
      assert.equal((await cloud.ask('member', 'POST', '/image/v2/images', { name: 'x' })).status, 403);
      assert.equal((await cloud.ask('reader', 'POST', '/network/v2.0/networks', { network: {} })).status, 201);
      assert.equal((await cloud.ask('member', 'GET', '/identity/v3/roles')).status, 200);
      assert.equal((await cloud.ask('reader', 'GET', '/identity/v3/roles')).status, 403);
    });
  });
}
