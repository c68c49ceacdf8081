import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readQcow2 } from '../../../src/base/qcow2.ts';

interface Header {
  readonly version?: number;
  readonly backing?: bigint;
  readonly crypt?: number;
  readonly features?: bigint;
  readonly extensions?: readonly (readonly [number, number])[];
}

/** A qcow2 header by hand, of a disk of 1 GiB. */
export function qcow2Header({
  version = 3,
  backing = 0n,
  crypt = 0,
  features = 0n,
  extensions = [],
}: Header = {}): Buffer {
  const head = Buffer.alloc(4096);
  head.write('QFI\xfb', 'latin1');
  head.writeUInt32BE(version, 4);
  head.writeBigUInt64BE(backing, 8);
  head.writeUInt32BE(16, 20);
  head.writeBigUInt64BE(1024n ** 3n, 24);
  head.writeUInt32BE(crypt, 32);
  if (version >= 3) {
    head.writeBigUInt64BE(features, 72);
    head.writeUInt32BE(104, 100);
  }
  let at = version >= 3 ? 104 : 72;
  for (const [type, length] of extensions) {
    head.writeUInt32BE(type, at);
    head.writeUInt32BE(length, at + 4);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return head;
}

const problemsOf = (header: Header) => readQcow2(qcow2Header(header))?.problems.join('; ');

describe('qcow2 headers', () => {
  it('accepts plain ones of both versions, with harmless features and extensions', () => {
    const featureNames = 0x6803_f857;
    assert.deepEqual(readQcow2(qcow2Header()), { virtualBytes: 1024 ** 3, backing: null, problems: [] });
    assert.equal(problemsOf({ version: 2 }), '');
    assert.equal(
      problemsOf({
        features: 0b11011n,
        extensions: [
          [featureNames, 13],
          [0x1234_5678, 3],
        ],
      }),
      '',
    );
  });

  it('refuses whatever would make QEMU open another file, and what nobody knows', () => {
    assert.match(problemsOf({ backing: 0x200n }) ?? '', /backing file/);
    assert.match(problemsOf({ version: 2, backing: 0x200n }) ?? '', /backing file/);
    assert.match(problemsOf({ features: 0b100n }) ?? '', /data file/);
    assert.match(problemsOf({ features: 1n << 5n }) ?? '', /unknown features \(0x20\)/);
    assert.match(problemsOf({ features: 1n << 63n }) ?? '', /unknown features/);
    assert.match(problemsOf({ crypt: 2 }) ?? '', /encrypted/);
    assert.match(problemsOf({ version: 4 }) ?? '', /version 4/);
    assert.match(
      problemsOf({
        extensions: [
          [0x6803_f857, 5],
          [0x4441_5441, 9],
        ],
      }) ?? '',
      /another file/,
    );
    assert.match(problemsOf({ extensions: [[0xe279_2aca, 5]] }) ?? '', /another file/);
    assert.match(readQcow2(qcow2Header().subarray(0, 90))?.problems.join() ?? '', /cut off/);
  });

  it('never fails on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, magic) => {
        const head = Buffer.from(bytes);
        if (magic && head.length >= 8) qcow2Header().copy(head, 0, 0, 8);
        const found = readQcow2(head);
        if (!magic && head.toString('latin1', 0, 4) !== 'QFI\xfb') assert.equal(found, null);
      }),
    );
  });
});
