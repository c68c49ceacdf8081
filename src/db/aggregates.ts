// Why: groups of hosts, who is in them and what is said of them.

import { type Aggregate, ZONE_KEY } from '../domain/placement/aggregates.ts';
import type { Reader, Row } from './engine.ts';
import { defineNoun, findRow, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

/** An aggregate without what is in it. */
type Frame = Omit<Aggregate, 'hosts' | 'metadata'>;

const aggregateNoun = defineNoun<Frame>({
  table: 'aggregates',
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    name: ['name', 'text'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

/** Aggregates with what is in them: two more queries, however many there are. */
async function whole(reader: Reader, frames: readonly Frame[]): Promise<Aggregate[]> {
  if (frames.length === 0) return [];
  const ids = frames.map(({ id }) => id);
  const hosts: { aggregate_id: number; host: string }[] = await reader('aggregate_hosts')
    .select('aggregate_id', 'host')
    .whereIn('aggregate_id', ids)
    .orderBy(['aggregate_id', 'host']);
  const pairs: { aggregate_id: number; key: string; value: string }[] = await reader('aggregate_metadata')
    .select('aggregate_id', 'key', 'value')
    .whereIn('aggregate_id', ids)
    .orderBy(['aggregate_id', 'key']);
  const hostsOf = Map.groupBy(hosts, (row) => row.aggregate_id);
  const pairsOf = Map.groupBy(pairs, (row) => row.aggregate_id);
  return frames.map((frame) => ({
    ...frame,
    hosts: (hostsOf.get(frame.id) ?? []).map(({ host }) => host),
    metadata: Object.fromEntries((pairsOf.get(frame.id) ?? []).map(({ key, value }) => [key, value])),
  }));
}

/** All aggregates, the oldest first. */
export async function listAggregates(reader: Reader): Promise<Aggregate[]> {
  const rows: Row[] = await reader('aggregates').select(aggregateNoun.columns).orderBy('id');
  return whole(reader, aggregateNoun.fromRows(rows));
}

export async function findAggregate(reader: Reader, id: number): Promise<Aggregate | null> {
  const frame = await findRow(reader, aggregateNoun, { id });
  return frame === null ? null : ((await whole(reader, [frame]))[0] ?? null);
}

/** As `findAggregate`, locked until the transaction ends. */
export async function lockAggregate(tx: Tx, id: number): Promise<Aggregate | null> {
  await tx('aggregates').select('id').where({ id }).forUpdate();
  return findAggregate(tx, id);
}

/** The numbers of the aggregates that a host is in. */
export async function aggregatesOfHost(reader: Reader, host: string): Promise<number[]> {
  const rows: { aggregate_id: number }[] = await reader('aggregate_hosts')
    .select('aggregate_id')
    .where({ host })
    .orderBy('aggregate_id');
  return rows.map(({ aggregate_id }) => aggregate_id);
}

/** By host, the metadata of each aggregate that it is in; a host in none with metadata is absent. */
export async function metadataOfHosts(
  reader: Reader,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>[]>> {
  const rows: { host: string; aggregate_id: number; key: string; value: string }[] = await reader(
    'aggregate_metadata as said',
  )
    .select('member.host', 'said.aggregate_id', 'said.key', 'said.value')
    .join('aggregate_hosts as member', 'member.aggregate_id', 'said.aggregate_id')
    .whereIn('member.host', [...hosts]);
  const all = new Map<string, Readonly<Record<string, string>>[]>();
  for (const [host, said] of Map.groupBy(rows, (row) => row.host)) {
    const perAggregate = Map.groupBy(said, ({ aggregate_id }) => aggregate_id);
    all.set(
      host,
      [...perAggregate.values()].map((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value]))),
    );
  }
  return all;
}

/** Zones that aggregates other than `exceptId` make of these hosts, one entry for each aggregate. */
export async function otherZones(reader: Reader, hosts: readonly string[], exceptId: number): Promise<string[]> {
  const rows: { value: string }[] = await reader('aggregate_metadata as zoned')
    .distinct('zoned.aggregate_id', 'zoned.value')
    .join('aggregate_hosts as member', 'member.aggregate_id', 'zoned.aggregate_id')
    .where('zoned.key', ZONE_KEY)
    .whereNot('zoned.aggregate_id', exceptId)
    .whereIn('member.host', [...hosts])
    .orderBy('zoned.aggregate_id');
  return rows.map(({ value }) => value);
}

/** Adds an empty aggregate and returns its number. A name that is taken breaks the unique key. */
export const insertAggregate = (tx: Tx, aggregate: Pick<Aggregate, 'uuid' | 'name' | 'createdAt'>): Promise<number> =>
  insertRow(tx, aggregateNoun, aggregate);

/** A name that is taken breaks the unique key. */
export async function renameAggregate(tx: Tx, id: number, name: string, nowMs: number): Promise<void> {
  await updateRows(tx, aggregateNoun, { id }, { name, updatedAt: nowMs });
}

/** Sets pairs of the metadata; a pair whose value is null goes. */
export async function mergeAggregateMetadata(
  tx: Tx,
  id: number,
  metadata: Readonly<Record<string, string | null>>,
): Promise<void> {
  for (const [key, value] of Object.entries(metadata)) {
    if (value === null) await tx('aggregate_metadata').where({ aggregate_id: id, key }).delete();
    else {
      await tx('aggregate_metadata')
        .insert({ aggregate_id: id, key, value })
        .onConflict(['aggregate_id', 'key'])
        .merge(['value']);
    }
  }
}

export async function addAggregateHost(tx: Tx, id: number, host: string): Promise<void> {
  await tx('aggregate_hosts').insert({ aggregate_id: id, host });
}

export async function removeAggregateHost(tx: Tx, id: number, host: string): Promise<void> {
  await tx('aggregate_hosts').where({ aggregate_id: id, host }).delete();
}

export async function deleteAggregateRow(tx: Tx, id: number): Promise<void> {
  await tx('aggregates').where({ id }).delete();
}
