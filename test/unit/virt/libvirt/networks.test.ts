import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  compareHosts,
  type DhcpHost,
  dhcpHosts,
  networkXml,
  readHosts,
} from '../../../../src/virt/libvirt/networks.ts';
import { attributeOf, children, find, readXml } from '../../../../src/virt/libvirt/xml.ts';
import { networkFacts, nicSpec, subnetFacts } from '../../../support/guest-spec.ts';

describe('tenant networks', () => {
  it('is a NAT network whose gateway serves its ports by DHCP', () => {
    const subnet = subnetFacts({ dnsServers: ['9.9.9.9'] });
    const network = networkFacts([subnet]);
    const root = readXml(networkXml(network, [nicSpec(network, [[subnet, '10.0.0.7']])]));
    assert.equal(attributeOf(root, 'forward', 'mode'), 'nat');
    assert.equal(attributeOf(root, 'ip', 'address'), '10.0.0.1');
    assert.equal(attributeOf(root, 'ip', 'prefix'), '24');
    assert.equal(attributeOf(root, 'ip/dhcp/host', 'ip'), '10.0.0.7');
    assert.equal(attributeOf(root, 'ip/dhcp/host', 'mac'), 'fa:16:3e:00:00:01');
    assert.equal(find(root, 'dns'), null, 'the host asks no server that a tenant chose');
    assert.equal(attributeOf(root, 'dnsmasq:options/dnsmasq:option', 'value'), 'dhcp-option=option:dns-server,9.9.9.9');
    assert.equal(attributeOf(root, 'mtu', 'size'), '1450');
    assert.equal(find(root, 'ip/dhcp/range'), null, 'only known ports get an address');
  });

  it('serves one IPv4 subnet, and is the gateway of all that have one', () => {
    const four = subnetFacts();
    const more = subnetFacts({ cidr: '10.1.0.0/16', gateway: '10.1.0.1' });
    const six = subnetFacts({ cidr: 'fd00:1::/64', ipVersion: 6, gateway: 'fd00:1::1' });
    const closed = subnetFacts({ cidr: '10.9.0.0/24', gateway: null });
    const network = networkFacts([closed, six, four, more]);
    const root = readXml(networkXml(network, []));
    const ips = children(root, 'ip');
    assert.deepEqual(
      ips.map((ip) => [ip.getAttribute('address'), ip.getAttribute('family'), find(ip, 'dhcp') !== null]),
      [
        ['fd00:1::1', 'ipv6', false],
        ['10.0.0.1', null, true],
        ['10.1.0.1', null, false],
      ],
    );
  });

  it('is an isolated bridge where there is no gateway', () => {
    const root = readXml(networkXml(networkFacts([subnetFacts({ gateway: null })]), []));
    assert.equal(find(root, 'forward'), null);
    assert.equal(find(root, 'ip'), null);
    assert.notEqual(find(root, 'bridge'), null);
  });

  it('lets nothing but addresses into the XML', () => {
    const network = networkFacts([subnetFacts({ dnsServers: ['9.9.9.9\nlog-queries'] })]);
    assert.throws(() => networkXml(network, []), { kind: 'badRequest' });
  });

  it('reads back the hosts that it wrote', () => {
    const subnet = subnetFacts();
    const network = networkFacts([subnet]);
    const ports = [
      nicSpec(network, [[subnet, '10.0.0.7']]),
      nicSpec(network, [[subnet, '10.0.0.8']]),
      nicSpec(network, []),
    ];
    assert.deepEqual(readHosts(networkXml(network, ports)), dhcpHosts(network, ports));
    assert.equal(dhcpHosts(network, ports).length, 2);
  });

  it('finds exactly what turns the present hosts into the wanted ones', () => {
    const host = fc.record({
      mac: fc.constantFrom('fa:16:3e:00:00:01', 'fa:16:3e:00:00:02', 'fa:16:3e:00:00:03'),
      address: fc.constantFrom('10.0.0.2', '10.0.0.3', '10.0.0.4'),
    });
    const hosts = fc.uniqueArray(host, { selector: ({ mac, address }) => mac + address });
    fc.assert(
      fc.property(hosts, hosts, (present, wanted) => {
        const { stale, missing } = compareHosts(present, wanted);
        const after = [...present.filter((one) => !stale.includes(one)), ...missing];
        const keys = (list: readonly DhcpHost[]) => list.map(({ mac, address }) => `${mac} ${address}`).toSorted();
        assert.deepEqual(keys(after), keys(wanted));
      }),
    );
    assert.deepEqual(
      compareHosts(
        [{ mac: 'FA:16:3E:00:00:01', address: '10.0.0.2' }],
        [{ mac: 'fa:16:3e:00:00:01', address: '10.0.0.2' }],
      ),
      {
        stale: [],
        missing: [],
      },
    );
  });
});
