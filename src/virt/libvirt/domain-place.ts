// Why: what the parts of a domain need to know of the host and the files that it is written for.

import type { DiskPlan } from './machine/disk.ts';
import type { VirtType } from './machine/kind.ts';

/** Where the domain runs and where its files are. */
export interface DomainPlace {
  /** What libvirt calls it; absent: ours for its server. */
  readonly name?: string;
  /** Whether its ports in Open vSwitch are devices by Neutron's names; absent: by libvirt's. */
  readonly namedTaps?: boolean;
  readonly virtType: VirtType;
  readonly arch: string;
  /** A CPU model by libvirt's name; null: the host's own under KVM, under TCG one that current distributions accept. */
  readonly cpuModel: string | null;
  readonly disks: readonly DiskPlan[];
  readonly kernel: string | null;
  readonly ramdisk: string | null;
  /** What it says on its serial line is appended here. */
  readonly consolePath: string;
  /** The socket on which others speak on that line; absent or null: nobody does. */
  readonly serialPath?: string | null;
  /** Where its screen listens; absent or null: it has none. */
  readonly screen?: string | null;
  /** The CPUs that vCPUs share, where the operator named them; absent or empty: any. */
  readonly sharedCpus?: readonly number[];
}
