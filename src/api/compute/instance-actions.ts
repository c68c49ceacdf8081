// Why: what was done to a server, by whom and how it ended: the sagas' own log, as Nova shows it.

import { isoMicros } from '../../base/clock.ts';
import { badRequest, notFound } from '../../base/errors.ts';
import { derive, history, versioned } from '../../base/history.ts';
import {
  type ActionEvent,
  findAction,
  type InstanceAction,
  listActions,
  listEvents,
} from '../../db/instance-actions.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { nextLinks, pageOf } from '../links.ts';
import { dateTime, nonNegativeInteger, query, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { parseDateTime } from '../../base/date-time.ts';
import { hostIdOf } from './servers/view.ts';

const once = (item: object) => ({ type: 'array', items: item, maxItems: 1 });

const strictList = derive(
  history<unknown>({ limit: once(nonNegativeInteger), marker: once(text), 'changes-since': once(dateTime) }, [
    { at: '2.66', add: { 'changes-before': once(dateTime) } },
  ]),
  (form) => query(form, 'strict'),
);
const listQuery = versioned(query({}, 'lenient'), ['2.58', strictList.at(58)], ['2.66', strictList.at(66)]);
const showQuery = versioned(query({}, 'lenient'), ['2.102', query({}, 'strict')]);

/** Named changes of behaviour and fields over the versions. */
const features = history<true>({}, [
  { at: '2.21', add: { deletedServers: true } },
  { at: '2.51', add: { eventsForAll: true } },
  { at: '2.58', add: { paging: true, updatedAt: true } },
  { at: '2.62', add: { host: true } },
  { at: '2.84', add: { details: true } },
]);

function actionView(action: InstanceAction, minor: number) {
  return {
    action: action.action,
    instance_uuid: action.serverUuid,
    request_id: action.requestId,
    user_id: action.userId,
    project_id: action.projectId,
    start_time: isoMicros(action.startTime),
    message: action.message,
    ...(features.at(minor).updatedAt ? { updated_at: isoMicros(action.updatedAt) } : {}),
  };
}

interface EventRights {
  /** See tracebacks and hosts. */
  readonly all: boolean;
  readonly details: boolean;
}

function eventView(event: ActionEvent, action: InstanceAction, rights: EventRights, minor: number) {
  const has = features.at(minor);
  return {
    event: event.event,
    start_time: isoMicros(event.startTime),
    finish_time: event.finishTime === null ? null : isoMicros(event.finishTime),
    result: event.result,
    ...(rights.all ? { traceback: event.traceback } : {}),
    ...(has.host ? { hostId: hostIdOf(action.projectId, event.host) } : {}),
    // Nova's events all have one; a step before the server had a host has none to name
    ...(has.host && rights.all && event.host !== null ? { host: event.host } : {}),
    ...(has.details && rights.details ? { details: event.details } : {}),
  };
}

/** Nova shows the actions of a deleted server only from 2.21 on. */
function mustBeThere(call: Call<'server-or-deleted'>): Server {
  const server = call.target as Server;
  if (server.deleted && !features.at(call.op.minor).deletedServers)
    throw notFound(`Instance ${server.uuid} could not be found.`);
  return server;
}

function timeOf(call: Call<'server-or-deleted'>, key: string): number | undefined {
  const value = call.query[key]?.[0];
  return value === undefined ? undefined : (parseDateTime(value) ?? undefined);
}

async function list(call: Call<'server-or-deleted'>): Promise<readonly InstanceAction[]> {
  const server = mustBeThere(call);
  const maximum = call.services.settings.pageSize;
  const page = features.at(call.op.minor).paging ? pageOf(call.query, maximum) : { limit: maximum, marker: null };
  const changesSince = timeOf(call, 'changes-since');
  const changesBefore = timeOf(call, 'changes-before');
  if (changesSince !== undefined && changesBefore !== undefined && changesSince > changesBefore) {
    throw badRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  return listActions(call.services.db, server.uuid, {
    ...page,
    ...(changesSince === undefined ? {} : { changesSince }),
    ...(changesBefore === undefined ? {} : { changesBefore }),
  });
}

async function show(call: Call<'server-or-deleted'>) {
  const server = mustBeThere(call);
  const requestId = call.params.request_id as string;
  const action = await findAction(call.services.db, server.uuid, requestId);
  if (action === null) throw notFound(`Action ${requestId} not found`);
  return { action, events: await listEvents(call.services.db, [action.id]) };
}

export default resource({
  'GET /servers/:server_id/os-instance-actions': route<'server-or-deleted'>()({
    summary: 'List what was done to a server, newest first.',
    policy: 'os_compute_api:os-instance-actions:list',
    target: 'server-or-deleted',
    query: listQuery,
    status: 200,
    run: list,
    view: (actions, call) => {
      const ids = actions.map((action) => action.requestId);
      const { pageSize } = call.services.settings;
      const links = features.at(call.op.minor).paging
        ? nextLinks(call.url, call.query, pageOf(call.query, pageSize), pageSize, ids)
        : [];
      return {
        instanceActions: actions.map((action) => actionView(action, call.op.minor)),
        ...(links.length === 0 ? {} : { links }),
      };
    },
  }),
  'GET /servers/:server_id/os-instance-actions/:request_id': route<'server-or-deleted'>()({
    summary: 'Show one action with its steps.',
    policy: 'os_compute_api:os-instance-actions:show',
    alsoAsks: ['os_compute_api:os-instance-actions:events', 'os_compute_api:os-instance-actions:events:details'],
    target: 'server-or-deleted',
    query: showQuery,
    status: 200,
    run: show,
    view: ({ action, events }, call) => {
      const { minor } = call.op;
      const rights = {
        all: call.allows('os_compute_api:os-instance-actions:events'),
        details: call.allows('os_compute_api:os-instance-actions:events:details'),
      };
      const shown = rights.all || features.at(minor).eventsForAll;
      return {
        instanceAction: {
          ...actionView(action, minor),
          ...(shown ? { events: events.toReversed().map((event) => eventView(event, action, rights, minor)) } : {}),
        },
      };
    },
  }),
});
