// As whom a real guest can speak: it tries, and what it gets back says whether its words passed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { plainInterface } from '../../src/domain/networks/interface-plan.ts';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import type { NicSpec, PortGuard } from '../../src/domain/networks/server-nics.ts';
import { filterName } from '../../src/virt/libvirt/port-filter.ts';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';
import { eventually } from '../support/serve.ts';

const INSIDE_MS = 180_000;

describe('the filter of a port, on a real guest', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let spec: GuestSpec;
  let nic: NicSpec;

  before(async () => {
    host = await startHost();
    nic = nicOf(networkOf(5), 10);
    spec = host.spec({ nics: [nic] });
    await host.driver.spawn({ spec });
    await host.ready(spec.uuid);
  });
  after(() => host.close());

  const inside = (script: string) => runInside((command) => host.askAgent(spec.uuid, command), script, INSIDE_MS);
  /** Whether the gateway answers a guest that says it has that address. */
  const passes = async (address: string): Promise<boolean> => {
    const told = await inside(
      `i=$(ls /sys/class/net | grep -v lo | head -n 1); ip addr add ${address}/24 dev $i 2>/dev/null; ` +
        `ping -c 2 -W 1 -I ${address} 10.77.5.1 >/dev/null 2>&1 && echo yes || echo no; ` +
        `[ ${address} = 10.77.5.10 ] || ip addr del ${address}/24 dev $i`,
    );
    return told.trim() === 'yes';
  };
  /** Sooner or later: a machine with much to do may lose an answer to the second that ping waits. */
  const speaksAs = (address: string): Promise<true> =>
    eventually(`an answer to ${address}`, INSIDE_MS, async () => ((await passes(address)) ? true : null));
  const guarded = (guard: PortGuard) =>
    host.driver.attachNic?.({ uuid: spec.uuid, nic: { ...nic, guard }, plan: plainInterface });

  it('speaks as itself, and as nobody else', async () => {
    await speaksAs('10.77.5.10');
    assert.equal(await passes('10.77.5.99'), false);
    const { stdout } = await host.libvirtd.exec('ebtables', '-t', 'nat', '-L');
    assert.ok(stdout.includes(`-p IPv4 -s ${nic.mac} --ip-src 10.77.5.10 -j ACCEPT`), stdout);
    const fromNowhere = stdout.split('\n').filter((line) => / --ip6-src ::(\/\S+)? /.test(line));
    assert.deepEqual(
      fromNowhere.map((line) => /--ip6-icmp-type ([^\s/]+)\S* -j ACCEPT/.exec(line)?.[1]),
      ['neighbour-solicitation', '143'],
      stdout,
    );
    assert.match(stdout, /--ip6-icmp-type router-advertisement -j DROP\n[^]*-j ACCEPT\n-j DROP\n/);
  });

  it('speaks as what its port allows from the moment that the port says so, without a restart', async () => {
    await guarded({ enabled: true, pairs: [{ address: '10.77.5.99', mac: null }] });
    await speaksAs('10.77.5.99');
    assert.equal(await passes('10.77.5.98'), false);
    await guarded({ enabled: true, pairs: [] });
    assert.equal(await passes('10.77.5.99'), false);
  });

  it('speaks as anybody where the security of its port is off', async () => {
    await guarded({ enabled: false, pairs: [] });
    await speaksAs('10.77.5.98');
    await guarded({ enabled: true, pairs: [] });
    assert.equal(await passes('10.77.5.98'), false);
    await speaksAs('10.77.5.10');
  });

  it('leaves no filter behind', async () => {
    const filters = () => host.virsh('nwfilter-list');
    assert.ok((await filters()).includes(filterName(nic.portId)));
    await host.driver.destroy({ uuid: spec.uuid });
    assert.ok(!(await filters()).includes(filterName(nic.portId)));
  });
});
