// What real guests take, as it is measured while they are made to take it. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { countersOf, usageBetween } from '../../src/domain/servers/usage.ts';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';

const INSIDE_MS = 180_000;

describe('what real guests take', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  before(async () => {
    host = await startHost();
  });
  after(() => host?.close());

  it('is near nothing at rest, and what it is made to take', async (t) => {
    const spec = host.spec({ nics: [nicOf(networkOf(7), 10)] });
    const { uuid } = spec;
    const inside = (script: string) => runInside((command) => host.askAgent(uuid, command), script, INSIDE_MS);
    await host.driver.spawn({ spec });
    await host.ready(uuid);
    const rest = (await host.driver.diagnostics?.({ uuid }))?.usage;
    const before = await host.driver.measure();
    const at = performance.now();
    const busy = inside(
      'timeout 8 sh -c "while :; do dd if=/dev/vda of=/dev/null bs=64k count=40 iflag=direct; done" 2>/dev/null; true',
    );
    await sleep(2_000);
    const found = await host.driver.diagnostics?.({ uuid });
    await busy;
    const after = await host.driver.measure();
    const [was, is] = [before, after].map(({ guests }) => guests.find((guest) => guest.uuid === uuid)?.counters);
    assert.ok(rest && found?.usage && was && is);
    const { usage } = found;
    const over = usageBetween(was, is, (performance.now() - at) / 1000);
    t.diagnostic(JSON.stringify({ rest, usage, over, host: after.host }));
    // how much it gets of the processors is the machine's affair: what it does not get is steal
    assert.ok(usage.cpu > 0.01 && usage.cpu <= usage.vcpus + 0.2, `${usage.cpu} processors`);
    assert.ok(usage.steal === null || usage.steal >= 0);
    assert.ok(rest.disk.readBytes < 64 * 1024, `${rest.disk.readBytes} bytes each second at rest`);
    assert.ok(usage.disk.readBytes > 64 * 1024, `${usage.disk.readBytes} bytes each second`);
    assert.ok(over.cpu > 0.01 && over.disk.readBytes > 64 * 1024, 'the same by a look at all guests');
    const { balloonMb, totalMb, availableMb: left } = usage.memory;
    assert.ok(balloonMb !== null && totalMb !== null && left !== null, JSON.stringify(usage.memory));
    assert.ok(left > 0 && left < totalMb && totalMb <= spec.maximum.memoryMb, JSON.stringify(usage.memory));
    assert.ok(found.cpus.some(({ utilisation = 0 }) => utilisation > 0));
    assert.ok(found.nics.every(({ device }) => device?.received.octetsPerSecond !== undefined));
    assert.deepEqual(countersOf(found).memory, usage.memory);
    const { load, cpus, memoryMb, availableMb, pools } = after.host;
    assert.ok(load > 0 && cpus > 0 && availableMb > 0 && availableMb <= memoryMb);
    assert.ok((pools[0]?.totalGb ?? 0) >= (pools[0]?.freeGb ?? 1));
    await host.driver.destroy({ uuid });
  });
});
