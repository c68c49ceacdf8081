import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../../../../src/base/limits.ts';
import { type LinkTrouble, linkFault } from '../../../../src/virt/libvirt/errors.ts';
import { memoryOf } from '../../../../src/virt/libvirt/guest.ts';
import { type LibvirtCalls, procedures } from '../../../../src/virt/libvirt/rpc/procedures.ts';

const domain = { name: 'xloud-1', uuid: '5f8c1c0e-3a52-4d0a-9d6c-0a1f2b3c4d5e', id: 1 };

const troubled = (trouble: LinkTrouble) =>
  ({
    domainMemoryStats: async () => {
      throw linkFault(trouble, 'no answer', 'domainMemoryStats', 'unknown');
    },
  }) as unknown as LibvirtCalls;

describe('the memory statistics of a guest', () => {
  it('are nothing where its QEMU hangs', async () => {
    assert.deepEqual(await memoryOf(troubled('deadline'), domain), {});
  });

  it('are waited for so that the host is heard in time all the same', () => {
    assert.ok(procedures.domainMemoryStats.deadlineMs + limits.hostReportMs * 1.2 < limits.hostDownMs);
  });

  it('are unknown where libvirt is away', async () => {
    await assert.rejects(memoryOf(troubled('connection'), domain), { kind: 'unavailable' });
  });
});
