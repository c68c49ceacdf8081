import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writesArrive } from '../../../../../src/virt/libvirt/move/emulated.ts';

const guest = (type: string, machine: string) =>
  `<domain type='${type}'><os><type arch='x86_64' machine='${machine}'>hvm</type></os></domain>`;

describe('what a guest writes while its memory is copied', () => {
  it('arrives under KVM, whatever the QEMU', () => {
    for (const machine of ['pc-i440fx-7.2', 'pc-q35-10.0']) assert.ok(writesArrive(guest('kvm', machine)), machine);
  });

  it('arrives of an emulated one from QEMU 9.0 on', () => {
    for (const machine of ['pc-i440fx-9.0', 'pc-q35-10.2', 'virt-9.1']) {
      assert.ok(writesArrive(guest('qemu', machine)), machine);
    }
    for (const machine of ['pc-i440fx-7.2', 'pc-q35-8.2', 'virt-6.0']) {
      assert.ok(!writesArrive(guest('qemu', machine)), machine);
    }
  });

  it('is not trusted to where the machine does not tell its QEMU', () => {
    for (const machine of ['pc', 'pc-q35-rhel9.4.0', 'pc-i440fx-jammy', '']) {
      assert.ok(!writesArrive(guest('qemu', machine)), machine);
    }
    assert.ok(!writesArrive("<domain type='qemu'><os/></domain>"));
  });
});
