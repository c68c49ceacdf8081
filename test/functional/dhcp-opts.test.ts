// What DHCP tells single ports beside what their subnets say, as Neutron's API has it, on both database engines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { type Answer, type Cloud, startCloud } from '../support/cloud.ts';
import { engines } from '../support/database.ts';

for (const engine of engines) {
  describe(`extra DHCP options of ports on ${engine}`, () => {
    let cloud: Cloud;
    let [network, subnet] = ['', ''];
    const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
      cloud.ask('demo', method, `/network/v2.0/${path}`, body);
    const make = async (noun: string, body: object) => {
      const answer = await ask('POST', `${noun}s`, { [noun]: body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json[noun];
    };
    before(async () => {
      const carrier = { engine: { ...basicEngine, kind: 'ovn' as const, gateways: ['host-1'] } };
      cloud = await startCloud({ engine, floatingIps: true, network: carrier });
      network = (await make('network', { name: 'n' })).id;
      subnet = (await make('subnet', { network_id: network, cidr: '10.0.0.0/24', ip_version: 4 })).id;
    });
    after(() => cloud.close());

    const option = (opt_name: string, opt_value: string | null) => ({ opt_name, opt_value });
    const plug = (extra_dhcp_opts?: unknown) =>
      ask('POST', 'ports', {
        port: { network_id: network, ...(extra_dhcp_opts === undefined ? {} : { extra_dhcp_opts }) },
      });
    async function told(portId: string) {
      const source = makeUnitSource(cloud.database, systemClock, { wire: '', gateways: [], metadata: false });
      const [unit] = await source.read([`port/${portId}`]);
      const row = unit?.rows.find(({ table }) => table === 'DHCP_Options');
      return { options: row?.columns['options'] as Record<string, string> | undefined, dirty: unit?.dirty };
    }
    const settle = () => cloud.database.write('network_units').update({ dirty: 0 });

    it('are shown, changed one by one, and taken away', async () => {
      const { port } = (await plug([option('ntp-server', '10.0.0.9'), option('domain-name', 'a.example')])).json;
      assert.deepEqual(port.extra_dhcp_opts, [
        { opt_name: 'ntp-server', opt_value: '10.0.0.9', ip_version: 4 },
        { opt_name: 'domain-name', opt_value: 'a.example', ip_version: 4 },
      ]);
      const { options } = await told(port.id);
      assert.deepEqual([options?.['ntp_server'], options?.['domain_name']], ['{10.0.0.9}', '"a.example"']);
      assert.equal(options?.['router'], '10.0.0.1');
      const change = async (extra_dhcp_opts: unknown) =>
        (await ask('PUT', `ports/${port.id}`, { port: { extra_dhcp_opts } })).json.port.extra_dhcp_opts.map(
          (one: { opt_name: string; opt_value: string }) => `${one.opt_name}=${one.opt_value}`,
        );
      const changed = await change([option('ntp-server', '10.0.0.8'), option('mtu', '1400')]);
      assert.deepEqual(changed, ['ntp-server=10.0.0.8', 'domain-name=a.example', 'mtu=1400']);
      assert.deepEqual(await change([option('domain-name', null), option('mtu', null)]), ['ntp-server=10.0.0.8']);
      const named = await ask('PUT', `ports/${port.id}`, { port: { name: 'kept' } });
      assert.equal(named.json.port.extra_dhcp_opts.length, 1);
      // what its subnet says is in them, so that both change together
      await settle();
      assert.equal((await ask('PUT', `subnets/${subnet}`, { subnet: { dns_nameservers: ['9.9.9.9'] } })).status, 200);
      const after = await told(port.id);
      assert.deepEqual([after.options?.['dns_server'], after.dirty], ['{9.9.9.9}', true]);
      await settle();
      assert.equal((await ask('PUT', `networks/${network}`, { network: { mtu: 1300 } })).status, 200);
      const smaller = await told(port.id);
      assert.deepEqual([smaller.options?.['mtu'], smaller.dirty], ['1300', true]);
      assert.deepEqual(await change([option('ntp-server', null)]), []);
      assert.equal((await told(port.id)).options, undefined);
      assert.deepEqual((await plug()).json.port.extra_dhcp_opts, []);
    });

    it('are refused where OVN could not tell them', async () => {
      for (const [wrong, words] of [
        [[option('static-route', '10.0.0.1')], /'static-route' is not in/],
        [[option('constructor', 'x')], /'constructor' is not in/],
        [[option('ntp-server', 'x')], /'x' is no ntp-server/],
        [[option('bootfile-name', 'a" }; next')], /is no bootfile-name/],
        [[option('mtu', '1400'), option('mtu', '1401')], /mtu is given twice/],
        [[{ ...option('ntp-server', '10.0.0.1'), ip_version: 6 }], /by IPv4 alone/],
        [[{ opt_name: 'mtu' }], /opt_value/],
        ['mtu', /is not a list/],
      ] as const) {
        const { status, text } = await plug(wrong);
        assert.equal(status, 400, text);
        assert.match(text, words);
      }
    });
  });
}

describe('extra DHCP options without OVN', () => {
  it('are none, and the reason is told', async () => {
    const cloud = await startCloud();
    const ask = (path: string, body: unknown) => cloud.ask('demo', 'POST', `/network/v2.0/${path}`, body);
    const { id } = (await ask('networks', { network: { name: 'n' } })).json.network;
    const extra_dhcp_opts = [{ opt_name: 'mtu', opt_value: '1400' }];
    const refused = await ask('ports', { port: { network_id: id, extra_dhcp_opts } });
    assert.deepEqual([refused.status, refused.json.NeutronError.type], [400, 'NotOffered']);
    assert.equal((await ask('ports', { port: { network_id: id, extra_dhcp_opts: [] } })).status, 201);
    await cloud.close();
  });
});
