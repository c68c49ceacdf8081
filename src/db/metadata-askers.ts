// Why: who asks for metadata is known by the network that the question came from and by the address that its sender has there. What the
// port of that address says of its device any user may have written; so it counts only where the server itself has that port.

import { macOfLinkLocal } from '../domain/networks/link-local.ts';
import { readRows, type Reader } from './engine.ts';
import { liveMigrationsOf } from './migrations.ts';

const OF_ITS_SERVER =
  'join servers on servers.uuid = ports.device_id and servers.deleted = 0 ' +
  'join server_nics on server_nics.server_id = servers.id and server_nics.port_id = ports.id';
const BY_ADDRESS =
  'select servers.uuid from subnets ' +
  'join ip_allocations on ip_allocations.subnet_id = subnets.id and ip_allocations.ip_address = ? ' +
  `join ports on ports.id = ip_allocations.port_id ${OF_ITS_SERVER} where subnets.network_id = ?`;
const BY_MAC = `select servers.uuid from ports ${OF_ITS_SERVER} where ports.mac_address = ? and ports.network_id = ?`;

/**
 * The uuid of the server that has an address on a network; null: none has.
 * @param address in its canonical form
 */
export async function findMetadataAsker(reader: Reader, networkId: string, address: string): Promise<string | null> {
  const mac = macOfLinkLocal(address);
  const [row] = await readRows(reader, mac === null ? BY_ADDRESS : BY_MAC, [mac ?? address, networkId]);
  return row === undefined ? null : (row['uuid'] as string);
}

/** Whether a server is on a host, or on its way there as it runs. */
export async function isOnHost(reader: Reader, uuid: string, host: string): Promise<boolean> {
  const [row] = await readRows(reader, 'select id from servers where uuid = ? and host = ?', [uuid, host]);
  if (row !== undefined) return true;
  return (await liveMigrationsOf(reader, uuid)).some(({ destCompute }) => destCompute === host);
}
