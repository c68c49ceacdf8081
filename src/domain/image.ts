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

/** An image that has no data yet. */
export interface NewImage {
  readonly name: string;
  readonly visibility: 'private' | 'shared';
  /** Null: whoever brings the data says it first. */
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGb: number;
  readonly minRamMb: number;
  readonly properties: Readonly<Record<string, string>>;
  /** A project that shall see it beside its owner's; only with `shared`. */
  readonly sharedWith: string | null;
}
