// Why: tests of the image service need headers that no tool would write.

export interface Qcow2 {
  readonly version?: number;
  readonly backingOffset?: bigint;
  readonly features?: bigint;
  readonly crypt?: number;
  readonly clusterBits?: number;
  readonly sizeBytes?: bigint;
}

/** The first 512 bytes of a qcow2 image of 1 GiB, or of one that is wrong in the ways given. */
export function qcow2Header(options: Qcow2 = {}): Buffer {
  const {
    version = 3,
    backingOffset = 0n,
    features = 0n,
    crypt = 0,
    clusterBits = 16,
    sizeBytes = 1n << 30n,
  } = options;
  const head = Buffer.alloc(512);
  head.writeUInt32BE(0x514649fb, 0);
  head.writeUInt32BE(version, 4);
  head.writeBigUInt64BE(backingOffset, 8);
  head.writeUInt32BE(clusterBits, 20);
  head.writeBigUInt64BE(sizeBytes, 24);
  head.writeUInt32BE(crypt, 32);
  if (version >= 3) {
    head.writeBigUInt64BE(features, 72);
    head.writeUInt32BE(104, 100);
  }
  return head;
}
