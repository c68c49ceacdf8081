// Why: where the database is when nobody says, for the service and for every command.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { notFound } from '../base/errors.ts';
import type { Config } from './config.ts';

const SQLITE = 'sqlite://';

export const databaseUrl = ({ database }: Config, dataDir: string): string =>
  database.connection || `${SQLITE}${join(dataDir, 'xloud.db')}`;

/** The path of a SQLite database; null for one of a server. */
export const sqlitePath = (url: string): string | null =>
  url.startsWith(SQLITE) ? decodeURIComponent(url.slice(SQLITE.length)) : null;

/** The same, or a notFound Fault: for commands that must not make a database by mistyping its path. */
export function existing(url: string): string {
  const path = sqlitePath(url);
  if (path !== null && !existsSync(path))
    throw notFound(
      `there is no database at ${path}: name another --data-dir or --config, or make it by \`xloud db upgrade\``,
    );
  return url;
}
