// Why: what a console's token stands for, found by the token's hash while it holds.

import { hash } from 'node:crypto';
import type { ConsoleEndpoint } from '../domain/servers/console-endpoint.ts';
import type { Reader, Row } from './engine.ts';
import type { Tx } from './tx.ts';

const hashOf = (token: string): string => hash('sha256', token);

export interface NewConsoleToken {
  readonly token: string;
  /** Who asked for it. */
  readonly userId: string;
  readonly serverId: number;
  /** Of the server. */
  readonly serverHost: string;
  readonly type: string;
  readonly endpoint: ConsoleEndpoint;
  readonly expiresAt: number;
}

/** Keeps a token, and drops those that have expired. */
export async function insertConsoleToken(tx: Tx, token: NewConsoleToken, nowMs: number): Promise<void> {
  await tx('console_auth_tokens').where('expires_at', '<=', nowMs).delete();
  await tx('console_auth_tokens').insert({
    token_hash: hashOf(token.token),
    user_id: token.userId,
    server_id: token.serverId,
    server_host: token.serverHost,
    console_type: token.type,
    host: token.endpoint.host,
    port: token.endpoint.port,
    tls_port: token.endpoint.tlsPort,
    internal_access_path: token.endpoint.path,
    expires_at: token.expiresAt,
  });
}

export interface ConsoleToken {
  readonly userId: string;
  readonly serverUuid: string;
  readonly projectId: string;
  readonly serverHost: string;
  readonly type: string;
  readonly endpoint: ConsoleEndpoint;
}

/** Null for a token that is unknown, has expired, or whose server is gone or on another host. */
export async function findConsoleToken(reader: Reader, token: string, nowMs: number): Promise<ConsoleToken | null> {
  const row: Row | undefined = await reader('console_auth_tokens as tokens')
    .join('servers', 'servers.id', 'tokens.server_id')
    .where({ 'tokens.token_hash': hashOf(token), 'servers.deleted': 0 })
    .whereRaw('servers.host = tokens.server_host')
    .where('tokens.expires_at', '>', nowMs)
    .select('servers.uuid', 'servers.project_id', 'tokens.*')
    .first();
  if (row === undefined) return null;
  return {
    userId: row['user_id'] as string,
    serverUuid: row['uuid'] as string,
    projectId: row['project_id'] as string,
    serverHost: row['server_host'] as string,
    type: row['console_type'] as string,
    endpoint: {
      host: row['host'] as string,
      port: row['port'] as number,
      tlsPort: row['tls_port'] as number | null,
      path: row['internal_access_path'] as string | null,
    },
  };
}
