// Limits of flavors, on real guests: their effect is measured in the guest, or by libvirt's statistics.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';

const INSIDE_MS = 180_000;
const MIB = 1024 ** 2;

describe('limits on real guests', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  before(async () => {
    host = await startHost({ cgroups: true });
  });
  after(() => host.close());

  const inside = (uuid: string, script: string) =>
    runInside((command) => host.askAgent(uuid, command), script, INSIDE_MS);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedMs = Date.now();
    await work();
    return (Date.now() - startedMs) / 1000;
  };
  /** Of the vCPUs alone. */
  const cpuSeconds = async (uuid: string): Promise<number> => {
    const told = await host.virsh('domstats', '--vcpu', uuid);
    return Number(/vcpu\.0\.time=(\d+)/.exec(told)?.[1]) / 1e9;
  };
  it('limits what a disk reads and writes', async () => {
    const specs = { 'quota:disk_read_bytes_sec': String(4 * MIB), 'quota:disk_write_iops_sec': '50' };
    const spec = host.spec({ extraSpecs: specs });
    await host.driver.spawn({ spec });
    await host.ready(spec.uuid);
    const seconds = await timed(() => inside(spec.uuid, 'dd if=/dev/vda of=/dev/null bs=64k count=160'));
    // 10 MiB at 4 MiB per second; some of it is a burst
    assert.ok(seconds > 1.5, `10 MiB were read in ${seconds} s`);
    await host.driver.destroy({ uuid: spec.uuid });
  });

  it('limits what the guest takes of the processors, where this machine can', async (t) => {
    const { traits } = (await host.driver.inventory()).facts;
    const extraSpecs = { 'quota:cpu_quota': '50000', 'quota:cpu_period': '100000', 'quota:cpu_shares': '512' };
    if (!traits.includes('CUSTOM_XLOUD_CPU_LIMITS')) return t.skip('libvirt is given no control groups here');
    const spec = host.spec({ extraSpecs });
    await host.driver.spawn({ spec });
    assert.match(await host.virsh('schedinfo', spec.uuid), /cpu_shares\s*:\s*512\n.*vcpu_quota\s*:\s*50000/s);
    await host.ready(spec.uuid);
    // the guest is busy for a while, and gets half a processor: its own time as libvirt counts it
    const busy = inside(spec.uuid, 'timeout 4 sh -c "while :; do :; done" || true');
    const before = await cpuSeconds(spec.uuid);
    const seconds = await timed(() => busy);
    const used = (await cpuSeconds(spec.uuid)) - before;
    t.diagnostic(`${used.toFixed(2)} s of vCPU time in ${seconds.toFixed(2)} s`);
    assert.ok(used / seconds < 0.6, `${used} s of vCPU time in ${seconds} s`);
    await host.driver.destroy({ uuid: spec.uuid });
  });

  for (const way of ['inbound', 'outbound'] as const) {
    it(`limits ${way} traffic, or says that this machine's kernel cannot`, async (t) => {
      const { traits } = (await host.driver.inventory()).facts;
      const spec = host.spec({ extraSpecs: { [`quota:vif_${way}_average`]: '256' }, nics: [nicOf(networkOf(7), 10)] });
      if (traits.includes(`CUSTOM_XLOUD_${way.toUpperCase()}_LIMITS`)) {
        await host.driver.spawn({ spec });
        const device = /vnet\d+/.exec(await host.virsh('domiflist', spec.uuid))?.[0] ?? '';
        assert.match(await host.virsh('domiftune', spec.uuid, device), new RegExp(`${way}.average\\s*:\\s*256`));
        await host.driver.destroy({ uuid: spec.uuid });
      } else {
        t.diagnostic('the kernel here has not what tc needs for it');
        await assert.rejects(host.driver.spawn({ spec }), /tc .*unexpected exit status/);
        assert.deepEqual(await host.leftovers(spec.uuid), []);
      }
    });
  }

  it('takes no guest whose share of the processors would be dropped', async () => {
    const without = await startHost();
    try {
      const { traits } = (await without.driver.inventory()).facts;
      assert.ok(!traits.includes('CUSTOM_XLOUD_CPU_LIMITS'));
      assert.ok(traits.includes('COMPUTE_FIRMWARE_UEFI'));
    } finally {
      await without.close();
    }
  });
});
