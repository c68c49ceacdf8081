// What DHCP tells single ports, by a real OVN and a real client of DHCP: every option that is taken comes to the guest that it is for.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';

/** An option, and the line of the client's that shows it: those that it has no name for by their number, in hex. */
const OPTIONS = [
  ['bootfile-name', 'pxe/linux.0', 'bootfile=pxe/linux.0'],
  ['default-ttl', '42', 'ipttl=42'],
  ['dns-server', '10.0.0.5', 'dns=10.0.0.5'],
  ['domain-name', 'cloud.example', 'domain=cloud.example'],
  ['domain-search', 'a.example, b.example', 'search=a.example b.example'],
  ['log-server', '10.0.0.6', 'opt7=0a000006'],
  ['lpr-server', '10.0.0.7', 'lprsrv=10.0.0.7'],
  ['mtu', '1333', 'mtu=1333'],
  ['nis-server', '10.0.0.9', 'nissrv=10.0.0.9'],
  ['ntp-server', '10.0.0.3, 10.0.0.4', 'ntpsrv=10.0.0.3 10.0.0.4'],
  ['path-prefix', '/boot/', 'pxepathprefix=/boot/'],
  ['tftp-server', 'boot.example', 'tftp=boot.example'],
  ['tftp-server-address', '10.0.0.8', 'opt150=0a000008'],
  ['wpad', 'http://10.0.0.2/wpad.dat', 'wpad=http://10.0.0.2/wpad.dat'],
] as const;
const ASKED = [...[6, 7, 9, 12, 15, 23, 26, 41, 42, 66, 67, 119, 121, 150, 210, 252]].flatMap((code) => [
  '-O',
  `${code}`,
]);

describe('extra DHCP options on OVN', { concurrency: 1 }, () => {
  let ovn: Ovn;
  let subnet = '';
  // oxlint-disable-next-line typescript/no-explicit-any -- as the API shows them
  const ports: any[] = [];
  const machines: Machine[] = [];

  const lease = async (index: number): Promise<readonly string[]> =>
    (
      await (machines[index] as Machine).run(
        'bash',
        '-c',
        `busybox udhcpc -i eth0 -n -q -f -t 10 -T 1 ${ASKED.join(' ')} -s /run/lease 2>&1`,
      )
    ).split('\n');

  before(async () => {
    ovn = await startOvn();
    const network = await ovn.make('demo', 'network', { name: 'net' });
    const range = { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, dns_nameservers: ['9.9.9.9'] };
    subnet = (await ovn.make('demo', 'subnet', range)).id;
    const extra_dhcp_opts = OPTIONS.map(([opt_name, opt_value]) => ({ opt_name, opt_value }));
    for (const [last, more] of [
      [11, { extra_dhcp_opts }],
      [12, {}],
    ] as const) {
      const fixed_ips = [{ subnet_id: subnet, ip_address: `10.0.0.${last}` }];
      const port = await ovn.make('demo', 'port', { network_id: network.id, fixed_ips, ...more });
      ports.push(port);
      machines.push(await ovn.plug(`m${last}`, port));
    }
    const script = '#!/bin/sh\n[ "$1" = bound ] && env | sort >&2';
    await ovn.inside('bash', '-c', `printf '%s\\n' '${script}' > /run/lease; chmod +x /run/lease`);
    await ovn.settled();
  });
  after(() => ovn.close());

  it('come to the guest that they are for, with what its subnet says, and to nobody else', async () => {
    const told = await lease(0);
    for (const [name, , line] of OPTIONS) assert.ok(told.includes(line), `${name}: ${told.join('\n')}`);
    for (const line of ['ip=10.0.0.11', 'router=10.0.0.1', 'mask=24']) assert.ok(told.includes(line), line);
    const others = await lease(1);
    assert.ok(others.includes('ip=10.0.0.12') && others.includes('dns=9.9.9.9') && others.includes('mtu=1500'));
    assert.ok(!others.some((line) => /^(?:ntpsrv|domain|tftp|wpad)=/.test(line)), others.join('\n'));
  });

  it('change with what is asked for and with the subnet, and end', async () => {
    const change = async (options: readonly (readonly [string, string | null])[]) => {
      const extra_dhcp_opts = options.map(([opt_name, opt_value]) => ({ opt_name, opt_value }));
      const answer = await ovn.ask('demo', 'PUT', `ports/${ports[0].id}`, { port: { extra_dhcp_opts } });
      assert.equal(answer.status, 200, answer.text);
      await ovn.settled();
    };
    await change(OPTIONS.filter(([name]) => name !== 'ntp-server').map(([name]) => [name, null]));
    await change([['ntp-server', '10.0.0.33']]);
    const body = { subnet: { dns_nameservers: ['8.8.8.8'] } };
    assert.equal((await ovn.ask('demo', 'PUT', `subnets/${subnet}`, body)).status, 200);
    await ovn.settled();
    for (const line of ['ntpsrv=10.0.0.33', 'dns=8.8.8.8', 'mtu=1500'])
      assert.ok((await lease(0)).includes(line), line);
    await change([['ntp-server', null]]);
    const bare = await lease(0);
    assert.ok(bare.includes('dns=8.8.8.8') && !bare.some((line) => line.startsWith('ntpsrv=')), bare.join('\n'));
    assert.equal((await ovn.ask('demo', 'DELETE', `ports/${ports[0].id}`)).status, 204);
    await ovn.settled();
    const left = await ovn.inside('ovn-nbctl', `--db=${ovn.remote}`, '--columns=external_ids', 'list', 'DHCP_Options');
    assert.ok(left.includes('subnet/') && !left.includes('dhcp/'), left);
  });
});
