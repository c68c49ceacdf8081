// Why: one table is the user's history of a server and the log that recovery reads: an action is a saga, an event is a step.

import { invariant } from '../base/invariant.ts';
import { badRequest } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { fromBool, fromJson, toBool, toJson } from './codec.ts';
import type { Reader, Row } from './engine.ts';
import { keyset } from './page.ts';
import { type Columns, columnsOf, defineNoun, findRow, insertRow, updateRows } from './table.ts';
import { insertRows, type Tx } from './tx.ts';

/** `queued`: nobody began it; `running`; `undoing`: a step failed, its effects are taken back; `done`. */
export type ActionState = 'queued' | 'running' | 'undoing' | 'done';

export interface InstanceAction {
  readonly id: number;
  readonly serverUuid: string;
  readonly action: string;
  readonly requestId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly startTime: number;
  readonly updatedAt: number;
  readonly finishTime: number | null;
  readonly message: string | null;
  readonly state: ActionState;
  readonly leaseOwner: string | null;
  readonly attempts: number;
  readonly cancel: boolean;
}

export interface ActionEvent {
  readonly id: number;
  readonly actionId: number;
  readonly event: string;
  readonly startTime: number;
  readonly finishTime: number | null;
  readonly result: 'Success' | 'Error' | null;
  readonly traceback: string | null;
  readonly details: string | null;
  readonly host: string | null;
  /** `done`: its effects were taken back; `failed`: they could not be. */
  readonly undo: 'done' | 'failed' | null;
}

/** An event with what its step returned. */
export interface EventLog extends ActionEvent {
  readonly output: unknown;
}

/** An action as it was when it was found to be due, with its input. */
export interface DueAction extends InstanceAction {
  readonly leaseUntil: number | null;
  readonly input: unknown;
}

const actionColumns: Columns<InstanceAction> = {
  id: ['id', 'number'],
  serverUuid: ['server_uuid', 'text'],
  action: ['action', 'text'],
  requestId: ['request_id', 'text'],
  projectId: ['project_id', 'text'],
  userId: ['user_id', 'text'],
  startTime: ['start_time', 'time'],
  updatedAt: ['updated_at', 'time'],
  finishTime: ['finish_time', 'time'],
  message: ['message', 'text'],
  state: ['state', 'text'],
  leaseOwner: ['lease_owner', 'text'],
  attempts: ['attempts', 'number'],
  cancel: ['cancel', 'bool'],
};

const actionNoun = defineNoun<InstanceAction>({ table: 'instance_actions', columns: actionColumns });

const dueNoun = defineNoun<DueAction>({
  table: 'instance_actions',
  columns: { ...actionColumns, leaseUntil: ['lease_until', 'time'], input: ['input', 'json'] },
});

const eventNoun = defineNoun<EventLog>({
  table: 'instance_action_events',
  columns: {
    id: ['id', 'number'],
    actionId: ['action_id', 'number'],
    event: ['event', 'text'],
    startTime: ['start_time', 'time'],
    finishTime: ['finish_time', 'time'],
    result: ['result', 'text'],
    traceback: ['traceback', 'text'],
    details: ['details', 'text'],
    host: ['host', 'text'],
    undo: ['undo', 'text'],
    output: ['output', 'json'],
  },
});

// --- the user's side ------------------------------------------------------------------------------------------------

export interface ActionPage {
  /** Absent: all. */
  readonly limit?: number;
  /** A request id. */
  readonly marker?: string | null;
  /** `updated_at` at or after / at or before, in milliseconds. */
  readonly changesSince?: number;
  readonly changesBefore?: number;
}

/** A server's actions, the newest first. Throws a badRequest Fault for a marker that is not there. */
export async function listActions(
  reader: Reader,
  serverUuid: string,
  page: ActionPage = {},
): Promise<InstanceAction[]> {
  if (page.limit === 0) return [];
  let marker: Row | null = null;
  if (page.marker != null) {
    marker =
      (await reader('instance_actions')
        .select('start_time', 'id')
        .where({ server_uuid: serverUuid, request_id: page.marker })
        .first()) ?? null;
    if (marker === null) throw badRequest(`Marker ${page.marker} could not be found.`);
  }
  const query = reader('instance_actions').select(actionNoun.columns).where({ server_uuid: serverUuid });
  if (page.limit !== undefined) void query.limit(page.limit);
  if (page.changesSince !== undefined) void query.where('updated_at', '>=', page.changesSince);
  if (page.changesBefore !== undefined) void query.where('updated_at', '<=', page.changesBefore);
  keyset(
    query,
    [
      { column: 'start_time', dir: 'desc' },
      { column: 'id', dir: 'desc' },
    ],
    marker,
    true,
  );
  return actionNoun.fromRows(await query);
}

export async function findAction(
  reader: Reader,
  serverUuid: string,
  requestId: string,
): Promise<InstanceAction | null> {
  const row: Row | undefined = await reader('instance_actions')
    .select(actionNoun.columns)
    .where({ server_uuid: serverUuid, request_id: requestId })
    .orderBy('id', 'desc')
    .first();
  return row === undefined ? null : actionNoun.fromRow(row);
}

export const findActionById = (reader: Reader, id: number): Promise<InstanceAction | null> =>
  findRow(reader, actionNoun, { id });

/** The events of actions, the oldest first. */
export async function listEvents(reader: Reader, actionIds: readonly number[]): Promise<EventLog[]> {
  if (actionIds.length === 0) return [];
  const rows: Row[] = await reader('instance_action_events')
    .select(eventNoun.columns)
    .whereIn('action_id', [...actionIds])
    .orderBy(['action_id', 'id']);
  return eventNoun.fromRows(rows);
}

// --- the sagas' side ------------------------------------------------------------------------------------------------

export interface NewAction {
  readonly serverUuid: string;
  readonly action: string;
  readonly requestId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly input: unknown;
  readonly nowMs: number;
}

const queued = ({ nowMs, ...action }: NewAction, leaseUntil: number | null) =>
  ({ ...action, startTime: nowMs, updatedAt: nowMs, state: 'queued', leaseUntil }) as const;

/**
 * Who holds the lease of an action for which something is made elsewhere before a worker may begin. The lease outlives what overtakes
 * the action: who ends it then finds what was made, though its maker died. Workers' names have a `#`.
 */
const MAKER = 'maker';

/** Adds an action that waits for a worker, and where `heldMs` is given, for its maker's word until then; returns its number. */
export const insertAction = (tx: Tx, action: NewAction, heldMs: number | null = null): Promise<number> =>
  insertRow(tx, dueNoun, { ...queued(action, heldMs), leaseOwner: heldMs === null ? null : MAKER });

/** An action that its maker holds. */
const held = (tx: Tx, id: number) => tx('instance_actions').where({ id, lease_owner: MAKER });

const letGo = { lease_owner: null, lease_until: null };

/** One that waited for its maker need not any longer; false: it waits no more, or something overtook it. */
export const readyAction = async (tx: Tx, id: number): Promise<boolean> =>
  (await held(tx, id).where({ cancel: 0 }).update(letGo)) === 1;

/** One that waited for its maker was never asked for; false: as `readyAction`. */
export const withdrawAction = async (tx: Tx, id: number): Promise<boolean> =>
  (await held(tx, id).where({ cancel: 0 }).delete()) === 1;

/** One that something overtook while its maker held it may end: nothing is made for it any more, and nothing is left. */
export const letGoAction = async (tx: Tx, id: number): Promise<void> => {
  await held(tx, id).where({ cancel: 1 }).update(letGo);
};

/** Adds actions that wait for another to wake them (`wakeActions`), and no longer than until `dueMs`. */
export async function insertHeldActions(tx: Tx, actions: readonly NewAction[], dueMs: number): Promise<void> {
  const rows = actions.map((action) => dueNoun.toRow(queued(action, dueMs)));
  await insertRows(tx, 'instance_actions', rows);
}

/** An action that waits for another's word, and its server. */
export interface HeldServer {
  readonly actionId: number;
  readonly id: number;
  /** Null: not placed yet. */
  readonly host: string | null;
}

/** Actions that nobody began and nobody cancelled, of servers that were asked for together, in the order of the servers. */
export async function heldTogether(reader: Reader, reservationId: string, action: string): Promise<HeldServer[]> {
  const rows: Row[] = await reader('servers')
    .join('instance_actions as a', 'a.server_uuid', 'servers.uuid')
    .select('a.id as action_id', 'servers.id', 'servers.host')
    .where({ 'servers.reservation_id': reservationId, 'servers.deleted': 0 })
    .where({ 'a.action': action, 'a.state': 'queued', 'a.cancel': 0 })
    .orderBy('servers.launch_index');
  return rows.map((row) => ({
    actionId: row['action_id'] as number,
    id: row['id'] as number,
    host: row['host'] as string | null,
  }));
}

/** Actions that waited may be begun, with this input. */
export async function wakeActions(tx: Tx, ids: readonly number[], input: unknown): Promise<void> {
  if (ids.length === 0) return;
  await tx('instance_actions')
    .whereIn('id', [...ids])
    .where({ state: 'queued' })
    .whereNull('lease_owner')
    // a moment long past, another one each time: who saw the action before does not take it with the input that it had then
    .update({
      lease_until: tx.raw('case when lease_until between 1 and 1000 then lease_until + 1 else 1 end'),
      input: toJson(input),
    });
}

/** What became of an action that is over at once. */
export interface ClosedEvent {
  readonly name: string;
  readonly error: boolean;
  readonly details?: string;
  readonly output?: unknown;
}

/** Adds an action that is over already: something that needed no saga but belongs into the history. */
export async function insertClosedAction(
  tx: Tx,
  action: Omit<NewAction, 'input'>,
  event: ClosedEvent | null,
): Promise<void> {
  const id = await insertAction(tx, { ...action, input: {} });
  if (event !== null) {
    const { name, error, details, output } = event;
    const begun = await startEvent(tx, id, name, action.nowMs);
    await finishEvent(
      tx,
      begun,
      { result: error ? 'Error' : 'Success', details: details ?? null, output },
      action.nowMs,
    );
  }
  await finishAction(tx, id, event?.error ? 'Error' : null, {}, action.nowMs);
}

/** The input of an action, as it is now. */
export async function readInput<T>(reader: Reader, id: number): Promise<T> {
  const row: Row = await reader('instance_actions').select('input').where({ id }).first();
  return fromJson<T>(row['input']);
}

export async function writeInput(tx: Tx, id: number, input: unknown): Promise<void> {
  invariant((await updateRows(tx, dueNoun, { id }, { input })) === 1, `action ${id}, whose input changes, has a row`);
}

/** Those of actions that are not over. */
export const openStates = ['queued', 'running', 'undoing'] as const;

/** Actions that somebody may run now: open, without a living lease, and the first open one of their server. */
export async function dueActions(reader: Reader, nowMs: number, limit: number): Promise<DueAction[]> {
  const rows: Row[] = await reader('instance_actions as a')
    .select(columnsOf(dueNoun, { as: 'a' }))
    .whereIn('a.state', [...openStates])
    .where((free) => void free.whereNull('a.lease_until').orWhere('a.lease_until', '<=', nowMs))
    .whereNotExists(
      reader('instance_actions as b')
        .select(reader.raw('1'))
        .whereRaw('b.server_uuid = a.server_uuid and b.id < a.id')
        .whereIn('b.state', [...openStates]),
    )
    // by a term, not by the key: MariaDB would walk along the key, through all that ever ended
    .orderByRaw('a.id + 0')
    .limit(limit);
  return dueNoun.fromRows(rows);
}

/** Takes the lease. Null when the action is no longer as it was seen; else as it is now, with one attempt more. */
export async function takeAction(
  tx: Tx,
  seen: DueAction,
  owner: string,
  untilMs: number,
): Promise<InstanceAction | null> {
  const { leaseUntil, input: _input, ...action } = seen;
  invariant(action.state !== 'done', `action ${action.id}, which is taken, is not over`);
  const taken = {
    leaseOwner: owner,
    attempts: action.attempts + 1,
    state: action.state === 'queued' ? ('running' as const) : action.state,
  };
  // whatever else is written to an action that nobody holds moves one of these
  const touched: number = await tx('instance_actions')
    .where({ id: action.id, state: action.state, attempts: action.attempts, updated_at: action.updatedAt })
    .where({ cancel: toBool(action.cancel), lease_owner: action.leaseOwner, lease_until: leaseUntil })
    .update({ lease_owner: owner, lease_until: untilMs, attempts: taken.attempts, state: taken.state });
  return touched === 1 ? { ...action, ...taken } : null;
}

/** `cancelled`: the owner holds it still, but only to end it. */
export type Lease = 'held' | 'cancelled' | 'lost';

/**
 * Says in a transaction whether the lease is still held, and holds the row: what the transaction then writes is written by the owner
 * of an action that nothing overtook, or not at all.
 * @param attempts what the action's attempts become; absent: they stay
 */
export async function guardLease(tx: Tx, id: number, owner: string, nowMs: number, attempts?: number): Promise<Lease> {
  // the driver of MySQL counts rows that are found, though they already are as they shall be
  const touch = (more: object): Promise<number> =>
    heldBy(tx, id, owner)
      .where(more)
      .update({ updated_at: nowMs, ...(attempts === undefined ? {} : { attempts }) });
  if ((await touch({ cancel: 0 })) === 1) return 'held';
  return (await touch({})) === 1 ? 'cancelled' : 'lost';
}

/** Holds on to leases. Returns those of the actions that are still the owner's. */
export async function renewLeases(
  tx: Tx,
  ids: readonly number[],
  owner: string,
  untilMs: number,
): Promise<readonly { readonly id: number; readonly cancel: boolean }[]> {
  if (ids.length === 0) return [];
  await tx('instance_actions')
    .whereIn('id', [...ids])
    .where({ lease_owner: owner })
    .update({ lease_until: untilMs });
  return heldActions(tx, ids, owner);
}

/** Which of the actions are still the owner's, and which of those shall end. */
export async function heldActions(
  reader: Reader,
  ids: readonly number[],
  owner: string,
): Promise<readonly { readonly id: number; readonly cancel: boolean }[]> {
  if (ids.length === 0) return [];
  const rows: Row[] = await reader('instance_actions')
    .select('id', 'cancel')
    .whereIn('id', [...ids])
    .where({ lease_owner: owner });
  return rows.map((row) => ({ id: row['id'] as number, cancel: fromBool(row['cancel']) }));
}

/** Lets go of an action that is not over: due again at `notBeforeMs`, after so many `attempts` (default: as many as there were). */
export async function releaseLease(
  tx: Tx,
  id: number,
  owner: string,
  notBeforeMs: number,
  attempts?: number,
): Promise<void> {
  await tx('instance_actions')
    .where({ id, lease_owner: owner })
    .update({ lease_owner: null, lease_until: notBeforeMs, ...(attempts === undefined ? {} : { attempts }) });
}

/** Ends the leases of a worker's earlier lives: owners are `name#life`. Only for names that one process at a time has. */
export async function takeOverLeases(tx: Tx, name: string): Promise<number> {
  return tx('instance_actions')
    .whereIn('state', [...openStates])
    .where('lease_owner', 'like', `${name.replaceAll(/[\\%_]/g, '\\$&')}#%`)
    .update({ lease_owner: null, lease_until: null });
}

/** Changes the state of an action; `attempts` begins anew with each step. */
export async function updateAction(
  tx: Tx,
  id: number,
  change: { readonly state?: ActionState; readonly attempts?: number; readonly cancel?: boolean },
  nowMs: number,
): Promise<void> {
  const touched = await updateRows(tx, actionNoun, { id }, { ...change, updatedAt: nowMs });
  invariant(touched === 1, `action ${id}, which changes, has a row`);
}

/** The actions that overtake others: who calls `cancelActions` adds one of these afterwards. */
const overtaking = ['delete', 'evacuate', 'resetState'];

/** The open actions of a server, but for `except`, shall end at their next step: something overtakes them. */
export async function cancelActions(tx: Tx, serverUuid: string, except = 0): Promise<number> {
  return (
    tx('instance_actions')
      .where({ server_uuid: serverUuid })
      .whereNot({ id: except })
      .whereIn('state', [...openStates])
      // one that waits for its next attempt need not wait any longer, and has all of them to end; a lease is its owner's to end
      .update({
        attempts: 0,
        cancel: 1,
        lease_until: tx.raw('case when lease_owner is null then null else lease_until end'),
      })
  );
}

/** What overtook an action that is cancelled, the first of them first; none: what it belonged to came to its end. */
export async function overtakersOf(reader: Reader, action: InstanceAction): Promise<InstanceAction[]> {
  const rows: Row[] = await reader('instance_actions')
    .select(actionNoun.columns)
    .where({ server_uuid: action.serverUuid })
    .where('id', '>', action.id)
    .whereIn('action', overtaking)
    .orderBy('id');
  return actionNoun.fromRows(rows);
}

/** The open actions of a server, the oldest first. */
export async function openActions(reader: Reader, serverUuid: string): Promise<InstanceAction[]> {
  const rows: Row[] = await reader('instance_actions')
    .select(actionNoun.columns)
    .where({ server_uuid: serverUuid })
    .whereIn('state', [...openStates])
    .orderBy('id');
  return actionNoun.fromRows(rows);
}

const ended = (message: string | null, input: unknown, nowMs: number) => ({
  state: 'done',
  message,
  finish_time: nowMs,
  updated_at: nowMs,
  input: toJson(input),
  lease_owner: null,
  lease_until: null,
});

/** Ends an action: `message` is Nova's `Error`, or null. The input becomes what may be kept of it. */
export async function finishAction(
  tx: Tx,
  id: number,
  message: string | null,
  input: unknown,
  nowMs: number,
): Promise<void> {
  const touched: number = await tx('instance_actions')
    .where({ id })
    .update(ended(message, input, nowMs));
  invariant(touched === 1, `action ${id}, which ends, has a row`);
}

/** An action that is not over, if its lease is the owner's. */
const heldBy = (tx: Tx, id: number, owner: string) =>
  tx('instance_actions')
    .where({ id, lease_owner: owner })
    .whereIn('state', [...openStates]);

/** As `finishAction` without a message, if the lease is held and nothing overtook the action; else false, and nothing is written. */
export const finishHeld = async (tx: Tx, id: number, owner: string, input: unknown, nowMs: number): Promise<boolean> =>
  (await heldBy(tx, id, owner)
    .where({ cancel: 0 })
    .update(ended(null, input, nowMs))) === 1;

/** Begins a step; an event that was begun and not finished goes on. Returns it as it reads back. */
export async function startEvent(tx: Tx, actionId: number, event: string, nowMs: number): Promise<EventLog> {
  const id = await insertRow(tx, eventNoun, { actionId, event, startTime: nowMs });
  const open = { finishTime: null, result: null, traceback: null, details: null, host: null, undo: null, output: null };
  return { id, actionId, event, startTime: nowMs, ...open };
}

export interface EventEnd {
  readonly result: 'Success' | 'Error';
  readonly output?: unknown;
  readonly details?: string | null;
  readonly traceback?: string | null;
  readonly host?: string | null;
}

/** Ends a step. Returns its event as it reads back. */
export async function finishEvent(tx: Tx, event: EventLog, end: EventEnd, nowMs: number): Promise<EventLog> {
  const ended = {
    result: end.result,
    details: end.details?.slice(0, limits.faultDetailChars) ?? null,
    traceback: end.traceback?.slice(0, limits.faultDetailChars) ?? null,
    host: end.host ?? null,
  };
  const finished = { ...ended, finishTime: nowMs };
  const touched = await updateRows(tx, eventNoun, { id: event.id }, { ...finished, output: end.output });
  invariant(touched === 1, `event ${event.id} of action ${event.actionId}, which ends, has a row`);
  const output = end.output === undefined ? event.output : fromJson(toJson(end.output));
  return { ...event, ...finished, output };
}

/** Says of a step that is under way what it waits for. */
export async function noteDetails(tx: Tx, id: number, details: string): Promise<void> {
  await updateRows(tx, eventNoun, { id }, { details: details.slice(0, limits.faultDetailChars) });
}

export async function markUndo(tx: Tx, id: number, undo: 'done' | 'failed'): Promise<void> {
  invariant((await updateRows(tx, eventNoun, { id }, { undo })) === 1, `event ${id}, which is undone, has a row`);
}
