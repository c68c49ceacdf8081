// Why: the scheduler's snapshot: every host with what aggregates say of it and how busy it is. One for each database handle; a
// look brings it up to date with what changed and costs no more when there are more hosts. It may be behind: whoever claims does
// so by a host's generation.

import { limits } from '../base/limits.ts';
import type { Candidate, Labels } from '../domain/placement/hosts.ts';
import type { TaskState } from '../domain/servers/servers.ts';
import { amongNumbers, readRows, type Reader, type Row } from './engine.ts';
import { type Marks, marksIn, marksSince } from './host-changes.ts';
import { hostsByNumber, lockHost } from './hosts.ts';
import type { Tx } from './tx.ts';

/** The tasks that Nova counts as load on a host's disks: building and copying. */
const ioTasks: readonly TaskState[] = [
  'block_device_mapping',
  'networking',
  'spawning',
  'resize_prep',
  'resize_migrating',
  'rebuilding',
  'image_snapshot',
  'image_backup',
  'rescuing',
  'unshelving',
];

// `deleted` by a term: SQLite would begin with all that are not
const IO_OPS =
  `select host, count(*) as servers from servers where task_state in (${ioTasks.map(() => '?').join(',')}) ` +
  'and deleted + 0 = 0 and host is not null';

/** On how many servers of each host something is done that loads its disks; an idle host is absent. */
export async function ioOpsByHost(reader: Reader, host?: string): Promise<ReadonlyMap<string, number>> {
  const one = host === undefined ? '' : ' and host = ?';
  const rows = await readRows(reader, `${IO_OPS}${one} group by host`, [
    ...ioTasks,
    ...(host === undefined ? [] : [host]),
  ]);
  return busyIn(rows);
}

const busyIn = (rows: readonly Row[]): ReadonlyMap<string, number> =>
  new Map(rows.map((row) => [row['host'] as string, Number(row['servers'])]));

interface Look extends Marks {
  /** On how many servers of each host something is done that loads its disks. */
  readonly ioOps: ReadonlyMap<string, number>;
  /** When the hosts that reported since a moment did so last, by name; milliseconds since the epoch. */
  readonly beats: ReadonlyMap<string, number>;
}

/**
 * What changed since a moment (as `hostMarks`), how busy hosts are and who reported, in one statement: every choice asks for all.
 * @param beatsSinceMs milliseconds since the epoch, by the clocks of those who write reports
 */
async function lookSince(reader: Reader, sinceUs: number, beatsSinceMs: number): Promise<Look> {
  const rows = await readRows(
    reader,
    `select marked.*, null as host, null as servers from (${marksSince(reader)}) marked ` +
      `union all select null, null, null, null, busy.host, busy.servers from (${IO_OPS} group by host) busy ` +
      'union all select null, null, null, last_seen_at, host, null from services ' +
      "where last_seen_at >= ? and services.binary = 'nova-compute'",
    [sinceUs, ...ioTasks, beatsSinceMs],
  );
  const [marked, ofHosts] = [rows.filter((row) => row['host'] === null), rows.filter((row) => row['host'] !== null)];
  const beats = ofHosts.filter((row) => row['servers'] === null);
  return {
    ...marksIn(marked),
    ioOps: busyIn(ofHosts.filter((row) => row['servers'] !== null)),
    beats: new Map(beats.map((row) => [row['host'] as string, Number(row['changed_at'])])),
  };
}

type Pair = readonly [key: string, value: string];

function joined(pairs: readonly Pair[]): Labels {
  const labels = new Map<string, Set<string>>();
  for (const [key, value] of pairs) {
    const values = labels.get(key) ?? new Set();
    for (const part of value.split(',')) values.add(part.trim());
    labels.set(key, values);
  }
  return labels;
}

/** Makes labels, the same object for hosts of the same aggregates: checks of labels are made once for each. */
class SharedLabels {
  readonly #made = new Map<string, Labels>();

  of(pairs: readonly Pair[]): Labels {
    const key = JSON.stringify(pairs);
    let labels = this.#made.get(key);
    if (labels === undefined) this.#made.set(key, (labels = joined(pairs)));
    return labels;
  }

  /** Forgets what none of these hosts has. */
  keep(hosts: Iterable<Candidate>): void {
    const used = new Set<Labels>();
    for (const { labels } of hosts) used.add(labels);
    for (const [key, labels] of this.#made) if (!used.has(labels)) this.#made.delete(key);
  }
}

const LABELS =
  'select member.host, m.`key`, m.value from aggregate_hosts member ' +
  'join aggregate_metadata m on m.aggregate_id = member.aggregate_id where ';
const IN_ORDER = ' order by member.aggregate_id, m.`key`';

/** What aggregates say of hosts, by the host's name. */
async function labelPairs(reader: Reader, ids: readonly number[]): Promise<ReadonlyMap<string, Pair[]>> {
  const among = amongNumbers(reader, 'id', ids);
  const pairs = new Map<string, Pair[]>();
  const sql = `${LABELS}member.host in (select host from hosts where ${among.sql})${IN_ORDER}`;
  for (const row of await readRows(reader, sql, among.bindings)) {
    const pair = [row['key'] as string, row['value'] as string] as const;
    const list = pairs.get(row['host'] as string);
    if (list === undefined) pairs.set(row['host'] as string, [pair]);
    else list.push(pair);
  }
  return pairs;
}

/** How far a look goes: what changed lately, or everything (which finds also what is gone). */
export type Reach = 'changes' | 'all';

/** Hosts read in one statement. */
const HOSTS_AT_ONCE = 1_000;

interface Known {
  readonly changedAt: number;
  readonly candidate: Candidate;
}

class Snapshot {
  readonly #reader: Reader;
  readonly #labels = new SharedLabels();
  readonly #known = new Map<number, Known>();
  /** Hosts' numbers by their names. */
  readonly #numbers = new Map<string, number>();
  #ioOps: ReadonlyMap<string, number> = new Map();
  /** Null: to be made anew of what is known. */
  #hosts: readonly Candidate[] | null = null;
  /** The moments of the last look and of the last at everything, by the database's clock; 0: there was none. */
  #lookedAtUs = 0;
  #wholeAtUs = 0;
  /** The newest report that is known; milliseconds since the epoch. */
  #beatMs = 0;
  #running: Promise<void> | null = null;
  #next: { readonly look: Promise<void>; reach: Reach } | null = null;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** What was committed before this was called. Those who ask meanwhile share one look. */
  async upToDate(reach: Reach): Promise<readonly Candidate[]> {
    this.#next ??= { look: this.#lookNext(), reach };
    if (reach === 'all') this.#next.reach = 'all';
    await this.#next.look;
    this.#hosts ??= Array.from(this.#known.values(), ({ candidate }) => candidate);
    return this.#hosts;
  }

  async #lookNext(): Promise<void> {
    // the one under way may have read before what the caller wants to see
    await this.#running?.catch(() => undefined);
    const reach = this.#next?.reach ?? 'all';
    this.#next = null;
    this.#running = this.#look(reach);
    await this.#running;
  }

  async #look(reach: Reach): Promise<void> {
    const due = this.#lookedAtUs - this.#wholeAtUs >= limits.hostChangesWholeMs * 1_000;
    const whole = reach === 'all' || due || this.#wholeAtUs === 0;
    const sinceUs = whole ? 0 : this.#lookedAtUs - limits.hostChangesOverlapMs * 1_000;
    const beatsSinceMs = whole ? 0 : this.#beatMs - limits.hostChangesOverlapMs;
    const { atUs, marks, ioOps, beats } = await lookSince(this.#reader, sinceUs, beatsSinceMs);
    if (whole) this.#forgetOthers(new Set(marks.map(({ id }) => id)));
    this.#countIoOps(ioOps);
    this.#noteBeats(beats);
    const changed = marks.filter(({ id, generation, changedAt }) => {
      const known = this.#known.get(id);
      return known === undefined || known.changedAt !== changedAt || known.candidate.generation !== generation;
    });
    for (let at = 0; at < changed.length; at += HOSTS_AT_ONCE) {
      await this.#read(changed.slice(at, at + HOSTS_AT_ONCE).map(({ id }) => id));
    }
    if (whole) this.#labels.keep(Array.from(this.#known.values(), ({ candidate }) => candidate));
    // a clock that went back hides what is marked from then on: the next look is at everything
    if (whole) this.#wholeAtUs = atUs;
    else if (atUs < this.#lookedAtUs) this.#wholeAtUs = 0;
    this.#lookedAtUs = atUs;
  }

  /** Reads hosts anew: their rows first, so that labels are never older than the generation under which they are known. */
  async #read(ids: readonly number[]): Promise<void> {
    const rows = await hostsByNumber(this.#reader, ids);
    const pairs = await labelPairs(this.#reader, ids);
    for (const { host, changedAt } of rows) {
      const labels = this.#labels.of(pairs.get(host.host) ?? []);
      this.#put({ changedAt, candidate: { ...host, labels, ioOps: this.#ioOps.get(host.host) ?? 0 } });
    }
  }

  #put(known: Known): void {
    this.#known.set(known.candidate.id, known);
    this.#numbers.set(known.candidate.host, known.candidate.id);
    this.#hosts = null;
  }

  #forgetOthers(present: ReadonlySet<number>): void {
    for (const [id, { candidate }] of this.#known) {
      if (present.has(id)) continue;
      this.#known.delete(id);
      this.#numbers.delete(candidate.host);
      this.#hosts = null;
    }
  }

  /** When a host reported last guards nothing and is asked for anew by whoever chooses: the candidate stays the same. */
  #noteBeats(beats: ReadonlyMap<string, number>): void {
    for (const [host, atMs] of beats) {
      this.#beatMs = Math.max(this.#beatMs, atMs);
      const known = this.#known.get(this.#numbers.get(host) ?? 0);
      if (known !== undefined) (known.candidate as { lastSeenAt: number | null }).lastSeenAt = atMs;
    }
  }

  #countIoOps(ioOps: ReadonlyMap<string, number>): void {
    const before = this.#ioOps;
    this.#ioOps = ioOps;
    for (const host of new Set([...before.keys(), ...ioOps.keys()])) {
      const known = this.#known.get(this.#numbers.get(host) ?? 0);
      const count = ioOps.get(host) ?? 0;
      if (known === undefined || known.candidate.ioOps === count) continue;
      this.#put({ ...known, candidate: { ...known.candidate, ioOps: count } });
    }
  }
}

const snapshots = new WeakMap<Reader, Snapshot>();

/**
 * Every host, in the order of their arrival, as of now or a little before. With `all` exactly what is committed: nobody may be
 * refused on less.
 */
export function listCandidates(reader: Reader, reach: Reach): Promise<readonly Candidate[]> {
  let snapshot = snapshots.get(reader);
  if (snapshot === undefined) snapshots.set(reader, (snapshot = new Snapshot(reader)));
  return snapshot.upToDate(reach);
}

/** One host as it is now, its row locked until the transaction ends. */
export async function lockCandidate(tx: Tx, name: string): Promise<Candidate | null> {
  const host = await lockHost(tx, name);
  if (host === null) return null;
  const pairs = await readRows(tx, `${LABELS}member.host = ?${IN_ORDER}`, [name]);
  const labels = joined(pairs.map((row) => [row['key'] as string, row['value'] as string]));
  const ioOps = (await ioOpsByHost(tx, name)).get(name) ?? 0;
  return { ...host, labels, ioOps };
}
