// Why: the NUMA nodes that a guest sees, and where each lies on its host.

export interface NumaCell {
  /** The host's node on which it lies. */
  readonly hostNode: number;
  /** The guest's vCPUs in it. */
  readonly vcpus: readonly number[];
  /** Those that are threads of one core; empty: none are. */
  readonly siblings: readonly (readonly number[])[];
  readonly memoryMb: number;
  /** From vCPU to processor of the host; empty: none is pinned. */
  readonly pinning: Readonly<Record<string, number>>;
}

export interface NumaTopology {
  readonly cells: readonly NumaCell[];
  /** KiB; null: the host's choice. */
  readonly pageSizeKib: number | null;
}
