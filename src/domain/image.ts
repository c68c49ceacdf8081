// Why: what compute needs to know of an image, and what a server keeps of it.

export interface ImageFacts {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly owner: string | null;
  readonly visibility: string;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGb: number;
  readonly minRamMb: number;
  /** Bytes as stored. */
  readonly sizeBytes: number | null;
  readonly virtualSizeBytes: number | null;
  readonly checksum: string | null;
  readonly osHashAlgo: string | null;
  readonly osHashValue: string | null;
  /** Everything else, `hw_*` and `os_*` properties, `kernel_id` and `ramdisk_id` among them. */
  readonly properties: Readonly<Record<string, string>>;
}
