// What operators call their devices, and what flavors and images ask of them, in Nova's words where it is refused.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AliasOption,
  checkPciPolicy,
  fixedMemoryProblem,
  pciRequestOf,
  readAliases,
} from '../../../../src/domain/pci/pci-alias.ts';
import { aFlavor } from '../../../support/samples.ts';

const gpu: AliasOption = { name: 'gpu', vendor_id: '10DE', product_id: '1db6', device_type: 'type-PCI' };
const nic: AliasOption = { name: ' nic ', vendor_id: '8086', product_id: '154c', numa_policy: 'required' };

const flavor = (alias: string, more: Record<string, string> = {}) =>
  aFlavor({ extraSpecs: { 'pci_passthrough:alias': alias, ...more } });

describe('aliases of devices', () => {
  it('of one name mean any of their devices', () => {
    const aliases = readAliases([gpu, nic, { ...gpu, product_id: '20f1' }]);
    assert.deepEqual(aliases.get('nic'), {
      policy: 'required',
      matches: [{ vendorId: '8086', productId: '154c', type: null }],
    });
    assert.deepEqual(
      aliases.get('gpu')?.matches.map(({ vendorId, productId }) => `${vendorId}:${productId}`),
      ['10de:1db6', '10de:20f1'],
    );
  });

  it('that contradict themselves are named', () => {
    const bad = (message: RegExp, ...options: AliasOption[]) =>
      assert.throws(() => readAliases(options), { code: 'config', message });
    bad(/pci\.alias: gpu: its entries differ in their numa_policy/, gpu, { ...gpu, numa_policy: 'socket' });
    bad(/pci\.alias: gpu: its entries differ in their device_type/, gpu, { ...gpu, device_type: 'type-VF' });
    bad(/pci\.alias: a:1: a name of 1 to 256 characters/, { ...gpu, name: 'a:1' });
    bad(/a name of 1 to 256 characters/, { ...gpu, name: ' ' });
  });
});

describe('what a flavor asks of devices', () => {
  const aliases = readAliases([gpu, nic]);
  const wished = (alias: string, more?: Record<string, string>) =>
    pciRequestOf(flavor(alias, more), null, aliases)?.map((one) => [one.alias, one.count, one.policy]) ?? null;

  it('is names with numbers', () => {
    assert.deepEqual(wished('gpu:1, nic: 2'), [
      ['gpu', 1, 'legacy'],
      ['nic', 2, 'required'],
    ]);
    assert.deepEqual(wished('gpu:0,nic:1'), [['nic', 1, 'required']]);
    for (const none of ['', 'gpu:0']) assert.equal(wished(none), null);
    assert.equal(pciRequestOf(aFlavor({}), null, aliases), null);
  });

  it('may say where they must be, and an image too', () => {
    assert.deepEqual(wished('gpu:1', { 'hw:pci_numa_affinity_policy': 'preferred' }), [['gpu', 1, 'preferred']]);
    const image = { properties: { hw_pci_numa_affinity_policy: 'socket' } };
    assert.equal(pciRequestOf(flavor('nic:1'), image, aliases)?.[0]?.policy, 'socket');
    checkPciPolicy(flavor('nic:1', { 'hw:pci_numa_affinity_policy': 'socket' }), image);
    assert.throws(() => checkPciPolicy(flavor('nic:1', { 'hw:pci_numa_affinity_policy': 'legacy' }), image), {
      kind: 'forbidden',
      message:
        "Image property 'hw_pci_numa_affinity_policy' is not permitted to override the 'hw:pci_numa_affinity_policy' flavor extra spec.",
    });
    assert.throws(() => checkPciPolicy(aFlavor({}), { properties: { hw_pci_numa_affinity_policy: 'near' } }), {
      kind: 'badRequest',
      message: 'Invalid PCI NUMA affinity configured: near',
    });
  });

  it('is refused where there is no such alias, or no number', () => {
    const bad = (alias: string, message: string) => assert.throws(() => wished(alias), { kind: 'badRequest', message });
    bad('fpga:1', 'PCI alias fpga is not defined');
    bad('gpu:1,fpga', 'PCI alias fpga is not defined');
    for (const odd of ['gpu', 'gpu:', 'gpu:many', 'gpu:1:2', 'gpu:1,', ':1']) {
      bad(odd, `Validation failed; extra spec 'pci_passthrough:alias': '${odd}' is no list of ALIAS:NUMBER.`);
    }
  });

  it('needs all memory from the beginning', () => {
    const text = /fixed amount of memory/;
    assert.match(fixedMemoryProblem(flavor('gpu:1', { minimum_memory: '256' })) ?? '', text);
    assert.throws(() => wished('gpu:1', { minimum_memory: '256' }), { kind: 'badRequest', message: text });
    assert.equal(fixedMemoryProblem(flavor('gpu:1', { minimum_cpu: '1' })), null);
    assert.equal(fixedMemoryProblem(aFlavor({ extraSpecs: { minimum_memory: '256' } })), null);
  });
});
