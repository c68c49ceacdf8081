// Why: named lists of addresses of the built-in network service: rows like its others.

import { type Stored, stored } from './networks.ts';
import { defineNoun } from './table.ts';

export interface StoredAddressGroup extends Stored {
  /** Ranges, each in one notation. */
  readonly addresses: readonly string[];
}

export const addressGroupNoun = defineNoun<StoredAddressGroup>({
  table: 'address_groups',
  columns: { ...stored, addresses: ['addresses', 'json'] },
});
