import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodePacket, type Packet, packetSplitter } from '../../../../../src/virt/libvirt/rpc/packet.ts';
import { XdrError } from '../../../../../src/virt/libvirt/rpc/xdr.ts';

const fields = {
  program: fc.nat(0xffff_ffff),
  procedure: fc.integer(),
  type: fc.nat(6),
  serial: fc.nat(0xffff_ffff),
  status: fc.nat(2),
  body: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
};
const packet: fc.Arbitrary<Packet> = fc.record(fields, { noNullPrototype: true });

describe('packets', () => {
  it('has the layout of libvirt: length, program, version, procedure, type, serial, status, body', () => {
    const bytes = encodePacket({
      ...{ program: 0x2000_8086, procedure: 16, type: 0, serial: 7, status: 0, body: Buffer.from('0000002a', 'hex') },
    });
    assert.equal(
      bytes.toString('hex'),
      '00000020' + '20008086' + '00000001' + '00000010' + '00000000' + '00000007' + '00000000' + '0000002a',
    );
  });

  it('finds the packets however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (packets, cuts) => {
        const stream = Buffer.concat(packets.map(encodePacket));
        const split = packetSplitter();
        const found: Packet[] = [];
        let offset = 0;
        for (const cut of [...cuts, stream.length]) {
          found.push(...split(stream.subarray(offset, offset + cut)));
          offset += cut;
        }
        assert.deepEqual(found, packets);
      }),
    );
  });

  it('throws on a length outside the protocol, without waiting for the rest', () => {
    for (const length of ['00000000', '0000001b', '02000001', 'ffffffff']) {
      assert.throws(() => packetSplitter()(Buffer.from(length, 'hex')), XdrError);
    }
  });

  it('never does anything but split or throw XdrError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        const split = packetSplitter();
        try {
          for (const chunk of chunks) split(Buffer.from(chunk));
        } catch (error) {
          assert.ok(error instanceof XdrError, String(error));
        }
      }),
    );
  });
});
