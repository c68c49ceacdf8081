// Why: whoever shows servers wants to hear which of them changed, by one small question for all who watch.

import { limits } from '../base/limits.ts';
import { keptReads, readRows, type Reader } from './engine.ts';

export interface ServerChange {
  readonly id: string;
  readonly projectId: string;
  /** Milliseconds since the epoch, by the clock of whoever wrote it. */
  readonly atMs: number;
}

const SINCE = 'select uuid, project_id, updated_at from servers where updated_at >= ? order by updated_at desc limit ?';

/**
 * What finds the servers that changed at or after a moment, deleted ones among them: the latest `limits.dashboardChanges`. Null where the
 * database tells that nobody has committed since the last look.
 */
export function serverChanges(reader: Reader): (sinceMs: number) => Promise<readonly ServerChange[] | null> {
  let last: unknown = null;
  return async (sinceMs) => {
    const kept = keptReads(reader);
    if (kept !== null && kept === last) return null;
    last = kept;
    const rows = await readRows(reader, SINCE, [sinceMs, limits.dashboardChanges]);
    return rows.map((row) => ({
      id: String(row['uuid']),
      projectId: String(row['project_id']),
      atMs: Number(row['updated_at']),
    }));
  };
}
