import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diagnosticsFrom } from '../../../../src/virt/libvirt/diagnostics.ts';

const XML = `<domain><devices>
  <interface type='network'><mac address='fa:16:3e:00:00:01'/><target dev='vnet3'/></interface>
  <interface type='network'><mac address='fa:16:3e:00:00:02'/></interface>
</devices></domain>`;

const PARAMS = {
  'balloon.current': 262_144,
  'balloon.maximum': 1_048_576,
  'balloon.last-update': 1_700_000_000,
  'balloon.unused': 100,
  'vcpu.current': 2,
  'vcpu.maximum': 4,
  'vcpu.0.state': 1,
  'vcpu.0.time': 17_300,
  'vcpu.10.time': 5,
  'net.count': 1,
  'net.0.name': 'vnet3',
  'net.0.rx.bytes': 1,
  'net.0.rx.pkts': 2,
  'net.0.rx.errs': 3,
  'net.0.rx.drop': 4,
  'net.0.tx.bytes': 5,
  'net.0.tx.pkts': 6,
  'net.0.tx.errs': 7,
  'net.0.tx.drop': 8,
  'block.count': 2,
  'block.0.name': 'vda',
  'block.0.rd.reqs': 9,
  'block.0.rd.bytes': 10,
  'block.0.wr.reqs': 11,
  'block.0.wr.bytes': 12,
  'block.1.name': 'vdb',
};

describe('diagnostics from libvirt’s counters', () => {
  it('gather what belongs together', () => {
    assert.deepEqual(diagnosticsFrom('kvm', PARAMS, XML), {
      hypervisor: 'kvm',
      maximumKib: 1_048_576,
      memory: { actual: 262_144, last_update: 1_700_000_000, unused: 100 },
      cpus: [
        { id: 0, timeNs: 17_300 },
        { id: 10, timeNs: 5 },
      ],
      disks: [
        { device: 'vda', readRequests: 9, readBytes: 10, writeRequests: 11, writeBytes: 12 },
        { device: 'vdb', readRequests: 0, readBytes: 0, writeRequests: 0, writeBytes: 0 },
      ],
      nics: [
        {
          mac: 'fa:16:3e:00:00:01',
          device: {
            name: 'vnet3',
            received: { octets: 1, packets: 2, errors: 3, drops: 4 },
            sent: { octets: 5, packets: 6, errors: 7, drops: 8 },
          },
        },
        { mac: 'fa:16:3e:00:00:02', device: null },
      ],
    });
  });

  it('are empty where libvirt counts nothing', () => {
    const { memory, cpus, disks, nics } = diagnosticsFrom('qemu', {}, '<domain/>');
    assert.deepEqual([memory, cpus, disks, nics], [{}, [], [], []]);
  });
});
