// Why: a process apart from the others needs what all of them have in common; without it, it says so before it does anything.

import { bad } from './config-values.ts';
import { databaseUrl, sqlitePath } from './database-url.ts';
import type { StartOptions } from './parts.ts';

/** Throws a Fault where there is no bus between processes. */
export function mustHaveBus({ config }: Pick<StartOptions, 'config'>): void {
  if (config.bus.url === '')
    throw bad(
      'bus.url',
      'processes apart speak over RabbitMQ: say where it is, or start everything with `xloud serve`',
    );
}

/** Throws a Fault where several processes cannot have one database and one bus. */
export function mustShare({ config, dataDir }: Pick<StartOptions, 'config' | 'dataDir'>): void {
  mustHaveBus({ config });
  if (sqlitePath(databaseUrl(config, dataDir)) !== null)
    throw bad(
      'database.connection',
      'processes apart share a server of MySQL or MariaDB (mysql://…); SQLite is for `xloud serve`, which is one process',
    );
}
