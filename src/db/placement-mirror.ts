// Why: what was written to an operator's Placement is recorded in our database, so that differences are found without asking Placement: hosts by
// their change marks, allocations by digests.

import type { ClaimedParts, MirroredAllocation, MirroredProvider } from '../domain/placement/placement-mirror.ts';
import { claimNoun } from './claims.ts';
import { amongNumbers, readRows, type Reader } from './engine.ts';
import { hostMarks } from './host-changes.ts';
import { columnsOf, defineNoun } from './table.ts';
import { inPieces, type Tx } from './tx.ts';

const [MIRROR, PROVIDERS, CONSUMERS] = ['placement_mirror', 'placement_providers', 'placement_consumers'] as const;

export interface MirrorState {
  /** All hosts with an older change mark were written; microseconds of the database's clock. */
  readonly sinceUs: number;
  /** The id of the last host compared in this round. */
  readonly afterHost: number;
  /** When the next round may start or continue, in milliseconds. */
  readonly roundAt: number;
}

export async function readMirror(reader: Reader): Promise<MirrorState> {
  const [row] = await readRows(reader, `select since_us, after_host, round_at from ${MIRROR} where id = 1`);
  return {
    sinceUs: Number(row?.['since_us'] ?? 0),
    afterHost: Number(row?.['after_host'] ?? 0),
    roundAt: Number(row?.['round_at'] ?? 0),
  };
}

export async function updateMirror(tx: Tx, { sinceUs, afterHost, roundAt }: Partial<MirrorState>): Promise<void> {
  await tx(MIRROR)
    .where({ id: 1 })
    .update({
      ...(sinceUs === undefined ? {} : { since_us: sinceUs }),
      ...(afterHost === undefined ? {} : { after_host: afterHost }),
      ...(roundAt === undefined ? {} : { round_at: roundAt }),
    });
}

/** A host whose current state was not written to Placement. */
export interface Untold {
  readonly id: number;
  /** Microseconds. */
  readonly changedAt: number;
}

/** Hosts that changed since a time and were not written since, oldest change first; and the time of this query. */
export async function untoldHosts(reader: Reader, sinceUs: number): Promise<{ atUs: number; hosts: Untold[] }> {
  const { atUs, marks } = await hostMarks(reader, sinceUs);
  if (marks.length === 0) return { atUs, hosts: [] };
  const among = amongNumbers(
    reader,
    'hosts.id',
    marks.map(({ id }) => id),
  );
  const rows = await readRows(
    reader,
    `select hosts.id from hosts join ${PROVIDERS} told on told.uuid = hosts.uuid and told.mark_us = hosts.changed_at and told.generation = hosts.generation where ${among.sql}`,
    among.bindings,
  );
  const told = new Set(rows.map(({ id }) => Number(id)));
  const hosts = marks.filter(({ id }) => !told.has(id)).map(({ id, changedAt }) => ({ id, changedAt }));
  return { atUs, hosts: hosts.toSorted((a, b) => a.changedAt - b.changedAt) };
}

export interface ToldProvider {
  readonly uuid: string;
  readonly name: string;
  readonly told: MirroredProvider | null;
  readonly failures: number;
  readonly problem: string | null;
  /** Milliseconds. */
  readonly problemSince: number | null;
}

const providerNoun = defineNoun<ToldProvider>({
  table: PROVIDERS,
  columns: {
    uuid: ['uuid', 'text'],
    name: ['name', 'text'],
    told: ['told', 'json'],
    failures: ['failures', 'number'],
    problem: ['problem', 'text'],
    problemSince: ['problem_since', 'time'],
  },
});

const ONE = `select ${providerNoun.columns.join(', ')} from ${PROVIDERS} where `;

export async function findProvider(reader: Reader, uuid: string): Promise<ToldProvider | null> {
  const [row] = await readRows(reader, `${ONE}uuid = ?`, [uuid]);
  return row === undefined ? null : providerNoun.fromRow(row);
}

/** Providers that are due for a retry or removal, the longest due first. */
export async function dueProviders(reader: Reader, nowMs: number, limit: number): Promise<ToldProvider[]> {
  const rows = await readRows(reader, `${ONE}due_at <= ? order by due_at limit ?`, [nowMs, limit]);
  return providerNoun.fromRows(rows);
}

/** Providers that Placement refuses, with the reasons. */
export async function refusedProviders(reader: Reader): Promise<ToldProvider[]> {
  return providerNoun.fromRows(await readRows(reader, `${ONE}problem is not null order by problem_since`));
}

/** A change of a provider's record; omitted members stay, or have their defaults in a new record. */
export interface ProviderPatch extends Partial<Omit<ToldProvider, 'uuid' | 'name'>> {
  readonly name: string;
  /** The host's change mark that was written. */
  readonly mark?: { readonly changedAt: number; readonly generation: number };
  /** When it is retried without a change, in milliseconds; null: never. */
  readonly dueAt?: number | null;
}

export async function noteProvider(tx: Tx, uuid: string, { mark, dueAt, ...rest }: ProviderPatch): Promise<void> {
  const row = {
    ...providerNoun.toRow(rest),
    ...(mark === undefined ? {} : { mark_us: mark.changedAt, generation: mark.generation }),
    ...(dueAt === undefined ? {} : { due_at: dueAt }),
  };
  await tx(PROVIDERS)
    .insert({ uuid, ...row })
    .onConflict('uuid')
    .merge(row);
}

/** Makes the provider of a deleted host due; does nothing if it has no record. */
export async function providerIsDue(tx: Tx, uuid: string): Promise<void> {
  await tx(PROVIDERS).where({ uuid }).update({ due_at: 0 });
}

/** As `providerIsDue`, for all providers without a host. */
export async function strandedAreDue(tx: Tx): Promise<void> {
  await tx(PROVIDERS).whereNull('due_at').whereNotIn('uuid', tx('hosts').select('uuid')).update({ due_at: 0 });
}

export async function forgetProvider(tx: Tx, uuid: string): Promise<void> {
  await tx(CONSUMERS).where({ provider: uuid }).delete();
  await tx(PROVIDERS).where({ uuid }).delete();
}

/** The aggregates that a host is in, by their uuids. */
export async function aggregateUuids(reader: Reader, host: string): Promise<string[]> {
  const rows = await readRows(
    reader,
    'select aggregates.uuid from aggregates join aggregate_hosts on aggregate_hosts.aggregate_id = aggregates.id where aggregate_hosts.host = ?',
    [host],
  );
  return rows.map(({ uuid }) => String(uuid));
}

/** A claim on a host, with its consumer. */
export interface HostClaim extends Pick<MirroredAllocation, 'consumer' | 'kind' | 'projectId' | 'userId'> {
  readonly claim: ClaimedParts;
}

const CLAIMS = {
  INSTANCE: {
    table: 'claims',
    select: `servers.uuid as consumer, servers.project_id, servers.user_id, ${columnsOf(claimNoun, { as: 'claims' }).join(', ')}
      from claims join servers on servers.id = claims.server_id where claims.host_id = ?`,
  },
  MIGRATION: {
    table: 'held_claims',
    select: `migrations.uuid as consumer, migrations.project_id, migrations.user_id, ${columnsOf(claimNoun, { as: 'held_claims' }).join(', ')}
      from held_claims join migrations on migrations.id = held_claims.migration_id where held_claims.host_id = ?`,
  },
} as const;

/** All claims on a host: those of its servers, and those held by migrations. */
export async function claimsOfHost(reader: Reader, hostId: number): Promise<HostClaim[]> {
  const found: HostClaim[] = [];
  for (const kind of ['INSTANCE', 'MIGRATION'] as const) {
    for (const row of await readRows(reader, `select ${CLAIMS[kind].select}`, [hostId])) {
      found.push({
        kind,
        consumer: String(row['consumer']),
        projectId: String(row['project_id']),
        userId: String(row['user_id']),
        claim: claimNoun.fromRow(row),
      });
    }
  }
  return found;
}

/** Digests of what was written for consumers on a provider; null: it is unknown whether the write succeeded. */
export async function toldConsumers(reader: Reader, provider: string): Promise<Map<string, string | null>> {
  const rows = await readRows(reader, `select consumer, digest from ${CONSUMERS} where provider = ?`, [provider]);
  return new Map(rows.map(({ consumer, digest }) => [consumer as string, digest as string | null]));
}

async function* pieces(reader: Reader, sql: (marks: string) => string, values: readonly string[]) {
  for (const some of inPieces(values)) yield* await readRows(reader, sql(some.map(() => '?').join(',')), some);
}

async function uuidsIn(
  reader: Reader,
  sql: (marks: string) => string,
  values: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const row of pieces(reader, sql, values)) found.add(String(row['uuid']));
  return found;
}

/** Those of these consumers that have a record. */
export const knownConsumers = (reader: Reader, consumers: readonly string[]): Promise<ReadonlySet<string>> =>
  uuidsIn(reader, (marks) => `select consumer as uuid from ${CONSUMERS} where consumer in (${marks})`, consumers);

/** Those of these consumers that are ours: servers or migrations of our database, finished ones too, or recorded ones. */
export async function ownConsumers(reader: Reader, consumers: readonly string[]): Promise<ReadonlySet<string>> {
  const servers = await uuidsIn(reader, (marks) => `select uuid from servers where uuid in (${marks})`, consumers);
  const moves = await uuidsIn(reader, (marks) => `select uuid from migrations where uuid in (${marks})`, consumers);
  return new Set([...servers, ...moves, ...(await knownConsumers(reader, consumers))]);
}

/** Those of these consumers that have a claim on any host. */
export async function claimingConsumers(reader: Reader, consumers: readonly string[]): Promise<ReadonlySet<string>> {
  const servers = await uuidsIn(
    reader,
    (marks) =>
      `select servers.uuid from servers join claims on claims.server_id = servers.id where servers.uuid in (${marks})`,
    consumers,
  );
  const moves = await uuidsIn(
    reader,
    (marks) =>
      `select migrations.uuid from migrations join held_claims on held_claims.migration_id = migrations.id where migrations.uuid in (${marks})`,
    consumers,
  );
  return new Set([...servers, ...moves]);
}

/** Those of these that are, or were, hosts of ours. */
export const ownProviders = (reader: Reader, providers: readonly string[]): Promise<ReadonlySet<string>> =>
  uuidsIn(reader, (marks) => `select uuid from ${PROVIDERS} where uuid in (${marks})`, providers);

/** Records what was written for consumers on a provider (a digest), or is about to be (null). */
export async function noteConsumers(
  tx: Tx,
  provider: string,
  consumers: readonly (readonly [consumer: string, digest: string | null])[],
): Promise<void> {
  for (const some of inPieces(consumers)) {
    await tx(CONSUMERS)
      .insert(some.map(([consumer, digest]) => ({ consumer, provider, digest })))
      .onConflict('consumer')
      .merge(['provider', 'digest']);
  }
}

export async function forgetConsumers(tx: Tx, consumers: readonly string[]): Promise<void> {
  for (const some of inPieces(consumers)) await tx(CONSUMERS).whereIn('consumer', some).delete();
}

/** Forgets what was written for a provider, so that all of it is written again. */
export async function doubtProvider(tx: Tx, uuid: string): Promise<void> {
  await tx(PROVIDERS).where({ uuid }).update({ told: null, mark_us: 0 });
  await tx(CONSUMERS).where({ provider: uuid }).update({ digest: null });
}

/** Placement's lag in seconds, and the numbers of providers that are written and refused. */
export interface MirrorLag {
  readonly seconds: number;
  readonly told: number;
  readonly refused: number;
}

/** @param nowMs by our own clock, with which problems were recorded */
export async function mirrorLag(reader: Reader, nowMs: number): Promise<MirrorLag> {
  const { sinceUs } = await readMirror(reader);
  const { atUs, hosts } = await untoldHosts(reader, sinceUs);
  const [counts] = await readRows(
    reader,
    `select count(*) as providers, count(problem) as refused, min(problem_since) as since from ${PROVIDERS}`,
  );
  const oldest = hosts[0]?.changedAt ?? atUs;
  const since = counts?.['since'] == null ? nowMs : Number(counts['since']);
  const refused = Number(counts?.['refused'] ?? 0);
  return {
    seconds: Math.max(0, (atUs - oldest) / 1e6, (nowMs - since) / 1e3),
    told: Number(counts?.['providers'] ?? 0) - refused,
    refused,
  };
}
