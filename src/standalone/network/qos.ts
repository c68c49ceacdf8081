// Why: how much ports may send and be sent is said by policies: administrators make them, for all projects or one, and networks and ports
// name them. Only OVN enforces that, so with it alone they are had.

import type { Caller } from '../../base/op.ts';
import { forbidden } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { deleteRow, networkNoun, portNoun, replaceRow, rowsBy } from '../../db/networks.ts';
import { limitNoun, policyNoun, portsUnderPolicy, type StoredLimit, type StoredPolicy } from '../../db/qos.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import type { Values } from './attributes.ts';
import {
  born,
  changeable,
  changed,
  commonFilters,
  commonSortable,
  commonView,
  nameAndDescription,
  required,
} from './common.ts';
import { inUse, invalid, missing } from './faults.ts';
import { boolean, integer, oneOf, orNull, uuid } from './forms.ts';
import type { Act, Noun } from './noun.ts';
import { ownedBy } from './rules.ts';

const MOST_KBPS = 2_147_483_647;

const notOffered = () =>
  invalid('QoS policies are had with the network engine ovn alone: nothing else here enforces them.', 'NotOffered');

/** How networks and ports name a policy. */
export const qosPolicyId = changeable(orNull(uuid));

const mayUse = ({ everywhere, caller }: Act, policy: StoredPolicy): boolean =>
  everywhere || policy.shared || policy.projectId === caller.projectId;

/**
 * The policy that an object is to name; undefined: the values do not say.
 * @param before what it names
 * @throws notFound for one that the caller may not use; forbidden where somebody else's is to be taken away
 */
export async function policyOf(act: Act, values: Values, before: string | null): Promise<string | null | undefined> {
  const asked = values['qos_policy_id'] as string | null | undefined;
  if (asked === undefined || asked === before) return undefined;
  if (act.engine.kind === 'basic' && asked !== null) throw notOffered();
  const old = before === null ? null : await findRow(act.tx, policyNoun, { id: before });
  if (old !== null && !mayUse(act, old)) {
    throw forbidden(`User does not have authority to remove QoS policy ${old.id}.`, {
      code: 'PolicyRemoveAuthorizationError',
    });
  }
  if (asked === null) return null;
  // it is not deleted until the object names it
  const policy = await lockRow(act.tx, policyNoun, { id: asked });
  if (policy === null || !mayUse(act, policy)) throw missing('policy', asked);
  return policy.id;
}

const limitView = ({ id, maxKbps, maxBurstKbps, direction }: StoredLimit) => ({
  id,
  max_kbps: maxKbps,
  max_burst_kbps: maxBurstKbps,
  direction,
});

const touched = async (reader: Reader, policyId: string) => (await portsUnderPolicy(reader, policyId)).map(unitOf.port);

export const policies: Noun<StoredPolicy> = {
  singular: 'policy',
  collection: 'policies',
  quota: 'qos_policy',
  rows: policyNoun,
  attributes: { ...nameAndDescription, shared: changeable(boolean, false) },
  filters: { ...commonFilters, shared: { column: 'shared', as: 'bool' } },
  sortable: [...commonSortable, 'shared'],
  sees: async (_reader, _caller, { shared }) => shared,
  targets: async (_reader, found) => found.map(({ shared }) => ({ shared })),
  async views(reader, _caller, found) {
    const ids = found.map(({ id }) => id);
    const limits = Map.groupBy(await rowsBy(reader, limitNoun, 'qos_policy_id', ids), ({ policyId }) => policyId);
    return found.map((policy) => ({
      ...commonView(policy),
      shared: policy.shared,
      is_default: false,
      rules: (limits.get(policy.id) ?? []).map((limit) => ({
        ...limitView(limit),
        qos_policy_id: policy.id,
        type: 'bandwidth_limit',
      })),
    }));
  },
  async create({ tx, now, engine }, values) {
    if (engine.kind === 'basic') throw notOffered();
    const policy: StoredPolicy = { ...born(values, now), shared: values['shared'] as boolean };
    await insertRow(tx, policyNoun, policy);
    return policy;
  },
  async update({ tx, now }, policy, values) {
    const next = changed(policy, now, values, { shared: 'shared' });
    await replaceRow(tx, policyNoun, next);
    return next;
  },
  async remove({ tx }, policy) {
    for (const [noun, word] of [
      [networkNoun, 'network'],
      [portNoun, 'port'],
    ] as const) {
      const [user] = await rowsBy<{ readonly id: string }>(tx, noun, 'qos_policy_id', [policy.id]);
      if (user !== undefined) throw inUse('QosPolicyInUse', `QoS Policy ${policy.id} is used by ${word} ${user.id}.`);
    }
    for (const { id } of await rowsBy(tx, limitNoun, 'qos_policy_id', [policy.id])) await deleteRow(tx, limitNoun, id);
    await deleteRow(tx, policyNoun, policy.id);
  },
};

/** @throws where the policy has a limit of that direction already */
async function checkAlone({ tx }: Act, policyId: string, direction: string, except: string): Promise<void> {
  // of two that come at once, one finds the other
  if ((await lockRow(tx, policyNoun, { id: policyId })) === null) throw missing('policy', policyId);
  const others = await rowsBy(tx, limitNoun, 'qos_policy_id', [policyId]);
  if (others.some((other) => other.id !== except && other.direction === direction)) {
    throw inUse(
      'QoSRulesConflict',
      `Rule bandwidth_limit conflicts with a rule of ${direction} that QoS policy ${policyId} has already.`,
    );
  }
}

const limitAttributes: Noun<StoredLimit>['attributes'] = {
  max_kbps: { ...required(integer(1, MOST_KBPS)), onUpdate: true },
  max_burst_kbps: changeable(integer(0, MOST_KBPS), 0),
  direction: changeable(oneOf(['egress', 'ingress']), 'egress'),
};

/** Those of a policy. */
export const limitsOf = (policyId: string): Noun<StoredLimit> => ({
  singular: 'bandwidth_limit_rule',
  collection: 'bandwidth_limit_rules',
  ruled: 'policy_bandwidth_limit_rule',
  quota: 'qos_rule',
  rows: limitNoun,
  within: { qos_policy_id: policyId },
  attributes: limitAttributes,
  filters: {
    id: { column: 'id' },
    direction: { column: 'direction' },
    max_kbps: { column: 'max_kbps', as: 'number' },
    max_burst_kbps: { column: 'max_burst_kbps', as: 'number' },
  },
  sortable: ['id', 'direction', 'max_kbps', 'max_burst_kbps'],
  // whoever sees the policy sees what it says
  sees: async () => true,
  async targets(reader, limits) {
    const shared = (await findRow(reader, policyNoun, { id: policyId }))?.shared ?? false;
    return limits.map(() => ({ shared }));
  },
  views: async (_reader: Reader, _caller: Caller, limits) => limits.map(limitView),
  async wanted({ tx }) {
    const policy = await findRow(tx, policyNoun, { id: policyId });
    if (policy === null) throw missing('policy', policyId);
    return ownedBy(policy.projectId);
  },
  async create(act, values) {
    const direction = values['direction'] as string;
    await checkAlone(act, policyId, direction, '');
    const limit: StoredLimit = {
      ...{ id: newUuid(), policyId, direction, createdAt: act.now, updatedAt: act.now },
      projectId: (await findRow(act.tx, policyNoun, { id: policyId }))?.projectId ?? '',
      maxKbps: values['max_kbps'] as number,
      maxBurstKbps: values['max_burst_kbps'] as number,
    };
    await insertRow(act.tx, limitNoun, limit);
    return limit;
  },
  async update(act, limit, values) {
    const next: StoredLimit = {
      ...limit,
      direction: (values['direction'] as string | undefined) ?? limit.direction,
      maxKbps: (values['max_kbps'] as number | undefined) ?? limit.maxKbps,
      maxBurstKbps: (values['max_burst_kbps'] as number | undefined) ?? limit.maxBurstKbps,
      updatedAt: act.now,
    };
    await checkAlone(act, policyId, next.direction, limit.id);
    await replaceRow(act.tx, limitNoun, next);
    return next;
  },
  remove: ({ tx }, { id }) => deleteRow(tx, limitNoun, id),
  units: (reader) => touched(reader, policyId),
});
