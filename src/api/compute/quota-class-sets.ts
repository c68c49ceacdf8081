// Why: an operator changes what every project has unless its own quotas are set: the class `default`. Others are only stored.

import { badRequest } from '../../base/errors.ts';
import { type History, history } from '../../base/history.ts';
import { noQuery, wrappedHistory } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import {
  each,
  fileQuotas,
  groupQuotas,
  limit,
  type LimitsBody,
  networkQuotas,
  numbersOf,
  otherQuotas,
  setOf,
} from './quota-sets.ts';

const ungrouped = [...otherQuotas, ...networkQuotas, ...fileQuotas];
const withoutFiles = { at: '2.57', drop: fileQuotas };

/** Server groups could be set from the first, but were shown only from 2.50 on. */
const shown: History<true> = history<true>(each(ungrouped, true), [
  { at: '2.50', add: each(groupQuotas, true), drop: networkQuotas },
  withoutFiles,
]);

const body = wrappedHistory(
  'quota_class_set',
  history<unknown>(each<unknown>([...ungrouped, ...groupQuotas], limit), [
    { at: '2.50', drop: networkQuotas },
    withoutFiles,
  ]),
);

interface Body {
  readonly quota_class_set: LimitsBody;
}

/** What a class may be called at most, in characters. */
const NAME_CHARS = 255;

const nameOf = ({ params }: Pick<Call, 'params'>): string => params['class_name'] as string;

function update(call: Call<'none', Body>) {
  const name = nameOf(call);
  if (name.length > NAME_CHARS) {
    throw badRequest(`quota_class_name has ${name.length} characters, more than ${NAME_CHARS}.`);
  }
  return call.services.ops.updateClassQuota(call.op, name, numbersOf(call.body.quota_class_set));
}

export default resource({
  'GET /os-quota-class-sets/:class_name': route()({
    summary: 'Show the quotas of a class.',
    policy: 'os_compute_api:os-quota-class-sets:show',
    query: noQuery,
    status: 200,
    run: (call) => call.services.ops.readClassQuota(call.op, nameOf(call)),
    view: (limits, call) => ({
      quota_class_set: { id: nameOf(call), ...setOf(shown, call.op.minor, (name) => limits[name]) },
    }),
  }),
  'PUT /os-quota-class-sets/:class_name': route<'none', Body>()({
    summary: 'Set the quotas of a class; those of `default` are every project’s that has none of its own.',
    policy: 'os_compute_api:os-quota-class-sets:update',
    body,
    status: 200,
    run: update,
    view: (limits, { op }) => ({ quota_class_set: setOf(shown, op.minor, (name) => limits[name]) }),
  }),
});
