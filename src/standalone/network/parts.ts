// Why: what every noun of the network service is made with.

import type { Clock } from '../../base/clock.ts';
import type { Database } from '../../db/engine.ts';
import type { Allows } from '../access.ts';
import type { NetworkEngine } from './engine.ts';
import type { SubnetRanges } from './subnet-ranges.ts';

/** A port of some device is other than before, or gone. */
export interface PortNews {
  readonly kind: 'changed' | 'deleted';
  readonly portId: string;
  readonly deviceId: string;
}

export interface NetworkParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly allows: Allows;
  /** Whether floating addresses are had here. */
  readonly floatingIps: boolean;
  readonly ranges: SubnetRanges;
  readonly engine: NetworkEngine;
  /** Told what became of ports that have a device, after it is so. */
  readonly tell?: (news: readonly PortNews[]) => void;
}
