// Why: an image's bytes decide what a hypervisor will do with them, whatever the image says it is. A header that names other
// files, or one format that pretends to be another, must be refused before anybody boots it.

export interface Inspection {
  /** What the bytes are: `raw` where nothing is recognised. */
  readonly format: string;
  /** Bytes that a guest would see; null where the header does not say. */
  readonly virtualSizeBytes: number | null;
  /** Why the content must not be used at all; null when it may be. */
  readonly danger: string | null;
}

const QCOW2_MAGIC = 0x514649fb;
/** dirty, corrupt, external data file, compression type, extended L2 (qcow2 specification, incompatible features). */
const QCOW2_KNOWN_FEATURES = 0b11111n;
const QCOW2_DATA_FILE = 1n << 2n;
const QCOW2_V2_HEADER_BYTES = 72;
const QCOW2_V3_HEADER_BYTES = 104;
const VDI_SIGNATURE = 0xbeda107f;
const ISO_SIGNATURE_OFFSET = 0x8001;

const startsWith = (head: Buffer, magic: string, offset = 0): boolean =>
  head.subarray(offset, offset + magic.length).equals(Buffer.from(magic, 'latin1'));

function inspectQcow2(head: Buffer): Inspection {
  const found = (danger: string | null, virtualSizeBytes: number | null = null): Inspection => ({
    format: 'qcow2',
    virtualSizeBytes,
    danger,
  });
  if (head.length < QCOW2_V2_HEADER_BYTES) return found('its qcow2 header is cut off');
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return found(`its qcow2 version ${version} is not known`);
  const size = head.readBigUInt64BE(24);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) return found('its qcow2 header gives a size that cannot be');
  const virtualSizeBytes = Number(size);
  if (head.readBigUInt64BE(8) !== 0n) return found('it has a backing file', virtualSizeBytes);
  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) return found(`its qcow2 cluster size 2^${clusterBits} is not allowed`);
  if (head.readUInt32BE(32) !== 0) return found('it is encrypted', virtualSizeBytes);
  if (version === 3) {
    if (head.length < QCOW2_V3_HEADER_BYTES) return found('its qcow2 header is cut off');
    const features = head.readBigUInt64BE(72);
    if ((features & QCOW2_DATA_FILE) !== 0n) return found('it has an external data file', virtualSizeBytes);
    const unknown = features & ~QCOW2_KNOWN_FEATURES;
    if (unknown !== 0n) return found(`it needs unknown qcow2 features (0x${unknown.toString(16)})`, virtualSizeBytes);
  }
  return found(null, virtualSizeBytes);
}

/** Magic text at an offset, and the format's name. */
const magics: readonly (readonly [string, number, string])[] = [
  ['KDMV', 0, 'vmdk'],
  ['# Disk DescriptorFile', 0, 'vmdk'],
  ['conectix', 0, 'vhd'],
  ['vhdxfile', 0, 'vhdx'],
  ['QED\0', 0, 'qed'],
  ['LUKS\xba\xbe', 0, 'luks'],
  ['WithoutFreeSpace', 0, 'parallels'],
  ['WithouFreSpacExt', 0, 'parallels'],
  ['CD001', ISO_SIGNATURE_OFFSET, 'iso'],
];

/**
 * Tells what an image's bytes are.
 * @param head the beginning, `limits.imageHeaderBytes` of it or everything when the image is smaller
 */
export function inspectImage(head: Buffer): Inspection {
  if (head.length >= 4 && head.readUInt32BE(0) === QCOW2_MAGIC) {
    // the first version of the format has the same magic and always could name a backing file
    return inspectQcow2(head);
  }
  if (head.length >= 0x44 && head.readUInt32LE(0x40) === VDI_SIGNATURE) {
    return { format: 'vdi', virtualSizeBytes: null, danger: null };
  }
  for (const [magic, offset, format] of magics) {
    if (startsWith(head, magic, offset)) return { format, virtualSizeBytes: null, danger: null };
  }
  return { format: 'raw', virtualSizeBytes: null, danger: null };
}

/** Contents that pass as each declared format, beside the format itself. A disk with an ISO 9660 file system is still a raw disk. */
const accepted: Readonly<Record<string, readonly string[]>> = {
  raw: ['raw', 'iso'],
  iso: ['iso'],
  qcow2: ['qcow2'],
  aki: ['raw'],
  ari: ['raw'],
  ami: ['raw', 'iso'],
};

/**
 * Why an image of a declared format may not have this content; null when it may.
 * @param declared one of raw, qcow2, iso, aki, ari, ami
 */
export function contentProblem(declared: string, found: Inspection): string | null {
  if (!accepted[declared]?.includes(found.format)) {
    return `Image disk_format ${declared} does not match the uploaded data, which is ${found.format}`;
  }
  if (found.danger !== null) return `Image content is refused: ${found.danger}`;
  return null;
}
