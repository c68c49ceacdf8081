// Why: what a running guest has used so far, in one form for every driver; the API shows it in Nova's two shapes.

import type { GuestUsage } from './measures.ts';

/** What went through an interface in one direction since the guest was started. */
export interface Traffic {
  readonly octets: number;
  readonly packets: number;
  readonly errors: number;
  readonly drops: number;
  /** Absent: it was looked at once. */
  readonly octetsPerSecond?: number;
}

export interface VcpuUse {
  readonly id: number;
  /** The time that it has run, and that it was ready to and had to wait; absent: nobody counts that. */
  readonly timeNs: number;
  readonly stealNs?: number;
  /** In per cent of a processor; absent: it was looked at once. */
  readonly utilisation?: number;
}

export interface DiskUse {
  /** As the guest's definition calls it: `vda`. */
  readonly device: string;
  readonly readBytes: number;
  readonly readRequests: number;
  readonly writeBytes: number;
  readonly writeRequests: number;
}

export interface NicUse {
  readonly mac: string;
  /** The device on the host, and its counters; null: it has none that could be read. */
  readonly device: { readonly name: string; readonly received: Traffic; readonly sent: Traffic } | null;
}

export interface Diagnostics {
  /** `kvm`, `qemu` or `fake`. */
  readonly hypervisor: string;
  readonly maximumKib: number;
  /** What the guest's balloon driver and the hypervisor say of its memory, mostly in KiB, by libvirt's names; may be empty. */
  readonly memory: Readonly<Record<string, number>>;
  readonly cpus: readonly VcpuUse[];
  readonly disks: readonly DiskUse[];
  readonly nics: readonly NicUse[];
  /** What it took between two looks; absent: it was looked at once. */
  readonly usage?: GuestUsage;
}
