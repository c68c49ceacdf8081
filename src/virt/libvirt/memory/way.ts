// Why: what a driver must know of the way in which memory reaches a guest, so that the rest of it need not know which way it is.

import type { GuestSpec } from '../../../domain/servers/guests.ts';
import type { MemoryMethod } from '../../../domain/adjustment/memory-method.ts';
import type { DomainInfo, LibvirtCalls, MemoryStats } from '../rpc/procedures.ts';
import type { DomainRef } from '../rpc/types.ts';
import type { XMLBuilder } from '../xml.ts';

/** One way of giving memory to a guest and taking it back. */
export interface MemoryWay {
  readonly method: MemoryMethod;
  /** What a definition says of it, in three of its places. */
  writeSize(domain: XMLBuilder, spec: GuestSpec): void;
  writeCells(cpu: XMLBuilder, spec: GuestSpec): void;
  writeDevice(devices: XMLBuilder, spec: GuestSpec): void;
  /** What a running guest has, in KiB. */
  hasKib(info: Pick<DomainInfo, 'memoryKib'>, stats: Pick<MemoryStats, 'actualKib'>): number;
  /** What a running guest must be left, in KiB, since it could not take back what it needs; 0: it can. */
  leastKib(info: Pick<DomainInfo, 'memoryKib'>, stats: Pick<MemoryStats, 'usableKib'>): number;
  /** What a guest that is off begins with, in KiB. */
  bootsKib(info: Pick<DomainInfo, 'memoryKib'>, xml: string): number;
  /** Asks the guest (VIR_DOMAIN_AFFECT_LIVE) for a size, or writes down with which it starts (VIR_DOMAIN_AFFECT_CONFIG). */
  set(calls: LibvirtCalls, domain: DomainRef, memoryMb: number, impact: number): Promise<void>;
}
