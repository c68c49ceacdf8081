// Why: the networks that a host has to serve are those on which OVN has bound a guest's port to it. Our tables are not needed, so this works
// on hosts without access to the database.

import { isCanonicalUuid } from '../../../base/ids.ts';
import { metadataPortName } from '../metadata-port.ts';
import { networkOfSwitch } from '../network-rows.ts';
import type { Tables } from '../ovsdb/replica.ts';
import type { Row } from '../ovsdb/values.ts';

/** The columns read from the Southbound database and from the host's own switch. */
export const southboundTables = {
  Port_Binding: ['logical_port', 'type', 'chassis', 'datapath'],
  Datapath_Binding: ['external_ids'],
  Chassis: ['name'],
} as const;
export const switchTables = { Open_vSwitch: ['external_ids'], Interface: ['name', 'external_ids'] } as const;

/** The `external_ids` key that names the network of a metadata interface. */
export const NETWORK_WORD = 'xloud-metadata';

const idsOf = (row: Row): Readonly<Record<string, string>> => row['external_ids'] as Readonly<Record<string, string>>;
const rowsOf = (tables: Tables, table: string): ReadonlyMap<string, Row> => tables.get(table) ?? new Map();

/** The host's chassis as its switch is configured. */
export interface ChassisOfSwitch {
  readonly name: string;
  /** Addresses of the Southbound database. */
  readonly remotes: readonly string[];
  /** The physical networks that it is connected to. */
  readonly wires: readonly string[];
}

const wordsOf = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** A host's chassis; null: its switch is not configured for OVN. */
export function chassisOf(local: Tables): ChassisOfSwitch | null {
  for (const row of rowsOf(local, 'Open_vSwitch').values()) {
    const { 'system-id': name, 'ovn-remote': remote, 'ovn-bridge-mappings': mappings = '' } = idsOf(row);
    // each mapping is NETWORK:BRIDGE
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
  /** Networks that have a metadata service. */
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
