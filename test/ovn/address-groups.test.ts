// Rules that speak of named lists of addresses, by a real OVN: a change of the list is in force for whoever it names.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Machine, type Ovn, startOvn } from '../support/ovn.ts';

describe('address groups on OVN', { concurrency: 1 }, () => {
  let ovn: Ovn;
  const machines: Machine[] = [];
  const at = (index: number): Machine => machines[index] as Machine;
  let list = '';
  const alter = async (verb: string, ...addresses: string[]) => {
    const answer = await ovn.ask('demo', 'PUT', `address-groups/${list}/${verb}_addresses`, { addresses });
    assert.equal(answer.status, 200, answer.text);
    await ovn.settled();
  };

  before(async () => {
    ovn = await startOvn();
    const network = await ovn.make('demo', 'network', { name: 'net' });
    const subnet = await ovn.make('demo', 'subnet', { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 });
    list = (await ovn.make('demo', 'address_group', { name: 'friends', addresses: ['10.0.0.11'] })).id;
    const { id: security_group_id } = await ovn.make('demo', 'security_group', { name: 'friends' });
    const rule = { security_group_id, direction: 'ingress', protocol: 'icmp', remote_address_group_id: list };
    await ovn.make('demo', 'security_group_rule', rule);
    for (const last of [10, 11, 12]) {
      const fixed_ips = [{ subnet_id: subnet.id, ip_address: `10.0.0.${last}` }];
      const more = last === 10 ? { security_groups: [security_group_id] } : {};
      const port = await ovn.make('demo', 'port', { network_id: network.id, fixed_ips, ...more });
      machines.push(await ovn.plug(`m${last}`, port, `10.0.0.${last}/24`));
    }
    await ovn.settled();
  });
  after(() => ovn.close());

  it('let in whom they name, as long as they do', async () => {
    const reach = async () => [await at(1).pings('10.0.0.10'), await at(2).pings('10.0.0.10')];
    assert.deepEqual(await reach(), [true, false]);
    await alter('add', '10.0.0.12/32');
    assert.deepEqual(await reach(), [true, true]);
    await alter('remove', '10.0.0.11');
    assert.deepEqual(await reach(), [false, true]);
    await alter('remove', '10.0.0.12');
    assert.deepEqual(await reach(), [false, false]);
    await alter('add', '10.0.0.0/28');
    assert.deepEqual(await reach(), [true, true]);
  });
});
