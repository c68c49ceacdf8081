// Why: pools of the built-in network service that subnets are made of: rows like its others.

import { type Stored, stored } from './networks.ts';
import { defineNoun } from './table.ts';

export interface StoredSubnetPool extends Stored {
  readonly ipVersion: 4 | 6;
  /** Ranges, each in one notation, none within another. */
  readonly prefixes: readonly string[];
  readonly minPrefix: number;
  readonly defaultPrefix: number;
  readonly maxPrefix: number;
  /** How many addresses (of IPv6: how many /64) one project has of it; null: any number. */
  readonly defaultQuota: number | null;
  readonly shared: boolean;
  readonly isDefault: boolean;
}

export const subnetPoolNoun = defineNoun<StoredSubnetPool>({
  table: 'subnetpools',
  columns: {
    ...stored,
    ipVersion: ['ip_version', 'number'],
    prefixes: ['prefixes', 'json'],
    minPrefix: ['min_prefixlen', 'number'],
    defaultPrefix: ['default_prefixlen', 'number'],
    maxPrefix: ['max_prefixlen', 'number'],
    defaultQuota: ['default_quota', 'number'],
    shared: ['shared', 'bool'],
    isDefault: ['is_default', 'bool'],
  },
});
