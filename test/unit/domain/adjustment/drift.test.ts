import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { powerText, sizeDrift, sizeText } from '../../../../src/domain/adjustment/drift.ts';
import type { GuestView } from '../../../../src/domain/servers/guests.ts';
import { power } from '../../../../src/domain/servers/servers.ts';
import { aServer } from '../../../support/samples.ts';

const row = aServer({
  currentVcpus: 2,
  currentMemoryMb: 512,
  targetVcpus: 2,
  targetMemoryMb: 512,
  adjustStatus: 'idle',
});

const view = (vcpus: number, onlineVcpus: number | null, memoryMb = 512): GuestView => ({
  ...{ uuid: row.uuid, powerState: power.running, availableMb: null, onlineVcpus },
  ...{ size: { vcpus, memoryMb }, maximum: { vcpus: 8, memoryMb: 4096 } },
});
const seen = (vcpus: number, memoryMb = 512) => ({ vcpus, memoryMb });

describe('what became of a size without a request', () => {
  it('is told with before and after', () => {
    const drift = sizeDrift(row, view(3, 3, 1024), seen(3, 1024), true);
    assert.deepEqual(drift, { before: seen(2), after: seen(3, 1024) });
    assert.equal(
      sizeText(drift as NonNullable<typeof drift>),
      'The size changed on the host without a request: 2 vCPUs before, 3 now; 512 MiB before, 1024 MiB now.',
    );
  });

  it('counts vCPUs that are plugged as soon as more are claimed, though the guest does not use them yet', () => {
    assert.deepEqual(sizeDrift(row, view(4, 2), seen(2), true)?.after, seen(4));
    assert.equal(sizeDrift(row, view(4, 2), seen(2), false), null);
  });

  it('is none where only the guest turned vCPUs off', () => {
    assert.equal(sizeDrift(row, view(2, 1), seen(1), false), null);
    assert.deepEqual(sizeDrift(row, view(1, 1), seen(1), false)?.after, seen(1));
  });

  it('is none where memory goes on after an adjustment that was not reached, whichever way', () => {
    const numbers = fc.integer({ min: 1, max: 4096 });
    const states = fc.constantFrom('partial' as const, 'error' as const);
    fc.assert(
      fc.property(numbers, states, (memoryMb, adjustStatus) => {
        const left = { ...row, adjustStatus, targetMemoryMb: 1024 };
        assert.equal(sizeDrift(left, view(2, 2, memoryMb), seen(2, memoryMb), false), null);
      }),
    );
  });

  it('is none where vCPUs come nearer to what was not reached, and news where they lead away', () => {
    const partial = { ...row, adjustStatus: 'partial' as const, targetVcpus: 3 };
    assert.equal(sizeDrift(partial, view(3, 3), seen(3), true), null);
    assert.deepEqual(sizeDrift(partial, view(1, 1), seen(1), false)?.after, seen(1));
  });

  it('names states, and the reason where there is one', () => {
    assert.equal(
      powerText(power.running, power.paused, null),
      'The guest changed on the host without a request: running before, paused now.',
    );
    assert.match(
      powerText(power.running, power.shutdown, 'it was switched off'),
      /shutdown now \(it was switched off\)\.$/,
    );
  });
});
