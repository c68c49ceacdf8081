// Why: libvirt's RPC puts each message behind its length and a header of six words (libvirt.org "internals/rpc"). This file
// makes such packets and cuts a stream of bytes back into them.

import { limits } from '../../../base/limits.ts';
import { XdrError } from './xdr.ts';

export const REMOTE_PROGRAM = 0x2000_8086;
export const QEMU_PROGRAM = 0x2000_8087;
export const KEEPALIVE_PROGRAM = 0x6b65_6570;
export const KEEPALIVE_PING = 1;
export const KEEPALIVE_PONG = 2;

/** All three programs are at version 1 and have always been. */
const PROGRAM_VERSION = 1;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 28;

export const messageType = { call: 0, reply: 1, message: 2, stream: 3 } as const;
export const messageStatus = { ok: 0, error: 1, continue: 2 } as const;

export interface Packet {
  readonly program: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
  readonly body: Buffer;
}

/** The bytes of one packet, length included. */
export function encodePacket(packet: Packet): Buffer {
  const length = HEADER_BYTES + packet.body.length;
  if (length > limits.libvirtMessageBytes) throw new XdrError(`message of ${length} bytes`);
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(packet.program, 4);
  bytes.writeUInt32BE(PROGRAM_VERSION, 8);
  bytes.writeInt32BE(packet.procedure, 12);
  bytes.writeInt32BE(packet.type, 16);
  bytes.writeUInt32BE(packet.serial, 20);
  bytes.writeInt32BE(packet.status, 24);
  packet.body.copy(bytes, HEADER_BYTES);
  return bytes;
}

function decodePacket(bytes: Buffer): Packet {
  const version = bytes.readUInt32BE(8);
  if (version !== PROGRAM_VERSION) throw new XdrError(`program version ${version}`);
  return {
    program: bytes.readUInt32BE(4),
    procedure: bytes.readInt32BE(12),
    type: bytes.readInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readInt32BE(24),
    body: bytes.subarray(HEADER_BYTES),
  };
}

/**
 * A function to feed received bytes to; it returns the packets that are complete. Throws XdrError on a length outside the
 * protocol's, before anything of that packet is collected.
 */
export function packetSplitter(): (chunk: Buffer) => Packet[] {
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = LENGTH_BYTES;
  return (chunk) => {
    const packets: Packet[] = [];
    chunks.push(chunk);
    held += chunk.length;
    if (held < needed) return packets;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, held);
    while (bytes.length >= LENGTH_BYTES) {
      needed = bytes.readUInt32BE(0);
      if (needed < HEADER_BYTES || needed > limits.libvirtMessageBytes)
        throw new XdrError(`message of ${needed} bytes`);
      if (bytes.length < needed) break;
      packets.push(decodePacket(bytes.subarray(0, needed)));
      bytes = bytes.subarray(needed);
      needed = LENGTH_BYTES;
    }
    chunks = bytes.length === 0 ? [] : [bytes];
    held = bytes.length;
    return packets;
  };
}
