// Why: what is measured of guests and their hosts has one form, whichever driver measures it and whoever asks.

/** What a guest has used since it was started, and its memory now. */
export interface GuestCounters {
  readonly vcpus: number;
  /** The time that its vCPUs have run, and that they were ready and had to wait; null: nobody counts that. */
  readonly cpuNs: number;
  readonly stealNs: number | null;
  readonly disk: IoAmounts;
  readonly network: NetworkAmounts;
  readonly memory: GuestMemory;
}

export interface IoAmounts {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface NetworkAmounts {
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly sentPackets: number;
}

/** In MiB; null where nobody says. */
export interface GuestMemory {
  /** What its balloon leaves it. */
  readonly balloonMb: number | null;
  /** What the guest counts as its own, and what of that it could give a program: what the balloon took is neither free nor gone for it. */
  readonly totalMb: number | null;
  readonly availableMb: number | null;
}

/** What a guest takes: over so many seconds, and each second of them. */
export interface GuestUsage {
  readonly seconds: number;
  readonly vcpus: number;
  /** Processors of the host: 1.5 is one and a half. */
  readonly cpu: number;
  /** Processors that it would have run on, had there been any free; null: nobody counts that. */
  readonly steal: number | null;
  readonly disk: IoAmounts;
  readonly network: NetworkAmounts;
  readonly memory: GuestMemory;
}

/** What a host has and how busy it is, as it says itself. */
export interface HostUsage {
  /** Processes that run or want to, over the last minute. */
  readonly load: number;
  readonly cpus: number;
  readonly memoryMb: number;
  /** What guests and others could have of it, caches dropped. */
  readonly availableMb: number;
  /** Where the disks of guests stand. */
  readonly pools: readonly { readonly name: string; readonly totalGb: number; readonly freeGb: number }[];
}

/** A look at all guests of a host that run, and at the host. */
export interface HostMeasure {
  readonly host: HostUsage;
  readonly guests: readonly { readonly uuid: string; readonly counters: GuestCounters }[];
}
