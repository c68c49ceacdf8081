import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isCustomName, withOffers } from '../../../../src/domain/placement/host-offers.ts';
import { traitsOf } from '../../../../src/domain/placement/host-traits.ts';
import { aHost } from '../../../support/samples.ts';

describe('traits of hosts', () => {
  const { inventory } = aHost('h1');
  const { facts } = inventory;

  it('tell what the hypervisor and the processor of its guests can do, by the names of os-traits', () => {
    const capabilities = { ...facts.capabilities, verbs: ['attachNic' as const], diskFormats: ['raw', 'qcow2', 'odd'] };
    const topology = { ...facts.cpu.topology, threads: 2 };
    const features = ['aes', 'avx2', 'sse4.1', 'pni', 'svm', 'avx512-vpopcntdq', 'pdpe1gb', 'unheard-of'];
    assert.deepEqual(traitsOf({ cpu: { ...facts.cpu, arch: 'x86_64', topology }, capabilities }, features), [
      ...['COMPUTE_ARCH_X86_64', 'COMPUTE_IMAGE_TYPE_QCOW2', 'COMPUTE_IMAGE_TYPE_RAW', 'COMPUTE_NET_ATTACH_INTERFACE'],
      ...['COMPUTE_NODE', 'HW_ARCH_X86_64', 'HW_CPU_HYPERTHREADING', 'HW_CPU_X86_AESNI', 'HW_CPU_X86_AMD_SVM'],
      ...['HW_CPU_X86_AVX2', 'HW_CPU_X86_AVX512VPOPCNTDQ', 'HW_CPU_X86_PDPE1GB', 'HW_CPU_X86_SSE3'],
      ...['HW_CPU_X86_SSE41', 'HW_CPU_X86_SVM'],
    ]);
  });

  it('say nothing that is not so', () => {
    const capabilities = { ...facts.capabilities, verbs: [], diskFormats: [], guests: [] };
    const topology = { ...facts.cpu.topology, threads: 1 };
    assert.deepEqual(traitsOf({ cpu: { ...facts.cpu, arch: 'strange', topology }, capabilities }, []), [
      'COMPUTE_NODE',
    ]);
  });

  it("have the operator's own among them, once each", () => {
    const before = { ...inventory, facts: { ...facts, traits: ['COMPUTE_NODE', 'CUSTOM_A'] } };
    const offers = { traits: ['CUSTOM_B', 'CUSTOM_A'], resources: { CUSTOM_SEAT: 4 } };
    const { traits, resources } = withOffers(before, offers).facts;
    assert.deepEqual(traits, ['COMPUTE_NODE', 'CUSTOM_A', 'CUSTOM_B']);
    assert.deepEqual(resources, { CUSTOM_SEAT: 4 });
  });

  it('are called CUSTOM_ where an operator names them', () => {
    assert.ok(isCustomName('CUSTOM_GOLD_2'));
    for (const name of ['GOLD', 'CUSTOM_', 'CUSTOM_gold', 'CUSTOM_GOLD ', `CUSTOM_${'A'.repeat(249)}`]) {
      assert.ok(!isCustomName(name), name);
    }
  });
});
