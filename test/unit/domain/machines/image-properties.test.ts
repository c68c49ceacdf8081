import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { imageProperties, knownProperties, olderNames } from '../../../../src/domain/machines/image-properties.ts';

interface Declared {
  readonly properties: Readonly<Record<string, string>>;
  readonly olderNames: Readonly<Record<string, string>>;
}

const nova = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../support/nova/image-properties.json'), 'utf8'),
) as Declared;

const problemOf = (properties: Record<string, string>): string | null => {
  try {
    knownProperties({ properties });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
};

describe('image properties', () => {
  it('are those that Nova has, under the same older names', () => {
    assert.deepEqual(Object.keys(imageProperties), Object.keys(nova.properties));
    assert.deepEqual(olderNames, nova.olderNames);
  });

  it('take what Nova takes: words and numbers are checked, yes and no and text are not', () => {
    for (const [name, type] of Object.entries(nova.properties)) {
      if (name === 'traits_required') continue;
      const free = /^(?:String|FlexibleBoolean|UUID|ListOf\w+)Field$/.test(type);
      assert.equal(problemOf({ [name]: 'foo' }) === null, free, `${name} is a ${type}`);
    }
  });

  const cases: readonly [string, string, string | null][] = [
    ['hw_disk_bus', 'foo', 'Field value foo is invalid'],
    ['hw_vif_model', 'Foo', 'Field value foo is invalid'],
    ['hw_vif_model', 'VirtualE1000', null],
    ['os_type', 'Linux', null],
    ['os_type', 'foo', 'Field value foo is invalid'],
    ['hw_serial_port_count', 'x', "invalid literal for int() with base 10: 'x'"],
    ['img_hv_type', 'foo', "Hypervisor virt type 'foo' is not valid"],
    ['hypervisor_type', 'Foo', "Hypervisor virt type 'Foo' is not valid"],
    ['architecture', 'amd64', null],
    ['hw_architecture', 'foo', "Architecture name 'foo' is not valid"],
    ['vm_mode', 'foo', "Virtual machine mode 'foo' is not valid"],
    ['hw_video_ram', '', "invalid literal for int() with base 10: ''"],
    ['hw_scsi_model', 'lsilogicsas', null],
    ['vmware_adaptertype', 'foo', 'Field value foo is invalid'],
    ['vmware_adaptertype', 'ide', null],
    ['img_hv_requested_version', '>=6.0, <9.0', null],
    ['img_hv_requested_version', 'six', 'Version six is not a valid predicate in field img_hv_requested_version'],
    ['hw_boot_menu', 'perhaps', null],
    ['my_own', 'foo', null],
  ];
  for (const [name, value, problem] of cases) {
    it(`${name}=${value} is ${problem === null ? 'taken' : 'refused'}`, () => {
      assert.equal(problemOf({ [name]: value }), problem === null ? null : `Invalid image metadata. Error: ${problem}`);
    });
  }

  it('are read by their present names, in canonical form; the present name wins', () => {
    const properties = {
      architecture: 'AMD64',
      hypervisor_type: 'kvm',
      img_hv_type: 'QEMU',
      hw_scsi_model: 'paravirtual',
    };
    assert.deepEqual(knownProperties({ properties }), {
      ...{ hw_architecture: 'x86_64', img_hv_type: 'qemu', hw_scsi_model: 'vmpvscsi' },
    });
  });
});
