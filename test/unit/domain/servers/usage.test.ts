import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Diagnostics } from '../../../../src/domain/servers/server-diagnostics.ts';
import type { GuestUsage, HostUsage } from '../../../../src/domain/servers/measures.ts';
import {
  believableHostUsage,
  believableUsage,
  countersOf,
  usageBetween,
  withRates,
} from '../../../../src/domain/servers/usage.ts';

const traffic = (octets: number, packets: number) => ({ octets, packets, errors: 0, drops: 0 });

const look = (times: number): Diagnostics => ({
  hypervisor: 'kvm',
  maximumKib: 1024 * 1024,
  memory: { actual: 512 * 1024, available: 500 * 1024, usable: 300 * 1024, unused: 100 * 1024 },
  cpus: [
    { id: 0, timeNs: 1e9 * times, stealNs: 1e8 * times },
    { id: 2, timeNs: 5e8 * times, stealNs: 0 },
  ],
  disks: [
    { device: 'vda', readBytes: 1000 * times, readRequests: 10 * times, writeBytes: 0, writeRequests: 0 },
    { device: 'vdb', readBytes: 500 * times, readRequests: 5 * times, writeBytes: 20 * times, writeRequests: times },
  ],
  nics: [
    {
      mac: 'a',
      device: { name: 'vnet0', received: traffic(300 * times, 3 * times), sent: traffic(100 * times, times) },
    },
    { mac: 'b', device: null },
  ],
});

describe('what a guest takes', () => {
  it('is what its counters grew by, each second', () => {
    assert.deepEqual(usageBetween(countersOf(look(1)), countersOf(look(3)), 4), {
      seconds: 4,
      vcpus: 2,
      cpu: 0.75,
      steal: 0.05,
      disk: { readBytes: 750, writeBytes: 10, reads: 8, writes: 1 },
      network: { receivedBytes: 150, sentBytes: 50, receivedPackets: 2, sentPackets: 1 },
      memory: { balloonMb: 512, totalMb: 500, availableMb: 300 },
    });
  });

  it('is told of each processor and interface beside the counters', () => {
    const found = withRates(look(1), look(2), 1);
    assert.deepEqual(
      found.cpus.map(({ id, utilisation }) => [id, utilisation]),
      [
        [0, 100],
        [2, 50],
      ],
    );
    assert.equal(found.nics[0]?.device?.received.octetsPerSecond, 300);
    assert.equal(found.nics[0]?.device?.sent.octetsPerSecond, 100);
    assert.equal(found.nics[1]?.device, null);
    assert.equal(found.cpus[0]?.timeNs, 2e9);
  });

  it('is nothing where a guest was started anew, or no time passed', () => {
    const anew = usageBetween(countersOf(look(9)), countersOf(look(1)), 1);
    assert.deepEqual([anew.cpu, anew.disk.readBytes, anew.network.sentBytes], [0, 0, 0]);
    assert.equal(usageBetween(countersOf(look(1)), countersOf(look(2)), 0).cpu, 0);
  });

  it('says nothing of what nobody counts, and believes no guest beyond its memory', () => {
    const silent = { ...look(1), memory: {}, cpus: [{ id: 0, timeNs: 0 }] };
    const { stealNs, memory } = countersOf(silent);
    assert.deepEqual([stealNs, memory], [null, { balloonMb: null, totalMb: null, availableMb: null }]);
    const liar = { ...look(1), memory: { actual: Number.NaN, available: 1e18, usable: -5, unused: 7 } };
    assert.deepEqual(countersOf(liar).memory, { balloonMb: null, totalMb: 1024, availableMb: null });
  });

  it('is of the form that it must have, whatever a host tells', () => {
    fc.assert(
      fc.property(fc.object(), (anything) => {
        const { disk, network, memory, steal, ...plain } = believableUsage(anything as unknown as GuestUsage);
        for (const value of [...Object.values(plain), ...Object.values(disk), ...Object.values(network)])
          assert.ok(Number.isFinite(value) && value >= 0);
        for (const value of [steal, ...Object.values(memory)]) assert.ok(value === null || Number.isFinite(value));
        assert.ok(JSON.stringify({ disk, network, memory, steal, plain }).length < 600);
        const host = believableHostUsage(anything as unknown as HostUsage);
        assert.ok(JSON.stringify(host).length < 200);
      }),
    );
    const pool = { name: 'x'.repeat(1e6), totalGb: 1, freeGb: 1 };
    const usage = { load: 1, cpus: 2, memoryMb: 3, availableMb: 4, pools: Array.from({ length: 99 }, () => pool) };
    assert.ok(JSON.stringify(believableHostUsage(usage)).length < 2_000);
    const good = usageBetween(countersOf(look(1)), countersOf(look(3)), 4);
    assert.deepEqual(believableUsage(good), good);
  });
});
