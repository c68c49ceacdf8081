// What only real virtualisation does with a guest. Needs root, a hypervisor's packages and a machine whose KVM runs guests.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { power } from '../../src/domain/servers/servers.ts';
import { buildMicroGuest } from '../support/guest.ts';
import { cpuinfoWith, imageOf, startHost } from '../support/libvirt-host.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 180_000;
const CONFIRM_MS = 120_000;

describe('vCPUs under KVM', { concurrency: 1 }, () => {
  // A CPU model that every KVM runs, also one that can run nothing but this guest of a few hundred bytes.
  const cpuModel = 'kvm64';

  it('are really taken away, and given again', async (t) => {
    const micro = await imageOf((await buildMicroGuest()).kernel, 'aki');
    const host = await startHost({ driver: { virtType: 'kvm', cpuModel }, extraImages: [micro] });
    try {
      const probed = await host.anotherDriver({ virtType: 'auto', readCpuinfo: () => cpuinfoWith('vmx') });
      const { virtType, virtTypeReason } = (await probed.inventory()).facts.capabilities;
      await probed.close();
      if (virtType !== 'kvm') return t.skip(`KVM runs no guest here: ${virtTypeReason}`);

      const spec = host.spec({
        ...{ kernel: micro.facts, ramdisk: null, disks: { image: null, rootGb: 1, ephemeralGb: 0, swapMb: 0 } },
        ...{ maximum: { vcpus: 4, memoryMb: 128 }, boot: { vcpus: 1, memoryMb: 128 } },
      });
      await host.driver.spawn({ spec });
      const said = (words: string) =>
        eventually(words, BOOT_MS, async () =>
          (await host.driver.console({ uuid: spec.uuid, maxBytes: 10_000 })).includes(words) ? true : null,
        );
      await said('xloud-micro ready');
      const adjust = async (vcpus: number) => {
        const target = { vcpus, memoryMb: 128 };
        const outcome = await host.driver.adjust({
          uuid: spec.uuid,
          request: {
            actionId: 'a',
            target,
            persist: true,
            timeoutMs: CONFIRM_MS,
          },
        });
        return [outcome.vcpus.reached, outcome.vcpus.method, outcome.vcpus.held, outcome.vcpus.problem];
      };
      assert.deepEqual(await adjust(3), [3, 'hotplug', 3, null]);
      assert.deepEqual(await adjust(2), [2, 'hotplug', 2, null]);
      await said('xloud-micro cpu 2 out');
      assert.deepEqual(await adjust(1), [1, 'hotplug', 1, null]);
      await said('xloud-micro cpu 1 out');
      assert.deepEqual(await adjust(4), [4, 'hotplug', 4, null]);
      assert.equal((await host.driver.powerOff({ uuid: spec.uuid, timeoutMs: CONFIRM_MS })).powerState, power.shutdown);
      await said('xloud-micro power');
    } finally {
      await host.close();
    }
  });
});
