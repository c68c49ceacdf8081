import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { power } from '../../../src/domain/servers/servers.ts';
import type { HeldGuest } from '../../support/held.ts';
import { brokenServer } from '../../support/row-and-guest.ts';
import { aFlavor, aServer } from '../../support/samples.ts';

const size = { vcpus: 2, memoryMb: 512 };
const extraSpecs = { minimum_cpu: '1', minimum_memory: '256' };

/** The laws that a server breaks whose row says `vcpus` and `memoryMb`, and whose guest has 2 vCPUs and 512 MiB. */
function broken(powerState: HeldGuest['powerState'], row: typeof size, lies: readonly number[]): string[] {
  const server = aServer({
    ...{ vmState: powerState === power.paused ? 'paused' : 'active', flavor: aFlavor({ ...size, extraSpecs }) },
    ...{ currentVcpus: row.vcpus, currentMemoryMb: row.memoryMb, bootVcpus: 1, bootMemoryMb: 256 },
  });
  const guest = { uuid: server.uuid, powerState, size, pluggedVcpus: 2 };
  return brokenServer(server, size, guest, lies).map((law) => law.split(':')[0] ?? law);
}

const differs = ['row and guest have different sizes'];

describe('the law of row and guest', () => {
  it('leaves the last lie of a guest that is frozen, and nothing else', () => {
    assert.deepEqual(broken(power.paused, size, []), []);
    assert.deepEqual(broken(power.paused, { ...size, vcpus: 1 }, [0]), [], 'its last word');
    assert.deepEqual(broken(power.paused, { ...size, vcpus: 1 }, []), differs, 'it never lied');
    assert.deepEqual(broken(power.paused, { ...size, vcpus: 1 }, [9, 2]), differs, 'it said something else');
    assert.deepEqual(broken(power.paused, { ...size, vcpus: 0 }, [0]), differs, 'that cannot be');
    assert.deepEqual(
      broken(power.paused, { vcpus: 1, memoryMb: 256 }, [0]),
      differs,
      'nor is its memory known from inside',
    );
    assert.deepEqual(broken(power.running, { ...size, vcpus: 1 }, [0]), differs, 'it can be asked');
  });
});
