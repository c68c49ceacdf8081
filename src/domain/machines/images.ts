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
  readonly id: string;
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

/** An image as lists show it; times in milliseconds. */
export interface ImageRecord extends ImageFacts {
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Which images, the newest first. */
export interface ImageQuery {
  /** Glance's filters: `name`, `status`, `owner`, `min_ram`, `updated_at` such as `gte:2026-01-01T00:00:00Z`, any property. */
  readonly filters: Readonly<Record<string, string>>;
  readonly limit: number;
  /** The id of the image before the first. */
  readonly marker: string | null;
}
