// Why: what `xloud db purge` says, to people and to scripts.

import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { table } from '../base/table.ts';
import type { Database } from '../db/engine.ts';
import { countKept, countPurgeable, countPurgeableServers, type RowCounts } from '../db/purge.ts';
import { emptyLogWithin, purge } from '../ops/administration/purge.ts';

export interface PurgeCommand {
  readonly database: Database;
  /** Milliseconds since the epoch. */
  readonly beforeMs: number;
  readonly dryRun: boolean;
  readonly print: (text: string) => void;
  /** Where progress and warnings go. */
  readonly errors: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;
  readonly signal: AbortSignal;
}

function rowsTable(rows: RowCounts, what: string): string {
  const some = Object.entries(rows)
    .filter(([, count]) => count > 0)
    .toSorted(([one], [other]) => one.localeCompare(other));
  const total = some.reduce((sum, [, count]) => sum + count, 0);
  return total === 0 ? 'nothing to do' : table([['table', what], ...some, ['total', total]]);
}

/** Redraws one line of a terminal. */
const CLEAR_LINE = '\r\u001B[K';

/** Runs it. @returns the exit status: 0 all that may go is gone (or shown), 1 something is left */
export async function runPurge({ database, beforeMs, dryRun, print, errors, signal }: PurgeCommand): Promise<number> {
  const before = new Date(beforeMs).toISOString();
  const tellKept = async (): Promise<void> => {
    for (const [reason, count] of Object.entries(await countKept(database.read, beforeMs)))
      errors.write(`kept: ${count} deleted before ${before}, each of which ${reason}\n`);
  };
  if (dryRun) {
    print(rowsTable(await countPurgeable(database.read, beforeMs), 'rows to remove'));
    await tellKept();
    return 0;
  }
  const total = errors.isTTY ? await countPurgeableServers(database.read, beforeMs) : 0;
  const progress = (rows: RowCounts): void => {
    if (errors.isTTY) errors.write(`${CLEAR_LINE}removed ${rows['servers'] ?? 0} of ${total} servers`);
  };
  const deps = { database, clock: systemClock };
  const { rows, finished } = await purge(deps, { beforeMs, signal, progress });
  if (errors.isTTY) errors.write(CLEAR_LINE);
  print(rowsTable(rows, 'rows removed'));
  await tellKept();
  if (!finished) errors.write('ended early: the same command goes on where this one stopped\n');
  const emptied = await emptyLogWithin(deps, limits.emptyLogMs);
  if (!emptied) errors.write("SQLite's log (-wal) could not be emptied: it may hold what was removed until it is\n");
  return finished && emptied ? 0 : 1;
}
