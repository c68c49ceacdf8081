// The bridge of a port is made on a real kernel, by a process with no more rights than the packaged agent has once its drop-in is there; and
// by one without that drop-in it is not made, which is said.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Fault } from '../../src/base/errors.ts';
import { makeMutex } from '../../src/base/mutex.ts';
import { runProgram } from '../../src/base/run.ts';
import { ensureBridge } from '../../src/virt/libvirt/linux-bridge.ts';
import { bridgeOf } from '../../src/virt/libvirt/nics.ts';
import { networkFacts, nicSpec } from '../support/guest-spec.ts';
import { type Libvirtd, startLibvirtd } from '../support/libvirtd.ts';

/** As `CapabilityBoundingSet` of the packaged agent has them. */
const PACKAGED = ['chown', 'dac_override', 'dac_read_search', 'fowner'];

describe('the bridge of a port on a host', { concurrency: 1 }, () => {
  let libvirtd: Libvirtd;
  before(async () => {
    libvirtd = await startLibvirtd();
  });
  after(() => libvirtd?.stop());

  const placeOf = (...rights: string[]) => ({
    run: runProgram,
    networks: makeMutex(),
    enter: [
      ...['nsenter', '-t', String(libvirtd.pid), '-m', '-n', '--', 'setpriv', '--inh-caps=-all'],
      `--bounding-set=-all,${rights.map((right) => `+${right}`).join(',')}`,
    ],
  });
  const nicOf = () => ({ ...nicSpec(networkFacts([]), []), portId: randomUUID(), vifType: 'bridge' });
  const bridges = async (): Promise<string[]> => {
    const said = (await libvirtd.exec('ip', '-json', 'link', 'show', 'type', 'bridge')).stdout;
    return (JSON.parse(said || '[]') as { ifname: string }[]).map(({ ifname }) => ifname);
  };

  it('is not made without the right to, nor left half made', async () => {
    await assert.rejects(
      ensureBridge(placeOf(...PACKAGED), nicOf()),
      (fault: Fault) =>
        fault.code === 'port.bridge' &&
        /Operation not permitted/.test(fault.message) &&
        /CAP_NET_ADMIN/.test(fault.message),
    );
    assert.deepEqual(await bridges(), []);
  });

  it('is made with it, up and with nothing of the host in it, and takes no right once it is there', async () => {
    const nic = nicOf();
    const bridge = bridgeOf(nic);
    await ensureBridge(placeOf(...PACKAGED, 'net_admin'), nic);
    await ensureBridge(placeOf(...PACKAGED), nic);
    assert.deepEqual(await bridges(), [bridge]);
    const [shown] = JSON.parse((await libvirtd.exec('ip', '-json', '-details', 'addr', 'show', 'dev', bridge)).stdout);
    assert.ok(shown.flags.includes('UP'));
    assert.deepEqual(shown.addr_info, []);
    const { stp_state, forward_delay, mcast_snooping } = shown.linkinfo.info_data;
    assert.deepEqual([stp_state, forward_delay, mcast_snooping], [0, 0, 0]);
    const ipv6 = await libvirtd.exec('cat', `/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`);
    assert.equal(ipv6.stdout, '1\n');
  });
});
