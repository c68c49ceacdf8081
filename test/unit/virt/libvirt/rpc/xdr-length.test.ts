import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XdrReader, XdrWriter } from '../../../../../src/virt/libvirt/rpc/xdr.ts';

describe('XDR writer', () => {
  it('loses nothing where a value comes just as its buffer is full', () => {
    for (const length of [0, 252, 256, 508, 512, 2880, 4092, 4096]) {
      const writer = new XdrWriter().fixed(Buffer.alloc(length)).u32(1).i32(-2).u64(3n).i64(-4n).f64(5);
      const reader = new XdrReader(writer.finish());
      reader.fixed(length);
      assert.deepEqual([reader.u32(), reader.i32(), reader.u64(), reader.i64(), reader.f64()], [1, -2, 3n, -4n, 5]);
      reader.end();
    }
  });
});
