import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { contentProblem, inspectImage } from '../../../../src/standalone/image/inspect.ts';
import { qcow2Header } from '../../../support/image-bytes.ts';

const textAt = (text: string, offset: number): Buffer => {
  const head = Buffer.alloc(offset + 512);
  head.write(text, offset, 'latin1');
  return head;
};

describe('inspectImage', () => {
  it('reads the size of a plain qcow2 of version 2 and 3', () => {
    for (const version of [2, 3]) {
      const found = inspectImage(qcow2Header({ version }));
      assert.deepEqual(found, { format: 'qcow2', virtualSizeBytes: 1 << 30, danger: null });
      assert.equal(contentProblem('qcow2', found), null);
    }
  });

  it('names what makes a qcow2 dangerous', () => {
    const dangers: [Parameters<typeof qcow2Header>[0], RegExp][] = [
      [{ backingOffset: 1024n }, /backing file/],
      [{ version: 2, backingOffset: 1024n }, /backing file/],
      [{ features: 1n << 2n }, /external data file/],
      [{ features: 1n << 5n }, /unknown qcow2 features \(0x20\)/],
      [{ features: 1n << 63n }, /unknown qcow2 features/],
      [{ version: 1 }, /version 1/],
      [{ version: 4 }, /version 4/],
      [{ crypt: 2 }, /encrypted/],
      [{ clusterBits: 40 }, /cluster size/],
      [{ sizeBytes: 1n << 63n }, /size/],
    ];
    for (const [header, danger] of dangers) {
      const found = inspectImage(qcow2Header(header));
      assert.equal(found.format, 'qcow2');
      assert.match(found.danger ?? '', danger);
      assert.match(contentProblem('qcow2', found) ?? '', danger);
      assert.match(contentProblem('raw', found) ?? '', /does not match/);
    }
  });

  it('allows the feature bits that are known and harmless', () => {
    for (const bit of [0n, 1n, 3n, 4n]) assert.equal(inspectImage(qcow2Header({ features: 1n << bit })).danger, null);
  });

  it('knows other containers, and lets none of them pass as raw', () => {
    const vdi = Buffer.alloc(512);
    vdi.writeUInt32LE(0xbeda107f, 0x40);
    const heads: [string, Buffer][] = [
      ['vmdk', textAt('KDMV', 0)],
      ['vmdk', textAt('# Disk DescriptorFile\nversion=1', 0)],
      ['vhd', textAt('conectix', 0)],
      ['vhdx', textAt('vhdxfile', 0)],
      ['luks', textAt('LUKS\xba\xbe', 0)],
      ['qed', textAt('QED\0', 0)],
      ['parallels', textAt('WithoutFreeSpace', 0)],
      ['vdi', vdi],
    ];
    for (const [format, head] of heads) {
      const found = inspectImage(head);
      assert.equal(found.format, format);
      for (const declared of ['raw', 'qcow2', 'iso', 'aki', 'ari', 'ami']) {
        assert.match(contentProblem(declared, found) ?? '', /does not match/);
      }
    }
  });

  it('takes a disk with a partition table as raw, and an ISO as iso or raw', () => {
    const gpt = textAt('EFI PART', 512);
    gpt.writeUInt16LE(0xaa55, 510);
    assert.equal(contentProblem('raw', inspectImage(gpt)), null);
    const iso = inspectImage(textAt('CD001', 0x8001));
    assert.equal(iso.format, 'iso');
    assert.equal(contentProblem('iso', iso), null);
    assert.equal(contentProblem('raw', iso), null);
    assert.match(contentProblem('iso', inspectImage(gpt)) ?? '', /does not match/);
  });

  it('has an answer for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, magic) => {
        const head = Buffer.from(bytes);
        if (magic && head.length >= 4) head.writeUInt32BE(0x514649fb);
        assert.equal(typeof inspectImage(head).format, 'string');
      }),
    );
  });
});
