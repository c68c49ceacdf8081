import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeEvent, domainEvents } from '../../../../../src/virt/libvirt/rpc/events.ts';
import { handshake, procedures } from '../../../../../src/virt/libvirt/rpc/procedures.ts';
import { readRemoteError, readTypedParams } from '../../../../../src/virt/libvirt/rpc/types.ts';
import { XdrError, XdrReader, XdrWriter } from '../../../../../src/virt/libvirt/rpc/xdr.ts';

interface Kind {
  readonly values: fc.Arbitrary<unknown>;
  readonly write: (w: XdrWriter, value: never) => unknown;
  readonly read: (r: XdrReader) => unknown;
}

const utf8 = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
const kinds: Readonly<Record<string, Kind>> = {
  u32: { values: fc.nat(0xffff_ffff), write: (w, v) => w.u32(v), read: (r) => r.u32() },
  i32: { values: fc.integer(), write: (w, v) => w.i32(v), read: (r) => r.i32() },
  u64: { values: fc.bigInt(0n, 2n ** 64n - 1n), write: (w, v) => w.u64(v), read: (r) => r.u64() },
  i64: { values: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), write: (w, v) => w.i64(v), read: (r) => r.i64() },
  u64Number: { values: fc.maxSafeNat(), write: (w, v) => w.u64(v), read: (r) => r.u64Number() },
  i64Number: { values: fc.maxSafeInteger(), write: (w, v) => w.i64(v), read: (r) => r.i64Number() },
  f64: { values: fc.double(), write: (w, v) => w.f64(v), read: (r) => r.f64() },
  bool: { values: fc.boolean(), write: (w, v) => w.bool(v), read: (r) => r.bool() },
  string: { values: utf8, write: (w, v) => w.string(v), read: (r) => r.string() },
  optionalString: {
    values: fc.option(utf8),
    write: (w, v) => w.optionalString(v),
    read: (r) => r.optionalString(),
  },
  opaque: {
    values: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    write: (w, v) => w.opaque(v),
    read: (r) => Buffer.from(r.opaque()),
  },
  uuid: { values: fc.uuid(), write: (w, v) => w.uuid(v), read: (r) => r.uuid() },
  list: {
    values: fc.array(fc.integer()),
    write: (w, v: number[]) => w.list(v, (item) => w.i32(item)),
    read: (r) => r.list(() => r.i32()),
  },
};

const sequence = fc.array(
  fc
    .constantFrom(...Object.keys(kinds))
    .chain((kind) => fc.record({ kind: fc.constant(kind), value: (kinds[kind] as Kind).values })),
);

describe('XDR', () => {
  it('reads back what it wrote, in fours', () => {
    fc.assert(
      fc.property(sequence, (items) => {
        const writer = new XdrWriter();
        for (const { kind, value } of items) kinds[kind]?.write(writer, value as never);
        const bytes = writer.finish();
        assert.equal(bytes.length % 4, 0);
        const reader = new XdrReader(bytes);
        for (const { kind, value } of items) assert.deepEqual(kinds[kind]?.read(reader), value);
        reader.end();
      }),
    );
  });

  it('never does anything but read or throw XdrError, whatever the bytes', () => {
    const readers: ((r: XdrReader) => unknown)[] = [
      ...Object.values(procedures).map((procedure) => procedure.decode),
      ...Object.values(handshake).map((procedure) => procedure.decode),
      ...domainEvents.map((row) => (r: XdrReader) => decodeEvent(row.procedure, r)),
      ...[readRemoteError, readTypedParams],
    ];
    // Small words make long-running lists and lengths; pure noise fails at once.
    const word = fc.oneof(fc.nat(8), fc.nat(0xffff_ffff));
    const bytes = fc.array(word, { maxLength: 64 }).map((words) => {
      const buffer = Buffer.alloc(words.length * 4);
      for (const [index, value] of words.entries()) buffer.writeUInt32BE(value, index * 4);
      return buffer;
    });
    fc.assert(
      fc.property(fc.oneof(bytes, fc.uint8Array({ maxLength: 256 })), fc.constantFrom(...readers), (noise, decode) => {
        const reader = new XdrReader(Buffer.from(noise));
        try {
          decode(reader);
          reader.end();
        } catch (error) {
          assert.ok(error instanceof XdrError, String(error));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('does not believe a length that the message cannot hold', () => {
    const huge = Buffer.from('ffffffff', 'hex');
    assert.throws(() => new XdrReader(huge).string(), XdrError);
    assert.throws(() => new XdrReader(huge).opaque(), XdrError);
    assert.throws(() => new XdrReader(Buffer.from('4000000000000000', 'hex')).list((r) => r.u32()), XdrError);
    assert.throws(() => new XdrReader(Buffer.from('00000002', 'hex')).bool(), XdrError);
  });

  it('refuses to write what the other end would misread', () => {
    const w = () => new XdrWriter();
    assert.throws(() => w().string('name\0rest'), XdrError);
    assert.throws(() => w().string('x'.repeat(4 * 1024 * 1024 + 1)), XdrError);
    for (const bad of [-1, 1.5, 2 ** 32, Number.NaN]) assert.throws(() => w().u32(bad), XdrError);
    for (const bad of [2 ** 31, -(2 ** 31) - 1, 0.1]) assert.throws(() => w().i32(bad), XdrError);
    for (const bad of [-1, 2 ** 53, 2n ** 64n, -1n]) assert.throws(() => w().u64(bad), XdrError);
    for (const bad of ['', 'x', '11111111-2222-4333-8444-55556666777']) assert.throws(() => w().uuid(bad), XdrError);
  });
});
