// Why: what the network service said of a server's ports is kept beside the server, so that no list asks that service. One row
// for each port; they are changed one by one, or all at once if nobody changed them meanwhile.

import { isDeepStrictEqual } from 'node:util';
import type { NicSpec } from '../domain/networks/server-nics.ts';
import { fromBool, type ParseShared, toBool } from './codec.ts';
import { readRows, type Reader, type Row, snapshotsOf } from './engine.ts';
import { networkShape, nicShape } from './shapes.ts';
import type { Tx } from './tx.ts';

export const nicColumns = 'server_id, position, port_id, preexisting, nic, network';

export function decodeNic(row: Row, parse: ParseShared): NicSpec {
  const nic = nicShape.read(row['nic']);
  return {
    ...nic,
    portId: row['port_id'] as string,
    preexisting: fromBool(row['preexisting']),
    network: parse(row['network'], networkShape.read),
  };
}

const between = (addresses: readonly string[]): string =>
  addresses.length === 0 ? '' : ` ${addresses.join(' ').toLowerCase()} `;

function encodeNic({ network, portId, preexisting, ...nic }: NicSpec, serverId: number, position: number) {
  const addresses = nic.fixedIps.map((ip) => ip.address);
  return {
    server_id: serverId,
    port_id: portId,
    position,
    preexisting: toBool(preexisting),
    nic: nicShape.write(nic),
    network: networkShape.write(network),
    addresses_v4: between(addresses.filter((address) => !address.includes(':'))),
    addresses_v6: between(addresses.filter((address) => address.includes(':'))),
  };
}

/** One server's interfaces, in their order. */
export async function nicsOfServer(reader: Reader, serverId: number): Promise<NicSpec[]> {
  const rows = await readRows(reader, `select ${nicColumns} from server_nics where server_id = ? order by position`, [
    serverId,
  ]);
  const parse = snapshotsOf(reader);
  return rows.map((row) => decodeNic(row, parse));
}

/** Gives a server that has no others these interfaces, in this order; twice is once. */
export async function insertNics(tx: Tx, serverId: number, nics: readonly NicSpec[]): Promise<void> {
  const rows = nics.map((nic, position) => encodeNic(nic, serverId, position));
  if (rows.length > 0) await tx('server_nics').insert(rows).onConflict(['server_id', 'port_id']).merge();
}

/** The server's interfaces become exactly these, in this order. */
export async function replaceNics(tx: Tx, serverId: number, nics: readonly NicSpec[]): Promise<void> {
  await tx('server_nics').where({ server_id: serverId }).delete();
  await insertNics(tx, serverId, nics);
}

/** Adds an interface behind the others; one that is there stays. The server's row is locked. */
export async function addNic(tx: Tx, serverId: number, nic: NicSpec): Promise<void> {
  const rows: { port_id: string; position: number }[] = await tx('server_nics')
    .select('port_id', 'position')
    .where({ server_id: serverId });
  if (rows.some((row) => row.port_id === nic.portId)) return;
  const last = Math.max(-1, ...rows.map(({ position }) => position));
  await tx('server_nics').insert(encodeNic(nic, serverId, last + 1));
}

export async function removeNic(tx: Tx, serverId: number, portId: string): Promise<void> {
  await tx('server_nics').where({ server_id: serverId, port_id: portId }).delete();
}

/**
 * As `replaceNics`, if the interfaces are still those of `before`; false when somebody changed them. The server's row is
 * locked.
 */
export async function replaceNicsIf(
  tx: Tx,
  serverId: number,
  before: readonly NicSpec[],
  nics: readonly NicSpec[],
): Promise<boolean> {
  if (!isDeepStrictEqual(await nicsOfServer(tx, serverId), before)) return false;
  await replaceNics(tx, serverId, nics);
  return true;
}
