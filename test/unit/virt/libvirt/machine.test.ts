import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { extraSpecFates } from '../../../../src/domain/machines/extra-specs.ts';
import { imageProperties } from '../../../../src/domain/machines/image-properties.ts';
import { machineRequestOf } from '../../../../src/domain/machines/machine-request.ts';
import type { DomainPlace } from '../../../../src/virt/libvirt/domain-place.ts';
import { domainXml } from '../../../../src/virt/libvirt/config.ts';
import { children, type Element, find, readXml } from '../../../../src/virt/libvirt/xml.ts';
import { guestSpec, imageFacts, networkFacts, nicSpec } from '../../../support/guest-spec.ts';
import { byProperty, bySpec, seen, type Words } from '../../../support/machine-words.ts';

const disk = {
  path: '/d/disk',
  format: 'qcow2',
  device: 'disk',
  readonly: false,
  bus: 'virtio',
  bootable: true,
} as const;
const place: DomainPlace = {
  ...({ virtType: 'qemu', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
  ...{ disks: [disk, { ...disk, path: '/d/eph', bus: 'scsi' }], consolePath: '/d/console.log', screen: '127.0.0.1' },
};

const xmlOf = (extraSpecs: Words, properties: Words, more: Partial<DomainPlace> = {}): string =>
  domainXml(
    guestSpec({
      extraSpecs,
      nics: [nicSpec(networkFacts([]), [])],
      disks: { image: imageFacts({ properties }), rootGb: 1, ephemeralGb: 0, swapMb: 0 },
    }),
    { ...place, ...more },
  );

/** What is seen elsewhere: the test that names it. */
const elsewhere: Readonly<Record<string, string>> = {
  'xloud:nested_virtualization': 'unit/virt/libvirt/config.test.ts',
  'xloud:start_size': 'functional/sized-flavors.test.ts',
  group_policy: 'functional/resources.test.ts',
  'hw:locked_memory': 'unit/domain/numa/numa-request.test.ts',
  hw_locked_memory: 'unit/domain/numa/numa-request.test.ts',
  'hw_video:ram_max_mb': 'unit/virt/libvirt/machine.test.ts',
  hw_video_ram: 'unit/virt/libvirt/machine.test.ts',
  hw_cdrom_bus: 'unit/virt/libvirt/disks.test.ts',
  hw_disk_bus: 'unit/virt/libvirt/disks.test.ts',
  hw_rescue_bus: 'unit/virt/libvirt/disks.test.ts',
  img_signature: 'functional/image-signatures.test.ts',
  img_signature_hash_method: 'functional/image-signatures.test.ts',
  img_signature_certificate_uuid: 'functional/image-signatures.test.ts',
  img_signature_key_type: 'functional/image-signatures.test.ts',
  hw_rescue_device: 'unit/virt/libvirt/disks.test.ts',
  hw_auto_disk_config: 'functional/asked-for.test.ts',
  hw_vm_mode: 'unit/scheduler/select.test.ts',
  img_hv_requested_version: 'functional/asked-for.test.ts',
  img_config_drive: 'functional/config-drive.test.ts',
  img_root_device_name: 'functional/asked-for.test.ts',
  os_admin_user: 'functional/admin-password.test.ts',
  os_command_line: 'unit/virt/libvirt/config.test.ts',
  os_require_quiesce: 'functional/asked-for.test.ts',
};

const TESTS = join(import.meta.dirname, '../../..');

/** Those whose fate names another page or what the scheduler reads; their effects are tested with what that page describes. */
const described = /docs\/|topology|Filter|<cputune>/;

describe("what flavors and images ask for stands in the guest's machine", () => {
  for (const [words, path, value] of bySpec) {
    it(`${JSON.stringify(words)} is ${path} = ${value}`, () => {
      assert.notEqual(seen(xmlOf({}, {}), path), value, 'it is there without being asked for');
      assert.equal(seen(xmlOf(words, {}), path), value);
    });
  }

  for (const [words, path, value] of byProperty) {
    it(`${JSON.stringify(words)} is ${path} = ${value}`, () => assert.equal(seen(xmlOf({}, words), path), value));
  }

  it('the card takes what the image asks, within what the flavor allows', () => {
    const most = { 'hw_video:ram_max_mb': '64' };
    assert.equal(seen(xmlOf(most, { hw_video_ram: '32' }), 'devices/video/model@vram'), '32768');
    assert.throws(
      () => xmlOf({ 'hw_video:ram_max_mb': '16' }, { hw_video_ram: '32' }),
      /higher than the maximum allowed/,
    );
    assert.throws(() => xmlOf({}, { hw_video_ram: '32' }), /higher than the maximum allowed/);
  });

  it('a controller and a timer are the ones that were asked for', () => {
    const scsi = children(find(readXml(xmlOf({}, { hw_scsi_model: 'lsilogic' })), 'devices') as Element, 'controller');
    assert.deepEqual(
      scsi.map((one) => one.getAttribute('model')),
      ['none', 'lsilogic'],
    );
    const timers = children(
      find(readXml(xmlOf({}, { hw_time_hpet: 'yes' }, { virtType: 'kvm' })), 'clock') as Element,
      'timer',
    );
    const shown = timers.map((one) => [one.getAttribute('name'), one.getAttribute('present')]);
    assert.deepEqual(shown, [
      ['pit', null],
      ['rtc', null],
      ['hpet', 'yes'],
    ]);
    assert.equal(seen(xmlOf({}, {}, { virtType: 'kvm' }), '@type'), 'kvm');
    assert.equal(seen(xmlOf({}, { img_hv_type: 'qemu' }, { virtType: 'kvm' }), '@type'), 'qemu');
    assert.equal(seen(xmlOf({}, { hw_emulation_architecture: 'aarch64' }, { virtType: 'kvm' }), '@type'), 'qemu');
  });

  it('every one that is done is seen in a test', () => {
    const shown = new Set([...bySpec, ...byProperty].flatMap(([words]) => Object.keys(words)));
    const done = [
      ...extraSpecFates.map(({ name, fate }) => [name, fate] as const),
      ...Object.entries(imageProperties).map(([name, { fate }]) => [name, fate] as const),
    ].filter(([, { kind, how }]) => kind === 'done' && !described.test(how));
    const unseen = done.map(([name]) => name).filter((name) => !shown.has(name) && elsewhere[name] === undefined);
    assert.deepEqual(unseen, []);
    for (const [name, file] of Object.entries(elsewhere)) {
      assert.ok(readFileSync(join(TESTS, file), 'utf8').includes(name), `${file} says nothing of ${name}`);
    }
    assert.ok(done.length > 60);
  });

  it('a disk on USB has what it is plugged into, whoever asked for that', () => {
    const modelWith = (bus: 'virtio' | 'usb') =>
      seen(xmlOf({}, {}, { disks: [disk, { ...disk, path: '/d/disk.rescue', bus }] }), 'devices/controller[usb]@model');
    assert.deepEqual([modelWith('virtio'), modelWith('usb')], ['none', 'qemu-xhci']);
  });

  it('what contradicts itself is refused', () => {
    const refusals: readonly [Words, Words, RegExp][] = [
      [{ 'hw:tpm_version': '1.2', 'hw:tpm_model': 'tpm-crb' }, {}, /only valid with TPM version 2.0/],
      [
        { 'hw:tpm_version': '2.0' },
        { hw_tpm_version: '1.2' },
        /hw:tpm_version extra spec explicitly set to 2.0, conflicting/,
      ],
      [{ 'hw:serial_port_count': '1' }, { hw_serial_port_count: '2' }, /Forbidden to exceed flavor value/],
      [{ 'hw:serial_port_count': 'x' }, {}, /expected an integer, got 'x'/],
      [{ 'hw:serial_port_count': '5' }, {}, /Maximum number of serial port exceeds 4/],
      [{ 'hw:redirected_usb_ports': '1' }, {}, /SPICE/],
      [{ 'hw:pmu': 'yes' }, { hw_pmu: 'no' }, /set to True, conflicting with image .* set to False/],
      [{ 'hw:watchdog_action': 'explode' }, {}, /Invalid watchdog action/],
      [{ 'quota:disk_read_bytes_sec_max': '1' }, {}, /says nothing without quota:disk_read_bytes_sec/],
      [{ 'quota:disk_total_iops_sec': '1', 'quota:disk_read_iops_sec': '1' }, {}, /cannot be set with/],
      [{ 'quota:vif_inbound_peak': '1' }, {}, /average must be set/],
      [{ 'quota:cpu_shares': '1' }, {}, /between 2 and 262144/],
      [{ 'quota:cpu_quota': 'much' }, {}, /must be a whole number/],
    ];
    for (const [extraSpecs, properties, expected] of refusals) {
      const flavor = { name: 'f', vcpus: 2, extraSpecs };
      assert.throws(() => machineRequestOf(flavor, imageFacts({ properties })), expected, JSON.stringify(extraSpecs));
    }
  });
});
