import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GuestSpec } from '../../../../src/domain/servers/guests.ts';
import type { NumaTopology } from '../../../../src/domain/numa/numa.ts';
import { domainXml } from '../../../../src/virt/libvirt/config.ts';
import { guestSpec } from '../../../support/guest-spec.ts';

const place = {
  ...({ virtType: 'qemu', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
  ...{ disks: [], consolePath: '/d/console.log' },
};

/** vCPU 0 and 1 pinned in huge pages on node 1, vCPU 2 and 3 floating on node 0. */
const numa: NumaTopology = {
  cells: [
    { hostNode: 1, vcpus: [0, 1], memoryMb: 512, pinning: { 0: 6, 1: 4 }, floating: [], pageSizeKib: 2048, huge: true },
    { hostNode: 0, vcpus: [2, 3], memoryMb: 512, pinning: {}, floating: [0, 1, 3], pageSizeKib: 4, huge: false },
  ],
  ...{ emulatorThreads: null, emulatorCpus: [] },
};

/** The parts of the domain that speak of processors and memory, one line each. */
function partsOf(more: Partial<GuestSpec>, sharedCpus: readonly number[] = []): string[] {
  const xml = domainXml(guestSpec(more), { ...place, sharedCpus });
  const parts = xml.match(
    /<(?:vcpu p|cputune|numatune|memoryBacking|numa)[^]*?<\/(?:vcpu|cputune|numatune|memoryBacking|numa)>/g,
  );
  return (parts ?? []).map((part) => part.replaceAll(/>\s+</g, '><'));
}

describe('the domain of a guest', () => {
  it('says nothing of NUMA where it leaves that to its host', () => {
    assert.deepEqual(partsOf({}), ['<vcpu placement="static" current="2">4</vcpu>']);
    assert.deepEqual(partsOf({}, [4, 0, 1]), ['<vcpu placement="static" cpuset="0-1,4" current="2">4</vcpu>']);
  });

  it('says where each vCPU runs, each node lies, and in which pages', () => {
    assert.deepEqual(partsOf({ numa }, [7]), [
      '<memoryBacking><hugepages><page size="2048" unit="KiB" nodeset="0"/></hugepages></memoryBacking>',
      '<cputune><vcpupin vcpu="0" cpuset="6"/><vcpupin vcpu="1" cpuset="4"/><vcpupin vcpu="2" cpuset="0-1,3"/>' +
        '<vcpupin vcpu="3" cpuset="0-1,3"/><emulatorpin cpuset="0-1,3-4,6"/></cputune>',
      '<numatune><memory mode="strict" nodeset="0-1"/><memnode cellid="0" mode="strict" nodeset="1"/>' +
        '<memnode cellid="1" mode="strict" nodeset="0"/></numatune>',
      '<vcpu placement="static" current="2">4</vcpu>',
      '<numa><cell id="0" cpus="0-1" memory="524288" unit="KiB" memAccess="shared"/>' +
        '<cell id="1" cpus="2-3" memory="524288" unit="KiB" memAccess="shared"/></numa>',
    ]);
  });

  it('has its emulator where it shall be', () => {
    const emulator = (more: Partial<NumaTopology>, shared: readonly number[] = []) =>
      /<emulatorpin cpuset="([^"]*)"/.exec(
        domainXml(guestSpec({ numa: { ...numa, ...more } }), { ...place, sharedCpus: shared }),
      )?.[1];
    assert.equal(emulator({ emulatorThreads: 'isolate', emulatorCpus: [5] }, [0, 1]), '5');
    assert.equal(emulator({ emulatorThreads: 'share' }, [0, 1]), '0-1');
    assert.equal(emulator({ emulatorThreads: 'share' }), '0-1,3-4,6');
  });

  it('has real-time vCPUs scheduled as such, its emulator apart from them, and its memory held', () => {
    const [backing, tune] = partsOf({ numa: { ...numa, realtime: [1, 3] } });
    assert.equal(
      backing,
      '<memoryBacking><hugepages><page size="2048" unit="KiB" nodeset="0"/></hugepages><nosharepages/><locked/></memoryBacking>',
    );
    assert.match(tune ?? '', /<emulatorpin cpuset="0-1,3,6"\/><vcpusched vcpus="1,3" scheduler="fifo" priority="1"\/>/);
  });

  it('locks its memory where it is asked to', () => {
    const lone = partsOf({ lockedMemory: true });
    assert.equal(lone[0], '<memoryBacking><locked/></memoryBacking>');
  });
});
