// Why: which networks a host has to answer for follows from what OVN says of it: those on which a guest is plugged there. No table of
// ours is asked, so that a host without the database knows it too.

import { isCanonicalUuid } from '../../../base/ids.ts';
import { metadataPortName } from '../metadata-port.ts';
import { networkOfSwitch } from '../network-rows.ts';
import type { Tables } from '../ovsdb/replica.ts';
import type { Row } from '../ovsdb/values.ts';

/** What is read of the Southbound database, and of that of the host's own switch. */
export const southboundTables = {
  Port_Binding: ['logical_port', 'type', 'chassis', 'datapath'],
  Datapath_Binding: ['external_ids'],
  Chassis: ['name'],
} as const;
export const switchTables = { Open_vSwitch: ['external_ids'], Interface: ['name', 'external_ids'] } as const;

/** The word by which an interface of ours says whose metadata it leads to. */
export const NETWORK_WORD = 'xloud-metadata';

const idsOf = (row: Row): Readonly<Record<string, string>> => row['external_ids'] as Readonly<Record<string, string>>;
const rowsOf = (tables: Tables, table: string): ReadonlyMap<string, Row> => tables.get(table) ?? new Map();

/** What a host's switch says that it is in OVN. */
export interface ChassisOfSwitch {
  readonly name: string;
  /** Where the Southbound database is. */
  readonly remotes: readonly string[];
  /** The physical networks that it leads to. */
  readonly wires: readonly string[];
}

const wordsOf = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** Who a host is in OVN; null: its switch does not say. */
export function chassisOf(local: Tables): ChassisOfSwitch | null {
  for (const row of rowsOf(local, 'Open_vSwitch').values()) {
    const { 'system-id': name, 'ovn-remote': remote, 'ovn-bridge-mappings': mappings = '' } = idsOf(row);
    // each is the wire's name and that of the bridge in which it is
    const wires = wordsOf(mappings).map((mapping) => mapping.split(':')[0] ?? '');
    if (name && remote) return { name, remotes: wordsOf(remote), wires: [...new Set(wires)].sort() };
  }
  return null;
}

/** The networks for which the switch has an interface of ours. */
export function pluggedNetworks(local: Tables): ReadonlySet<string> {
  const words = [...rowsOf(local, 'Interface').values()].map((row) => idsOf(row)[NETWORK_WORD] ?? '');
  return new Set(words.filter(isCanonicalUuid));
}

export interface NetworksOfHost {
  /** With a metadata service at all. */
  readonly known: ReadonlySet<string>;
  /** Those of them on which this host has a guest. */
  readonly wanted: ReadonlySet<string>;
}

/** @param chassis the host's name in OVN */
export function networksOf(southbound: Tables, chassis: string): NetworksOfHost {
  const here = [...rowsOf(southbound, 'Chassis')].find(([, row]) => row['name'] === chassis)?.[0];
  const networks = new Map<string, string>();
  for (const [datapath, row] of rowsOf(southbound, 'Datapath_Binding')) {
    const id = networkOfSwitch(idsOf(row)['name'] ?? '');
    if (id !== null) networks.set(datapath, id);
  }
  const known = new Set<string>();
  const plugged = new Set<string>();
  for (const row of rowsOf(southbound, 'Port_Binding').values()) {
    const id = networks.get(row['datapath'] as string);
    if (id === undefined) continue;
    if (row['type'] === 'localport' && row['logical_port'] === metadataPortName(id)) known.add(id);
    if (row['type'] === '' && here !== undefined && (row['chassis'] as readonly string[]).includes(here))
      plugged.add(id);
  }
  return { known, wanted: new Set([...plugged].filter((id) => known.has(id))) };
}
