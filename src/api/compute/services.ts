// Why: operators see here whether the cloud's own processes live, and take a host out of use. Until 2.52 a service is named by
// host and binary and the path says what to do; from 2.53 on it is named by its uuid and the body says what it becomes.

import { isoMicros } from '../../base/clock.ts';
import { badRequest, notFound } from '../../base/errors.ts';
import { history, versioned, derive } from '../../base/history.ts';
import { isUuidLike } from '../../base/ids.ts';
import { findService, listServices, type Service, type ServiceStatus } from '../../db/services.ts';
import { isHostUp } from '../../domain/placement/hosts.ts';
import { boolean, closed, hostName, isTrue, multi, queryHistory, text, wholeId } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const COMPUTE = 'nova-compute';

/** Processes that serve HTTP are not among the services that a cloud places work on; Nova lists none of them. */
export const isApiService = ({ binary }: Service): boolean =>
  binary === 'nova-osapi_compute' || binary === 'nova-metadata';

/** When a service last reported or was changed, in milliseconds. */
export function seenAt({ lastSeenAt, updatedAt }: Service): number | null {
  const latest = Math.max(lastSeenAt ?? 0, updatedAt ?? 0);
  return latest === 0 ? null : latest;
}

const short = { type: 'string', minLength: 1, maxLength: 255 };

const actionBody = derive(
  history<unknown>({ host: hostName, binary: short, disabled_reason: short }, [
    { at: '2.11', add: { forced_down: boolean } },
  ]),
  (form) => closed(form, ['host', 'binary']),
);

interface ActionBody {
  readonly host: string;
  readonly binary: string;
  readonly disabled_reason?: string;
  readonly forced_down?: boolean | string;
}

const updateBody = closed({
  status: { type: 'string', enum: ['enabled', 'disabled'] },
  disabled_reason: short,
  forced_down: boolean,
});

interface UpdateBody {
  readonly status?: 'enabled' | 'disabled';
  readonly disabled_reason?: string;
  readonly forced_down?: boolean | string;
}

const listQuery = queryHistory(history<unknown>({ host: multi(text), binary: multi(text) }), '2.75');

const fields = history<Field<Service, Call['services']>>(
  {
    binary: (service) => service.binary,
    host: (service) => service.host,
    id: (service) => service.id,
    zone: (service) => service.zone,
    status: (service) => (service.disabled ? 'disabled' : 'enabled'),
    state: (service, { clock, settings }) => (isHostUp(service, clock.now(), settings.hostDownMs) ? 'up' : 'down'),
    updated_at: (service) => {
      const at = seenAt(service);
      return at === null ? null : isoMicros(at);
    },
    disabled_reason: (service) => service.disabledReason,
  },
  [
    { at: '2.11', add: { forced_down: (service) => service.forcedDown } },
    { at: '2.53', add: { id: (service) => service.uuid } },
  ],
);

const byUuid = versioned(false, ['2.53', true]);

async function list({ query, services }: Call): Promise<Service[]> {
  const host = query['host']?.at(-1);
  const binary = query['binary']?.at(-1);
  const found = await listServices(services.db, { ...(host ? { host } : {}), ...(binary ? { binary } : {}) });
  return found.filter((service) => !isApiService(service));
}

/** What the words of the path make of a service, and what the answer says of it. */
type Action = (body: ActionBody) => { readonly status: ServiceStatus; readonly shown: object };

const needed = <T>(value: T | undefined, message: string): T => {
  if (value === undefined) throw badRequest(message);
  return value;
};

const enable: Action = () => ({ status: { disabled: false, disabledReason: null }, shown: { status: 'enabled' } });
const disable: Action = () => ({ status: { disabled: true, disabledReason: null }, shown: { status: 'disabled' } });
const disableForReason: Action = ({ disabled_reason }) => {
  const reason = needed(disabled_reason, 'Missing disabled reason field');
  return {
    status: { disabled: true, disabledReason: reason },
    shown: { status: 'disabled', disabled_reason: reason },
  };
};
const forceDown: Action = ({ forced_down }) => {
  const down = isTrue(needed(forced_down, 'Missing forced_down field'));
  return { status: { forcedDown: down }, shown: { forced_down: down } };
};

const actions = history<Action>({ enable, disable, 'disable-log-reason': disableForReason }, [
  { at: '2.11', add: { 'force-down': forceDown } },
]);

function checkCompute(binary: string): void {
  if (binary === COMPUTE) return;
  throw badRequest(`Updating a ${binary} service is not supported. Only nova-compute services can be updated.`);
}

async function act({ op, services, params, body }: Call<'none', ActionBody>) {
  const word = params['service_id'] as string;
  const known = actions.at(op.minor);
  if (!Object.hasOwn(known, word)) throw notFound('Unknown action');
  const { status, shown } = (known[word] as Action)(body);
  const { host, binary } = body;
  checkCompute(binary);
  const service = await findService(services.db, { host, binary });
  if (service === null) throw notFound(`Host '${host}' is not mapped to any cell`);
  await services.ops.setServiceStatus(op, { uuid: service.uuid }, status);
  return { host, binary, ...shown };
}

/** Throws Nova's 400 for what is not written as a service's id at this version. */
function checkId({ op, params }: Pick<Call, 'op' | 'params'>): void {
  const id = params['service_id'] as string;
  if (!byUuid.at(op.minor)) wholeId(id);
  else if (!isUuidLike(id)) throw badRequest(`Invalid uuid ${id}`);
}

async function serviceOf({ op, services, params }: Pick<Call, 'op' | 'services' | 'params'>, missing: string) {
  const id = params['service_id'] as string;
  if (byUuid.at(op.minor)) {
    const service = await findService(services.db, { uuid: id });
    if (service === null) throw notFound(missing);
    return service;
  }
  const service = (await listServices(services.db)).find((one) => one.id === Number(id));
  if (service === undefined) throw notFound(missing);
  return service;
}

async function update(call: Call<'none', UpdateBody>): Promise<Service> {
  const { op, services, params, body } = call;
  const service = await serviceOf(call, `Service ${params['service_id']} could not be found.`);
  checkCompute(service.binary);
  if (body.status === 'enabled' && body.disabled_reason !== undefined) {
    throw badRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.");
  }
  const status: ServiceStatus = {
    ...(body.status === undefined
      ? {}
      : {
          disabled: body.status === 'disabled',
          disabledReason: body.status === 'disabled' ? (body.disabled_reason ?? null) : null,
        }),
    ...(body.forced_down === undefined ? {} : { forcedDown: isTrue(body.forced_down) }),
  };
  if (Object.keys(status).length === 0) {
    throw badRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.");
  }
  return services.ops.setServiceStatus(op, { uuid: service.uuid }, status);
}

async function remove(call: Call): Promise<void> {
  const service = await serviceOf(call, `Service ${call.params['service_id']} not found.`);
  await call.services.ops.deleteService(call.op, { uuid: service.uuid });
}

export default resource({
  'GET /os-services': route()({
    summary: 'List the services with their hosts and states.',
    policy: 'os_compute_api:os-services:list',
    query: listQuery,
    status: 200,
    run: list,
    shows: fields,
    view: (found, { op, services }) => ({ services: found.map(viewOf(fields, op.minor, services)) }),
  }),
  'PUT /os-services/:service_id': [
    route<'none', ActionBody>()({
      summary: 'Enable, disable (with a reason) or force down a service; the path says which.',
      policy: 'os_compute_api:os-services:update',
      until: '2.52',
      body: actionBody,
      status: 200,
      run: act,
      view: (service) => ({ service }),
    }),
    route<'none', UpdateBody>()({
      summary: 'Enable, disable or force down a service.',
      policy: 'os_compute_api:os-services:update',
      since: '2.53',
      body: updateBody,
      beforeRule: checkId,
      status: 200,
      run: update,
      shows: fields,
      view: (service, { op, services }) => ({ service: viewOf(fields, op.minor, services)(service) }),
    }),
  ],
  'DELETE /os-services/:service_id': route()({
    summary: 'Delete the record of a service that is no more.',
    policy: 'os_compute_api:os-services:delete',
    beforeTarget: checkId,
    status: 204,
    run: remove,
  }),
});
