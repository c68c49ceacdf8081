// Why: processes that keep hosts in memory must learn what changed without reading them all. Whoever writes a host's row marks it
// with the moment, by the one clock that all processes share: the database's.
//
// A mark is written before its transaction commits, so a look may come between the two and not see the row. Looks therefore
// overlap: each asks for what was marked since a while before the last one. A transaction that takes even longer is found by the
// next look at all marks; until then a claim on the old row is refused by the row's generation. Nothing depends on a mark for
// being right, only for being quick.

import type { Knex } from 'knex';
import { isMysql, readRows, type Reader, type Row } from './engine.ts';
import type { Tx } from './tx.ts';

/** Microseconds since the epoch by the database's clock (SQLite's knows thousands of them). */
const NOW_US = {
  mysql: "timestampdiff(microsecond, '1970-01-01', utc_timestamp(6))",
  sqlite: 'cast(now_us() as integer)',
} as const;

const nowUs = (reader: Reader): string => NOW_US[isMysql(reader) ? 'mysql' : 'sqlite'];

/** For the column `changed_at` of whatever writes a row of `hosts`. */
export const changeMark = (tx: Tx): Knex.Raw => tx.raw(nowUs(tx));

/** Columns of a host of which no claim shall be made any more that was thought out before. */
export const movedOn = (tx: Tx): Record<string, Knex.Raw> => ({
  generation: tx.raw('generation + 1'),
  changed_at: changeMark(tx),
});

export interface HostMark {
  readonly id: number;
  readonly generation: number;
  readonly changedAt: number;
}

export interface Marks {
  readonly atUs: number;
  readonly marks: readonly HostMark[];
}

/** A query for `marksIn`, to be part of others; its binding is a moment, as `hostMarks` takes it. */
export const marksSince = (reader: Reader): string =>
  `select clock.at_us, hosts.id, hosts.generation, hosts.changed_at from (select ${nowUs(reader)} as at_us) clock ` +
  'left join hosts on hosts.changed_at >= ?';

/** The marks among rows of `marksSince`, in the order of the hosts' arrival. */
export const marksIn = (rows: readonly Row[]): Marks => ({
  atUs: Number(rows[0]?.['at_us']),
  marks: rows
    .flatMap(({ id, generation, changed_at }) =>
      id === null ? [] : [{ id: Number(id), generation: Number(generation), changedAt: Number(changed_at) }],
    )
    .sort((a, b) => a.id - b.id),
});

/** The hosts marked since a moment (0: all), and the moment of this look, both in microseconds by the database's clock. */
export const hostMarks = async (reader: Reader, sinceUs: number): Promise<Marks> =>
  marksIn(await readRows(reader, marksSince(reader), [sinceUs]));
