// Debian's own `openstack` client, the product and OVN's own databases: it limits bandwidth, and lets ports of a floating address lead to ports of servers, and lead nowhere again.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { withoutClient } from '../support/openstack/process.ts';
import { eventually, type Service, startService } from '../support/serve.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '..', '..', 'tools', 'ovn.sh');
const skip = withoutClient('debian');

describe('networks of OVN by the stock client', { skip, concurrency: 1, timeout: 600_000 }, () => {
  let service: Service;
  let home: string;
  const demo = (...words: string[]) => service.openstack('xloud-demo', ...words);
  const read = async (...words: string[]) => JSON.parse(await demo(...words, '-f', 'json'));

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'xloud-ovn-client-'));
    await run(SCRIPT, ['central', home]);
    service = await startService({
      driver: 'fake',
      env: {
        ...{ XLOUD_NETWORK__ENGINE: 'ovn', XLOUD_NETWORK__OVN_NB: `unix:${home}/nb.sock` },
        ...{ XLOUD_NETWORK__OVN_GATEWAYS: 'chassis-1', XLOUD_NETWORK__METADATA: 'no' },
      },
    });
    await service.openstack('xloud', 'network', 'create', '--external', 'public');
    const range = ['--network', 'public', '--subnet-range', '203.0.113.0/24', 'outside'];
    await service.openstack('xloud', 'subnet', 'create', ...range);
    await demo('network', 'create', 'own');
    const pool = ['--allocation-pool', 'start=10.0.0.128,end=10.0.0.254'];
    await demo('subnet', 'create', '--network', 'own', '--subnet-range', '10.0.0.0/24', ...pool, 'own');
    await demo('router', 'create', 'way');
    await demo('router', 'set', '--external-gateway', 'public', 'way');
    await demo('router', 'add', 'subnet', 'way', 'own');
    await demo('port', 'create', '--network', 'own', '--fixed-ip', 'ip-address=10.0.0.11', 'web');
  });
  after(async () => {
    await service?.close();
    await run(SCRIPT, ['end', home]);
    await rm(home, { recursive: true, force: true });
  });

  it('makes, lists, shows, changes and deletes port forwardings', async () => {
    const { id: ip } = await read('floating', 'ip', 'create', 'public');
    const { id: port } = await read('port', 'show', 'web');
    const verb = (word: string) => ['floating', 'ip', 'port', 'forwarding', word];
    const made = await read(
      ...verb('create'),
      ...['--internal-ip-address', '10.0.0.11', '--port', port, '--internal-protocol-port', '22'],
      ...['--external-protocol-port', '2201', '--protocol', 'tcp', '--description', 'in', ip],
    );
    assert.deepEqual([made.external_port, made.internal_port, made.internal_port_id], [2201, 22, port]);
    const inOvn = () => run('ovn-nbctl', [`--db=unix:${home}/nb.sock`, 'list', 'Load_Balancer']);
    const told = await eventually('OVN told', 30_000, async () => (await inOvn()).stdout || null);
    assert.match(told, /"203\.0\.113\.\d+:2201"="10\.0\.0\.11:22"/);
    const [listed] = await read(...verb('list'), ip);
    assert.deepEqual([listed.ID, listed['External Port'], listed['Internal IP Address']], [made.id, 2201, '10.0.0.11']);
    await demo(...verb('set'), '--external-protocol-port', '2202', '--description', 'changed', ip, made.id);
    const shown = await read(...verb('show'), ip, made.id);
    assert.deepEqual([shown.external_port, shown.description], [2202, 'changed']);
    const twice = ['--internal-ip-address', '10.0.0.11', '--port', port, '--internal-protocol-port', '22'];
    const more = ['--external-protocol-port', '2203', '--protocol', 'tcp', ip];
    await assert.rejects(demo(...verb('create'), ...twice, ...more), /duplicate port forwarding entry/);
    await demo(...verb('delete'), ip, made.id);
    assert.deepEqual(await read(...verb('list'), ip), []);
    await eventually('OVN told', 30_000, async () => (await inOvn()).stdout === '' || null);
  });

  it('lets rules speak of lists of addresses', async () => {
    await demo('address', 'group', 'create', '--address', '192.0.2.0/24', 'offices');
    await demo('security', 'group', 'create', 'web');
    const rule = ['--protocol', 'tcp', '--dst-port', '80', '--remote-address-group', 'offices', 'web'];
    const made = await read('security', 'group', 'rule', 'create', ...rule);
    assert.ok(made.remote_address_group_id);
    await demo('address', 'group', 'set', '--address', '198.51.100.0/24', 'offices');
    await demo('address', 'group', 'unset', '--address', '192.0.2.0/24', 'offices');
    assert.deepEqual((await read('address', 'group', 'show', 'offices')).addresses, ['198.51.100.0/24']);
    const lists = async () => (await run('ovn-nbctl', [`--db=unix:${home}/nb.sock`, 'list', 'ACL'])).stdout;
    await eventually('OVN told', 30_000, async () => (await lists()).includes('ip4.src == {198.51.100.0/24}') || null);
    await assert.rejects(demo('address', 'group', 'delete', 'offices'), /in use on one or more|1 of 1 address groups/);
    await demo('security', 'group', 'delete', 'web');
    await demo('address', 'group', 'delete', 'offices');
  });

  it('tells a port more by DHCP', async () => {
    const dhcp = ['--extra-dhcp-option', 'name=ntp-server,value=10.0.0.3,ip-version=4'];
    await demo('port', 'create', '--network', 'own', ...dhcp, 'told');
    const rows = async () => (await run('ovn-nbctl', [`--db=unix:${home}/nb.sock`, 'list', 'DHCP_Options'])).stdout;
    await eventually('OVN told', 30_000, async () => (await rows()).includes('ntp_server="{10.0.0.3}"') || null);
    await demo('port', 'delete', 'told');
    await eventually('OVN told', 30_000, async () => ((await rows()).includes('ntp_server') ? null : true));
  });

  it('limits the bandwidth of a port', async () => {
    const admin = (...words: string[]) => service.openstack('xloud', 'network', 'qos', ...words);
    await admin('policy', 'create', '--share', 'slow');
    const limit = ['--type', 'bandwidth-limit', '--max-kbps', '10000', '--max-burst-kbits', '1000'];
    const { id } = JSON.parse(await admin('rule', 'create', ...limit, '--egress', 'slow', '-f', 'json'));
    await demo('port', 'set', '--qos-policy', 'slow', 'web');
    const limits = async () => (await run('ovn-nbctl', [`--db=unix:${home}/nb.sock`, 'list', 'QoS'])).stdout;
    assert.match(await eventually('OVN told', 30_000, async () => (await limits()) || null), /burst=1000, rate=10000/);
    await admin('rule', 'set', '--max-kbps', '20000', 'slow', id);
    await eventually('OVN told', 30_000, async () => (await limits()).includes('rate=20000') || null);
    const rules = JSON.parse(await admin('rule', 'list', 'slow', '-f', 'json'));
    assert.deepEqual([rules.length, rules[0]['Max Kbps']], [1, 20_000]);
    assert.match(await admin('rule', 'type', 'list'), /bandwidth_limit/);
    await demo('port', 'unset', '--qos-policy', 'web');
    await admin('rule', 'delete', 'slow', id);
    await admin('policy', 'delete', 'slow');
    await eventually('OVN told', 30_000, async () => (await limits()) === '' || null);
  });
});
