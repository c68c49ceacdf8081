// Bandwidth of ports by a real OVN: what is measured between two servers, without a policy and with one.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';

const MEASURED_MS = 4_000;

describe('bandwidth on OVN', { concurrency: 1 }, () => {
  let ovn: Ovn;
  // oxlint-disable-next-line typescript/no-explicit-any -- as the API shows them
  const ports: any[] = [];
  const machines: Machine[] = [];
  const at = (index: number): Machine => machines[index] as Machine;
  let policy = '';

  /** What comes over one TCP connection from a machine to another, Mbit/s; what comes in the first second does not count. */
  async function rate(from: Machine, to: Machine, address: string): Promise<number> {
    const receive = `
      let [bytes, since] = [0, 0];
      const server = require('node:net').createServer((socket) => {
        setTimeout(() => { bytes = 0; since = performance.now(); }, 1000);
        socket.on('data', (piece) => { bytes += piece.length; });
        setTimeout(() => { console.log(bytes * 8 / (performance.now() - since) / 1000); process.exit(); }, ${MEASURED_MS});
      }).listen(5001);
      setTimeout(() => process.exit(1), 30_000);`;
    const send = `
      const socket = require('node:net').connect(5001, '${address}');
      const piece = Buffer.alloc(65536);
      const more = () => { while (socket.write(piece)); };
      socket.on('connect', more).on('drain', more).on('error', () => process.exit()).on('close', () => process.exit());`;
    const measured = to.run(process.execPath, '-e', receive);
    await from.run('sleep', '1');
    await Promise.all([from.run(process.execPath, '-e', send).catch(() => ''), measured]);
    const mbits = Number(await measured);
    process.stdout.write(`${from.name} to ${to.name}: ${mbits.toFixed(1)} Mbit/s\n`);
    return mbits;
  }
  const limit = async (direction: string, max_kbps: number) => {
    const body = { bandwidth_limit_rule: { direction, max_kbps } };
    const answer = await ovn.ask('admin', 'POST', `qos/policies/${policy}/bandwidth_limit_rules`, body);
    assert.equal(answer.status, 201, answer.text);
    await ovn.settled();
  };

  before(async () => {
    ovn = await startOvn();
    const network = await ovn.make('demo', 'network', { name: 'net' });
    const subnet = await ovn.make('demo', 'subnet', { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 });
    for (const last of [11, 12]) {
      const fixed_ips = [{ subnet_id: subnet.id, ip_address: `10.0.0.${last}` }];
      const port = await ovn.make('demo', 'port', { network_id: network.id, fixed_ips });
      ports.push(port);
      machines.push(await ovn.plug(`m${last}`, port, `10.0.0.${last}/24`));
    }
    policy = (await ovn.ask('admin', 'POST', 'qos/policies', { policy: { name: 'slow', shared: true } })).json.policy
      .id;
  });
  after(() => ovn.close());

  it('is limited in each direction by itself, and no more once the policy is gone', async () => {
    await ovn.settled();
    const free = await rate(at(0), at(1), '10.0.0.12');
    assert.ok(free > 40, `${free} Mbit/s without a limit is too little to tell anything`);
    const named = await ovn.ask('demo', 'PUT', `ports/${ports[0].id}`, { port: { qos_policy_id: policy } });
    assert.equal(named.status, 200, named.text);
    await limit('egress', 10_000);
    const sent = await rate(at(0), at(1), '10.0.0.12');
    assert.ok(sent > 2 && sent < 12, `${sent} Mbit/s, not 10`);
    // what it is sent is free still
    assert.ok((await rate(at(1), at(0), '10.0.0.11')) > 20);
    await limit('ingress', 10_000);
    const received = await rate(at(1), at(0), '10.0.0.11');
    assert.ok(received > 2 && received < 12, `${received} Mbit/s, not 10`);
    await ovn.ask('demo', 'PUT', `ports/${ports[0].id}`, { port: { qos_policy_id: null } });
    await ovn.settled();
    for (const [from, to, address] of [
      [0, 1, '10.0.0.12'],
      [1, 0, '10.0.0.11'],
    ] as const)
      assert.ok((await rate(at(from), at(to), address)) > 20);
    assert.equal(await ovn.inside('ovn-nbctl', `--db=${ovn.remote}`, '--no-headings', 'list', 'QoS'), '');
  });
});
