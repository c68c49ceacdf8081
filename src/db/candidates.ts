// Why: the scheduler's snapshot: every host with what aggregates say of it and how busy it is, in three queries however many
// hosts there are. Hosts of the same aggregates share one index of their labels.

import type { Candidate, Labels } from '../domain/host.ts';
import type { TaskState } from '../domain/instance.ts';
import { readRows, type Reader } from './engine.ts';
import { listHosts, lockHost } from './hosts.ts';
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

const IO_OPS =
  `select host, count(*) as servers from servers where task_state in (${ioTasks.map(() => '?').join(',')}) ` +
  'and deleted = 0 and host is not null';

async function ioOpsByHost(reader: Reader, host?: string): Promise<ReadonlyMap<string, number>> {
  const one = host === undefined ? '' : ' and host = ?';
  const rows = await readRows(reader, `${IO_OPS}${one} group by host`, [
    ...ioTasks,
    ...(host === undefined ? [] : [host]),
  ]);
  return new Map(rows.map((row) => [row['host'] as string, Number(row['servers'])]));
}

const none: Labels = new Map();

/** The metadata of each aggregate, by its number. */
async function aggregateLabels(reader: Reader): Promise<ReadonlyMap<number, readonly (readonly [string, string])[]>> {
  const labels = new Map<number, (readonly [string, string])[]>();
  for (const row of await readRows(reader, 'select aggregate_id, `key`, value from aggregate_metadata')) {
    const id = row['aggregate_id'] as number;
    const pair = [row['key'] as string, row['value'] as string] as const;
    const list = labels.get(id);
    if (list === undefined) labels.set(id, [pair]);
    else list.push(pair);
  }
  return labels;
}

function joined(pairs: readonly (readonly [string, string])[]): Labels {
  const labels = new Map<string, Set<string>>();
  for (const [key, value] of pairs) {
    const values = labels.get(key) ?? new Set();
    for (const part of value.split(',')) values.add(part.trim());
    labels.set(key, values);
  }
  return labels;
}

/** The function from a host's name to its labels. */
async function labelsByHost(reader: Reader): Promise<(host: string) => Labels> {
  const membership = new Map<string, string>();
  const rows = await readRows(reader, 'select host, aggregate_id from aggregate_hosts order by host, aggregate_id');
  if (rows.length === 0) return () => none;
  for (const row of rows) {
    const [host, id] = [row['host'] as string, row['aggregate_id'] as number];
    const before = membership.get(host);
    membership.set(host, before === undefined ? `${id}` : `${before},${id}`);
  }
  const metadata = await aggregateLabels(reader);
  const made = new Map<string, Labels>();
  return (host) => {
    const ids = membership.get(host);
    if (ids === undefined) return none;
    let labels = made.get(ids);
    if (labels === undefined) {
      labels = joined(ids.split(',').flatMap((id) => metadata.get(Number(id)) ?? []));
      made.set(ids, labels);
    }
    return labels;
  };
}

/** Every host, in the order of their arrival. */
export async function listCandidates(reader: Reader): Promise<Candidate[]> {
  const [hosts, labelsOf, ioOps] = await Promise.all([listHosts(reader), labelsByHost(reader), ioOpsByHost(reader)]);
  return hosts.map((host) => ({ ...host, labels: labelsOf(host.host), ioOps: ioOps.get(host.host) ?? 0 }));
}

const LABELS_OF =
  'select m.`key`, m.value from aggregate_hosts h join aggregate_metadata m on m.aggregate_id = h.aggregate_id where h.host = ?';

/** One host as it is now, its row locked until the transaction ends. */
export async function lockCandidate(tx: Tx, name: string): Promise<Candidate | null> {
  const host = await lockHost(tx, name);
  if (host === null) return null;
  const pairs = await readRows(tx, LABELS_OF, [name]);
  const labels = joined(pairs.map((row) => [row['key'] as string, row['value'] as string]));
  const ioOps = (await ioOpsByHost(tx, name)).get(name) ?? 0;
  return { ...host, labels, ioOps };
}
