import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { power } from '../../../src/domain/servers/servers.ts';
import { readDomains } from '../../chaos/libvirt-domains.ts';

const RUNS = '3460d519-9174-4e27-8091-69091c1142af';
const IS_OFF = '55c4a2b4-d3ae-4703-beeb-a0cd8973a0c9';

describe('what virsh domstats says', () => {
  it('is read for guests that run and that are off, and for one that is not ours', () => {
    const stats = `Domain: 'xloud-${RUNS}'
  state.state=1
  state.reason=5
  balloon.current=311296
  balloon.maximum=393216
  vcpu.current=2
  vcpu.maximum=3
  net.count=1
  net.0.name=vnet7
  net.0.rx.bytes=90

Domain: 'xloud-${IS_OFF}'
  state.state=5
  state.reason=6
  balloon.maximum=393216
  vcpu.current=1
  vcpu.maximum=2

Domain: 'somebody'
  state.state=3
  state.reason=1`;
    assert.deepEqual(readDomains(stats), [
      { uuid: RUNS, powerState: power.running, vcpus: 2, memoryMb: 304, devices: ['vnet7'] },
      { uuid: IS_OFF, powerState: power.shutdown, vcpus: 1, memoryMb: 0, devices: [] },
      { uuid: "'somebody'", powerState: power.paused, vcpus: 0, memoryMb: 0, devices: [] },
    ]);
    assert.deepEqual(readDomains(''), []);
  });
});
