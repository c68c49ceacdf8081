// Why: policies of servers that adjust themselves, what was seen of those servers, and what was decided.

import { limits } from '../base/limits.ts';
import type { AdjustDecision, AdjustPolicy } from '../domain/adjustment/adjust-policies.ts';
import type { AutoscaleState } from '../domain/adjustment/autoscale.ts';
import { fromJson, toBool, toJson } from './codec.ts';
import { readRows, type Reader, type Row } from './engine.ts';
import { defineNoun, findRow, insertRow, lockRow, updateRows } from './table.ts';
import { inPieces, type Tx } from './tx.ts';

const POLICIES = 'adjust_policies';
const DECISIONS = 'adjust_decisions';

const policyNoun = defineNoun<AdjustPolicy>({
  table: POLICIES,
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    projectId: ['project_id', 'text'],
    userId: ['user_id', 'text'],
    name: ['name', 'text'],
    subjectKind: ['subject_kind', 'text'],
    subjectId: ['subject_id', 'text'],
    enabled: ['enabled', 'bool'],
    dryRun: ['dry_run', 'bool'],
    pressure: ['pressure', 'json'],
    schedules: ['schedules', 'json'],
    nextAt: ['next_at', 'time'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

const decisionNoun = defineNoun<AdjustDecision, { readonly policyId: number }>({
  table: DECISIONS,
  columns: {
    serverUuid: ['server_uuid', 'text'],
    decidedAt: ['decided_at', 'time'],
    kind: ['kind', 'text'],
    outcome: ['outcome', 'text'],
    from: { vcpus: ['from_vcpus', 'number'], memoryMb: ['from_memory_mb', 'number'] },
    to: { vcpus: ['to_vcpus', 'number'], memoryMb: ['to_memory_mb', 'number'] },
    reason: ['reason', 'text'],
    measures: ['measures', 'json'],
    requestId: ['request_id', 'text'],
  },
  also: ({ policyId }) => ({ policy_id: policyId }),
});

interface Part {
  readonly limit: number;
  readonly offset: number;
}

/** Policies of a project (null: of all), the oldest first. */
export async function listPolicies(reader: Reader, projectId: string | null, part: Part): Promise<AdjustPolicy[]> {
  const query = reader(POLICIES).select(policyNoun.columns).orderBy('id').limit(part.limit).offset(part.offset);
  if (projectId !== null) void query.where({ project_id: projectId });
  return policyNoun.fromRows(await query);
}

export const findPolicy = (reader: Reader, uuid: string): Promise<AdjustPolicy | null> =>
  findRow(reader, policyNoun, { uuid });

export const lockPolicy = (tx: Tx, uuid: string): Promise<AdjustPolicy | null> => lockRow(tx, policyNoun, { uuid });

export async function countPolicies(reader: Reader, projectId: string): Promise<number> {
  const [row] = await readRows(reader, `select count(*) as count from ${POLICIES} where project_id = ?`, [projectId]);
  return Number(row?.['count']);
}

export const insertPolicy = (tx: Tx, policy: Omit<AdjustPolicy, 'id'>): Promise<number> =>
  insertRow(tx, policyNoun, policy);

export async function updatePolicy(tx: Tx, id: number, fields: Partial<AdjustPolicy>): Promise<void> {
  await updateRows(tx, policyNoun, { id }, fields);
}

/** False: there was none. */
export const deletePolicyRow = async (tx: Tx, uuid: string): Promise<boolean> =>
  (await tx(POLICIES).where({ uuid }).delete()) === 1;

/** A server of a host with what a policy may be for. */
export interface Subject {
  readonly serverId: number;
  readonly uuid: string;
  readonly projectId: string;
  readonly flavorId: string;
  readonly groupUuid: string | null;
}

/** Whether anybody's server adjusts itself by what it takes. */
export async function anyPressurePolicy(reader: Reader): Promise<boolean> {
  const sql = `select 1 as one from ${POLICIES} where enabled = 1 and pressure is not null limit 1`;
  return (await readRows(reader, sql)).length > 0;
}

const SUBJECTS = `select s.id, s.uuid, s.project_id, s.flavorid, g.uuid as group_uuid from servers s
  left join server_group_members m on m.server_id = s.id left join server_groups g on g.id = m.group_id
  where s.deleted = 0 and `;

const subjectsWhere = async (reader: Reader, condition: string, value: string): Promise<Subject[]> =>
  (await readRows(reader, `${SUBJECTS}${condition} = ? order by s.id`, [value])).map((row) => ({
    serverId: Number(row['id']),
    uuid: String(row['uuid']),
    projectId: String(row['project_id']),
    flavorId: String(row['flavorid']),
    groupUuid: row['group_uuid'] as string | null,
  }));

/** The servers of a host that are worth a look: elsewhere the rest is read of those that have a policy. */
export const subjectsOn = (reader: Reader, host: string): Promise<Subject[]> => subjectsWhere(reader, 's.host', host);

const SUBJECT_COLUMNS: Readonly<Record<AdjustPolicy['subjectKind'], string>> = {
  server: 's.uuid',
  server_group: 'g.uuid',
  flavor: 's.flavorid',
};

/** The servers that a policy names; another one may be the one that decides for them. */
export const subjectsOf = (reader: Reader, { subjectKind, subjectId }: AdjustPolicy): Promise<Subject[]> =>
  subjectsWhere(reader, SUBJECT_COLUMNS[subjectKind], subjectId);

/** The policies in force for what has these ids, the newest first. */
export async function policiesFor(reader: Reader, ids: readonly string[]): Promise<AdjustPolicy[]> {
  const found: AdjustPolicy[] = [];
  for (const some of inPieces([...new Set(ids)])) {
    const query = reader(POLICIES)
      .select(policyNoun.columns)
      .where({ enabled: toBool(true) })
      .whereIn('subject_id', some);
    found.push(...policyNoun.fromRows(await query));
  }
  return found.sort((a, b) => b.id - a.id);
}

export async function findStates(reader: Reader, serverIds: readonly number[]): Promise<Map<number, AutoscaleState>> {
  const states = new Map<number, AutoscaleState>();
  for (const some of inPieces(serverIds)) {
    const rows: Row[] = await reader('adjust_states').select('server_id', 'state').whereIn('server_id', some);
    for (const row of rows) states.set(Number(row['server_id']), fromJson<AutoscaleState>(row['state']));
  }
  return states;
}

export async function keepStates(tx: Tx, states: ReadonlyMap<number, AutoscaleState>): Promise<void> {
  const rows = [...states].map(([serverId, state]) => ({ server_id: serverId, state: toJson(state) }));
  for (const some of inPieces(rows)) await tx('adjust_states').insert(some).onConflict('server_id').merge(['state']);
}

/** Keeps what a policy decided; of one that was deleted meanwhile nobody can ask. */
export async function keepDecision(tx: Tx, decision: AdjustDecision & { readonly policyId: number }): Promise<void> {
  if ((await lockRow(tx, policyNoun, { id: decision.policyId })) === null) return;
  await insertRow(tx, decisionNoun, decision);
}

/** What a policy decided, the newest first. */
export async function listDecisions(
  reader: Reader,
  policyId: number,
  { limit, offset }: Part,
): Promise<AdjustDecision[]> {
  const query = reader(DECISIONS).select(decisionNoun.columns).where({ policy_id: policyId });
  return decisionNoun.fromRows(await query.orderBy('id', 'desc').limit(limit).offset(offset));
}

/** Forgets decisions that nobody will ask for. */
export const forgetDecisions = async (tx: Tx, nowMs: number): Promise<number> =>
  tx(DECISIONS)
    .where('decided_at', '<', nowMs - limits.decisionsKeptMs)
    .delete();

/** Policies a schedule of which is due, those that wait longest first. */
export async function duePolicies(reader: Reader, nowMs: number, limit: number): Promise<AdjustPolicy[]> {
  const query = reader(POLICIES)
    .select(policyNoun.columns)
    .where({ enabled: toBool(true) });
  return policyNoun.fromRows(await query.where('next_at', '<=', nowMs).orderBy('next_at').limit(limit));
}

/** Takes the turn of a policy that is due: false where another worker did, or somebody changed it. */
export const takeDue = async (tx: Tx, { id, nextAt }: AdjustPolicy, next: number | null): Promise<boolean> =>
  (await tx(POLICIES).where({ id, next_at: nextAt }).update({ next_at: next })) === 1;
