// Why: how guests run on a host is found out once, and read by whoever looks at the host afterwards.

import type { LimitKind } from '../../domain/machines/limits-request.ts';
import type { VirtType } from './machine/kind.ts';

export interface HostChoice {
  readonly virtType: VirtType;
  readonly reason: string;
  readonly arch: string;
  /** As `DomainPlace`. */
  readonly cpuModel: string | null;
  /** What guests take of this host that can be limited; absent: nothing. */
  readonly limits?: readonly LimitKind[];
}
