// Why: which server has which port of this machine. A server that is deleted has none any more, whether or not its row still stands.

import { power } from '../domain/servers/servers.ts';
import { readRows, type Reader } from './engine.ts';
import { takeLock } from './named-locks.ts';
import { nicsOfServer } from './server-nics.ts';
import type { Tx } from './tx.ts';

const LIVE = 'from ssh_ports join servers on servers.id = ssh_ports.server_id and servers.deleted = 0';

export async function findSshPort(reader: Reader, serverId: number): Promise<number | null> {
  const [row] = await readRows(reader, 'select port from ssh_ports where server_id = ?', [serverId]);
  return row === undefined ? null : Number(row['port']);
}

/** The server of each port. */
export async function listSshPorts(reader: Reader): Promise<ReadonlyMap<number, string>> {
  const rows = await readRows(reader, `select ssh_ports.port, servers.uuid ${LIVE}`, []);
  return new Map(rows.map((row) => [Number(row['port']), row['uuid'] as string]));
}

/** Where a port leads: the first IPv4 address of its server, on its network. */
export interface SshTarget {
  readonly networkId: string;
  readonly address: string;
}

/** Of a server; null: it has no address of IPv4. */
export async function sshTargetOf(reader: Reader, serverId: number): Promise<SshTarget | null> {
  for (const { network, fixedIps } of await nicsOfServer(reader, serverId)) {
    const first = fixedIps.find(({ address }) => !address.includes(':'));
    if (first !== undefined) return { networkId: network.id, address: first.address };
  }
  return null;
}

/** Of a port; null: it is nobody's, or its server does not run or has no address. */
export async function sshTargetAt(reader: Reader, port: number): Promise<SshTarget | null> {
  const sql = `select servers.id ${LIVE} where ssh_ports.port = ? and servers.power_state = ?`;
  const [row] = await readRows(reader, sql, [port, power.running]);
  return row === undefined ? null : sshTargetOf(reader, Number(row['id']));
}

export interface SshPortRange {
  readonly first: number;
  readonly last: number;
  /** What a project has of them at most. */
  readonly perProject: number;
}

/** Gives a server the lowest port that is free, or the one that it has; else why there is none. Its row is locked. */
export async function takeSshPort(
  t: Tx,
  server: { readonly id: number; readonly projectId: string },
  { first, last, perProject }: SshPortRange,
): Promise<number | 'none' | 'over_quota'> {
  await takeLock(t, 'sshPorts');
  const had = await findSshPort(t, server.id);
  if (had !== null) return had;
  // those of servers that are deleted, and of which the row is still there
  await t('ssh_ports')
    .whereIn('server_id', t('servers').select('id').where({ deleted: 1 }))
    .delete();
  const rows = await readRows(t, `select ssh_ports.port, servers.project_id ${LIVE}`, []);
  if (rows.filter((row) => row['project_id'] === server.projectId).length >= perProject) return 'over_quota';
  const taken = new Set(rows.map((row) => Number(row['port'])));
  for (let port = first; port <= last; port += 1) {
    if (taken.has(port)) continue;
    await t('ssh_ports').insert({ server_id: server.id, port });
    return port;
  }
  return 'none';
}

/** Nothing where it has none. */
export async function dropSshPort(t: Tx, serverId: number): Promise<void> {
  await t('ssh_ports').where({ server_id: serverId }).delete();
}
