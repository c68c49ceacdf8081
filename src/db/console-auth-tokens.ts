// Why: what a console's token stands for, found by the token's hash while it holds.

import { hash } from 'node:crypto';
import type { ConsoleEndpoint } from '../domain/servers/console-endpoint.ts';
import type { Reader, Row } from './engine.ts';
import { defineNoun, insertRow } from './table.ts';
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

const tokenNoun = defineNoun<Omit<NewConsoleToken, 'token'> & { readonly tokenHash: string }>({
  table: 'console_auth_tokens',
  columns: {
    tokenHash: ['token_hash', 'text'],
    userId: ['user_id', 'text'],
    serverId: ['server_id', 'number'],
    serverHost: ['server_host', 'text'],
    type: ['console_type', 'text'],
    endpoint: {
      host: ['host', 'text'],
      port: ['port', 'number'],
      tlsPort: ['tls_port', 'number'],
      path: ['internal_access_path', 'text'],
    },
    expiresAt: ['expires_at', 'time'],
  },
});

/** Keeps a token, and drops those that have expired. */
export async function insertConsoleToken(tx: Tx, { token, ...kept }: NewConsoleToken, nowMs: number): Promise<void> {
  await tx('console_auth_tokens').where('expires_at', '<=', nowMs).delete();
  await insertRow(tx, tokenNoun, { ...kept, tokenHash: hashOf(token) });
}

export interface ConsoleToken extends Pick<NewConsoleToken, 'userId' | 'serverHost' | 'type' | 'endpoint'> {
  readonly serverUuid: string;
  readonly projectId: string;
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
  const { userId, serverHost, type, endpoint } = tokenNoun.fromRow(row);
  const [serverUuid, projectId] = [row['uuid'] as string, row['project_id'] as string];
  return { userId, serverUuid, projectId, serverHost, type, endpoint };
}
