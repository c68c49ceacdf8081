import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { locksMemory } from '../../../../src/domain/numa/memory-pages.ts';
import { fixedSizeProblem, numaRequestOf } from '../../../../src/domain/numa/numa-request.ts';
import { aFlavor } from '../../../support/samples.ts';

type Specs = Record<string, string>;

/** 8 vCPUs and 8192 MiB. */
const wish = (extraSpecs: Specs, properties: Specs = {}) =>
  numaRequestOf(aFlavor({ name: 'big', vcpus: 8, memoryMb: 8192, extraSpecs }), { properties });

const cells = (extraSpecs: Specs, properties: Specs = {}) =>
  wish(extraSpecs, properties)?.cells.map(({ dedicated, shared, memoryMb }) => [dedicated, shared, memoryMb]);

const refused = (message: string, extraSpecs: Specs, properties: Specs = {}) =>
  assert.throws(() => wish(extraSpecs, properties), { kind: 'badRequest', message });

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const DEDICATED = { 'hw:cpu_policy': 'dedicated' };
const MIXED = { 'hw:cpu_policy': 'mixed' };

describe('the NUMA nodes that a flavor and an image wish', () => {
  it('are none where nothing asks for them', () => {
    assert.equal(wish({}), null);
    assert.equal(wish({ 'hw:cpu_policy': 'shared', 'hw:emulator_threads_policy': 'share' }), null);
    assert.equal(wish({}, { hw_cpu_policy: 'shared' }), null);
  });

  it('are even parts, or as they are written', () => {
    assert.deepEqual(cells({ 'hw:numa_nodes': '2' }), [
      [[], [0, 1, 2, 3], 4096],
      [[], [4, 5, 6, 7], 4096],
    ]);
    const written = {
      'hw:numa_nodes': '2',
      ...{ 'hw:numa_cpus.0': '0-5', 'hw:numa_mem.0': '6144', 'hw:numa_cpus.1': '6,7', 'hw:numa_mem.1': '2048' },
    };
    assert.deepEqual(cells(written), [
      [[], [0, 1, 2, 3, 4, 5], 6144],
      [[], [6, 7], 2048],
    ]);
    assert.deepEqual(cells({}, { hw_numa_nodes: '1' }), [[[], ALL, 8192]]);
  });

  it('have dedicated vCPUs by the policy, the mask or the resource', () => {
    assert.deepEqual(cells(DEDICATED), [[ALL, [], 8192]]);
    assert.deepEqual(cells({}, { hw_cpu_policy: 'dedicated' }), [[ALL, [], 8192]]);
    assert.deepEqual(cells({ 'resources:PCPU': '8' }), [[ALL, [], 8192]]);
    assert.deepEqual(cells({ ...MIXED, 'hw:cpu_dedicated_mask': '^0-1' }), [[[2, 3, 4, 5, 6, 7], [0, 1], 8192]]);
    assert.deepEqual(cells({ ...MIXED, 'hw:cpu_dedicated_mask': '7', 'hw:numa_nodes': '2' }), [
      [[], [0, 1, 2, 3], 4096],
      [[7], [4, 5, 6], 4096],
    ]);
  });

  it('carry policies for threads, emulator and pages', () => {
    const all = { ...DEDICATED, 'hw:cpu_thread_policy': 'prefer', 'hw:emulator_threads_policy': 'isolate' };
    const { threads, emulatorThreads, pages } =
      wish({ ...all, 'hw:mem_page_size': '1GB' }, { hw_cpu_thread_policy: 'require' }) ?? {};
    assert.deepEqual([threads, emulatorThreads, pages], ['prefer', 'isolate', 1_048_576]);
    assert.equal(wish({ 'hw:mem_page_size': 'large' }, { hw_mem_page_size: '2048' })?.pages, 2048);
    assert.equal(wish({ 'hw:mem_page_size': '2MB' })?.pages, 2048);
    assert.equal(wish({ ...DEDICATED, 'trait:HW_CPU_HYPERTHREADING': 'forbidden' })?.threads, 'isolate');
    assert.equal(wish(DEDICATED, { 'trait:HW_CPU_HYPERTHREADING': 'required' })?.threads, 'require');
  });

  it('are refused in the words of Nova', () => {
    refused("The property 'numa_nodes' cannot be '0'. It must be a number greater than 0", { 'hw:numa_nodes': '0' });
    refused(
      'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of CPUs ' +
        'and memory to nodes is required',
      { 'hw:numa_nodes': '3' },
    );
    refused(
      "Image property 'hw_numa_nodes' is not permitted to override NUMA configuration set against the flavor",
      { 'hw:numa_nodes': '2' },
      { hw_numa_nodes: '2' },
    );
    refused(
      "Image property 'hw_numa_mem' is not permitted to override NUMA configuration set against the flavor",
      { 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-7', 'hw:numa_mem.0': '8192' },
      { 'hw_numa_mem.0': '8192' },
    );
    refused('CPU and memory allocation must be provided for all NUMA nodes', {
      ...{ 'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0-7', 'hw:numa_mem.0': '8192' },
    });
    const two = (first: string, second: string, memory = '4096') => ({
      ...{ 'hw:numa_nodes': '2', 'hw:numa_cpus.0': first, 'hw:numa_cpus.1': second },
      ...{ 'hw:numa_mem.0': memory, 'hw:numa_mem.1': '4096' },
    });
    refused('CPU number 8 is larger than max 7', two('0-3', '4-8'));
    refused('CPU number 3 is assigned to two nodes', two('0-3', '3-7'));
    refused('CPU number {6, 7} is not assigned to any node', two('0-3', '4-5'));
    refused('4097 MB of memory assigned, but expected 8192 MB', two('0-3', '4-7', '1'));
    refused("Invalid range expression '3-0'", two('3-0', '4-7'));
  });

  it('have policies that are refused in the words of Nova', () => {
    const override = (what: string) =>
      `Image property '${what}' is not permitted to override ${
        what === 'hw_cpu_policy' ? 'CPU pinning policy' : 'CPU thread pinning policy'
      } set against the flavor`;
    refused(override('hw_cpu_policy'), { 'hw:cpu_policy': 'shared' }, { hw_cpu_policy: 'dedicated' });
    refused(override('hw_cpu_policy'), { ...MIXED, 'hw:cpu_dedicated_mask': '0' }, { hw_cpu_policy: 'dedicated' });
    refused(
      override('hw_cpu_thread_policy'),
      { ...DEDICATED, 'hw:cpu_thread_policy': 'isolate' },
      { hw_cpu_thread_policy: 'require' },
    );
    refused(
      "CPU policy requested from 'flavor extra specs' is invalid, given: 'own', available: '('dedicated', 'shared', 'mixed')'.",
      { 'hw:cpu_policy': 'own' },
    );
    refused(
      "CPU thread policy requested from 'flavor extra specs' is invalid, given: 'own', available: '('prefer', 'isolate', 'require')'.",
      { 'hw:cpu_thread_policy': 'own' },
    );
    refused('Invalid image metadata. Error: Field value own is invalid', {}, { hw_cpu_policy: 'own' });
    refused('Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy', {
      'hw:cpu_thread_policy': 'prefer',
    });
    refused('An isolated CPU emulator threads option requires a dedicated CPU policy option.', {
      'hw:emulator_threads_policy': 'isolate',
    });
    refused("CPU emulator threads option requested is invalid, given: 'own', available: '('share', 'isolate')'.", {
      'hw:emulator_threads_policy': 'own',
    });
    refused("Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.", {
      ...DEDICATED,
      'hw:cpu_dedicated_mask': '0-3',
    });
    refused("Mixed instance must have at least 1 pinned vCPU and 1 unpinned vCPU. See 'hw:cpu_dedicated_mask'.", {
      ...MIXED,
      'hw:cpu_dedicated_mask': '0-7',
    });
    refused(
      'Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor. See "hw:cpu_dedicated_mask"',
      { ...MIXED, 'hw:cpu_dedicated_mask': '1,9' },
    );
    assert.throws(() => wish(MIXED), /^Fault: Dedicated CPU set can be specified from either/);
    assert.throws(
      () => wish({ ...DEDICATED, 'resources:PCPU': '8' }),
      /It is not possible to use the 'resources:VCPU'/,
    );
    assert.throws(() => wish({ 'resources:PCPU': '4' }), /There is a mismatch between the number of PCPUs/);
    assert.throws(
      () => wish({ 'resources:PCPU': '8', 'hw:emulator_threads_policy': 'isolate' }),
      /you must allocate exactly flavor.vcpus \+ 1 PCPUs/,
    );
  });

  it('have pages that are refused in the words of Nova', () => {
    refused("Page size 2048 forbidden against '<empty>'", {}, { hw_mem_page_size: '2048' });
    refused(
      "Page size large forbidden against 'small'",
      { 'hw:mem_page_size': 'small' },
      { hw_mem_page_size: 'large' },
    );
    refused("Invalid memory page size '2M'", { 'hw:mem_page_size': '2M' });
    const locked = 'locked_memory value in image or flavor is forbidden when mem_page_size is not set.';
    refused(locked, { 'hw:locked_memory': 'true' });
    refused(locked, {}, { hw_locked_memory: 'yes' });
    refused(
      'locked_memory value in image (False) and flavor (True) conflict. A consistent value is expected if both specified.',
      { 'hw:mem_page_size': 'any', 'hw:locked_memory': 'true' },
      { hw_locked_memory: 'false' },
    );
    assert.equal(
      locksMemory(aFlavor({ extraSpecs: { 'hw:mem_page_size': 'any', 'hw:locked_memory': '1' } }), null),
      true,
    );
  });

  it('have vCPUs under a real-time scheduler: some of those that are dedicated', () => {
    const RT = { 'hw:cpu_realtime': 'yes' };
    const realtime = (extraSpecs: Specs, properties?: Specs) => wish({ ...RT, ...extraSpecs }, properties)?.realtime;
    assert.deepEqual(realtime({ ...DEDICATED, 'hw:cpu_realtime_mask': '^0-1' }), [2, 3, 4, 5, 6, 7]);
    assert.deepEqual(realtime({ ...DEDICATED, 'hw:cpu_realtime_mask': '^0' }, { hw_cpu_realtime_mask: '5,7' }), [5, 7]);
    assert.deepEqual(realtime({ ...DEDICATED, 'hw:emulator_threads_policy': 'share' }), ALL);
    assert.deepEqual(realtime({ 'resources:PCPU': '8', 'hw:cpu_realtime_mask': '7' }), [7]);
    assert.deepEqual(cells({ ...RT, ...MIXED, 'hw:cpu_realtime_mask': '6-7' }), [[[6, 7], [0, 1, 2, 3, 4, 5], 8192]]);
    assert.equal(wish({ ...DEDICATED, 'hw:cpu_realtime': 'no', 'hw:cpu_realtime_mask': '9' })?.realtime, undefined);

    const offloaded =
      'Use of realtime CPUs requires either one or more non-realtime CPU(s) or offloaded emulator threads.';
    refused(offloaded, { ...RT, ...DEDICATED });
    refused(offloaded, { ...RT, ...DEDICATED, 'hw:cpu_realtime_mask': '0-7' });
    refused(offloaded, { ...RT, ...DEDICATED, 'hw:cpu_realtime_mask': '^0-7' });
    const outside =
      'Realtime policy vCPU(s) mask is configured with RT vCPUs that are not a subset of the vCPUs in the flavor. See ' +
      'hw:cpu_realtime_mask or hw_cpu_realtime_mask';
    refused(outside, { ...RT, ...DEDICATED, 'hw:cpu_realtime_mask': '7-8' });
    const shared = 'Cannot set realtime policy in a non dedicated cpu pinning policy';
    refused(shared, { ...RT, 'hw:cpu_realtime_mask': '^0' });
    refused(shared, { ...RT, 'hw:cpu_realtime_mask': '^0', 'hw:cpu_policy': 'shared' });
    const both = { ...RT, ...MIXED, 'hw:cpu_realtime_mask': '7', 'hw:cpu_dedicated_mask': '6' };
    assert.throws(() => wish(both), /^Fault: Dedicated CPU set can be specified from either/);
  });

  it('are refused to a server that is elastic', () => {
    const elastic = { minimum_cpu: '2' };
    for (const specs of [
      DEDICATED,
      { 'hw:numa_nodes': '1' },
      { 'hw:mem_page_size': 'any' },
      { 'resources:PCPU': '8' },
    ]) {
      assert.throws(() => wish({ ...elastic, ...specs }), /has a fixed size: the extra specs 'minimum_cpu'/);
      assert.match(
        fixedSizeProblem(aFlavor({ vcpus: 8, extraSpecs: { ...elastic, ...specs } })) ?? '',
        /has a fixed size/,
      );
    }
    assert.throws(() => wish(elastic, { hw_cpu_policy: 'dedicated' }), /has a fixed size/);
    assert.equal(fixedSizeProblem(aFlavor({ vcpus: 8, extraSpecs: elastic })), null);
    assert.equal(wish({ ...DEDICATED, minimum_cpu: '8' })?.pinned, true);
  });
});
