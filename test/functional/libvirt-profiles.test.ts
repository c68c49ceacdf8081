// What profiles turn, seen in what a real libvirt says of guests that run. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { messageOf } from '../../src/base/errors.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { type ProfileName, withProfile } from '../../src/domain/machines/profiles.ts';
import { fitNuma } from '../../src/domain/numa/numa-fit.ts';
import type { HostCell, NumaTopology } from '../../src/domain/numa/numa.ts';
import { readDivision } from '../../src/virt/host-cells.ts';
import { type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';
import { eventually } from '../support/serve.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';

const MEMORY_MB = 256;
const size = { vcpus: 2, memoryMb: MEMORY_MB };
const BOOT_MS = 180_000;

/** What must stand in the definition of a guest that runs. */
const elements: Readonly<Record<ProfileName, readonly RegExp[]>> = {
  balanced: [/<rng model='virtio'>/, /<driver [^>]*queues='2'/],
  'high-performance': [/<shares>4096<\/shares>/, /<driver [^>]*queues='2'/, /packed='on'/, /<pmu state='off'\/>/],
  'low-latency': [/<vcpupin vcpu='0' cpuset='1'\/>/, /<numatune>/, /<pmu state='off'\/>/],
  'energy-efficient': [/<shares>512<\/shares>/, /<period>100000<\/period>/, /<quota>50000<\/quota>/],
  'ubuntu-24.04': [
    /<rng model='virtio'>/,
    /<driver [^>]*queues='2'/,
    /packed='on'/,
    /<controller type='usb' [^>]*model='qemu-xhci'/,
    /<watchdog model='[^']+' action='reset'>/,
  ],
};

describe('profiles on real guests', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  before(async () => {
    const division = readDivision({ cpu_dedicated_set: '1', cpu_shared_set: '0', reserved_huge_pages: '' });
    host = await startHost({ cgroups: true, driver: { division } });
  });
  after(() => host?.close());

  async function placed(): Promise<NumaTopology> {
    const cells = (await host.driver.inventory()).facts.numaCells;
    const node = cells.find(({ cpus }) => cpus.includes(1)) as HostCell;
    const { topology } = fitNuma(
      { cells: [node], usage: null, ratios: { cpu: 4, ram: 1 } },
      {
        cells: [{ dedicated: [0], shared: [], memoryMb: MEMORY_MB }],
        ...{ pinned: true, threads: null, emulatorThreads: null, pages: 'small' },
      },
    );
    return topology as NumaTopology;
  }

  for (const [name, wanted] of Object.entries(elements)) {
    it(`${name} stands in the definition of a guest that runs`, async (t) => {
      const extraSpecs = withProfile({ 'xloud:profile': name });
      const { traits } = (await host.driver.inventory()).facts;
      if (extraSpecs['quota:cpu_shares'] !== undefined && !traits.includes('CUSTOM_XLOUD_CPU_LIMITS'))
        return t.skip('libvirt is given no control groups here');
      const own = name === 'low-latency';
      const has = own ? { vcpus: 1, memoryMb: MEMORY_MB } : size;
      const made = (lockedMemory: boolean) =>
        host.spec({
          ...{ extraSpecs, maximum: has, minimum: has, boot: has, nics: [nicOf(networkOf(7), 10)], lockedMemory },
          ...(numa === null ? {} : { numa }),
        });
      const numa = own ? await placed() : null;
      let spec = made(own);
      try {
        const locks = await host.driver.spawn({ spec }).catch((error: unknown) => messageOf(error));
        if (own && typeof locks === 'string') {
          // a container may not lock memory: that libvirt was told to stands in its refusal
          t.diagnostic(locks);
          assert.match(locks, /cannot limit locked memory/);
          spec = made(false);
          await host.driver.spawn({ spec });
        } else if (own) assert.match(await host.virsh('dumpxml', spec.uuid), /<locked\/>/);
        assert.equal((await host.driver.inspect({ uuid: spec.uuid }))?.powerState, power.running);
        const xml = await host.virsh('dumpxml', spec.uuid);
        for (const element of wanted) assert.match(xml, element);
      } finally {
        await host.driver.destroy({ uuid: spec.uuid });
      }
    });
  }
});

describe('a profile that a server is given, on libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  before(async () => {
    world = await startGuestService({ flavor: { vcpus: 2, ram: 512 }, specs: { 'xloud:profile': 'balanced' } });
  });
  after(() => world?.close());

  it('is in the guest from its next start on', async () => {
    const { imageRef, flavorRef } = world;
    const compute = (method: string, path: string, body?: unknown) => world.compute(method, path, body);
    const server = { name: 'one', imageRef, flavorRef, networks: 'none' };
    const { id } = (await compute('POST', '/servers', { server })).body.server as { id: string };
    const is = (status: string) =>
      eventually(status, BOOT_MS, async () =>
        (await compute('GET', `/servers/${id}`)).body.server.status === status ? true : null,
      );
    await is('ACTIVE');
    const profile = async () => {
      const { body } = await compute('GET', `/servers/${id}/os-xloud-profile`);
      return [body.profile, body.pending];
    };
    assert.deepEqual(await profile(), ['balanced', false]);
    assert.match(await world.virsh('dumpxml', id), /<rng model='virtio'>/);
    const given = await compute('PUT', `/servers/${id}/os-xloud-profile`, { profile: 'ubuntu-24.04' });
    assert.equal(given.status, 200, JSON.stringify(given.body));
    assert.deepEqual(await profile(), ['ubuntu-24.04', true]);
    assert.doesNotMatch(await world.virsh('dumpxml', id), /action='reset'/);
    assert.equal((await compute('POST', `/servers/${id}/action`, { reboot: { type: 'HARD' } })).status, 202);
    await eventually('the profile is in force', BOOT_MS, async () => ((await profile())[1] === false ? true : null));
    await is('ACTIVE');
    const xml = await world.virsh('dumpxml', id);
    assert.match(xml, /<watchdog model='[^']+' action='reset'>/);
    assert.match(xml, /<controller type='usb' [^>]*model='qemu-xhci'/);
    assert.equal((await compute('DELETE', `/servers/${id}`)).status, 204);
  });
});
