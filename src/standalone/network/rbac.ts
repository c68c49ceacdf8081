// Why: a network may be shared with one project alone, or be the way outside of one, without all others seeing it.

import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import { type AccessAction, EVERYBODY, type NetworkAccess, networkAccessNoun } from '../../db/network-rbac.ts';
import { deleteRow, networkNoun, portNoun, rowsBy, type StoredNetwork, subnetNoun } from '../../db/networks.ts';
import { routerNoun } from '../../db/routers.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import type { Tx } from '../../db/tx.ts';
import { newUuid } from '../../base/ids.ts';
import { changeable, required } from './common.ts';
import { inUse, invalidInput, missing, notAllowed, sharedIpv6NotOffered } from './faults.ts';
import { type Form, oneOf, saying, uuid } from './forms.ts';
import { networks } from './network-noun.ts';
import type { Act, Noun } from './noun.ts';
import { metBy } from './on-network.ts';

const FLAGS: Readonly<Record<AccessAction, 'shared' | 'router:external'>> = {
  access_as_shared: 'shared',
  access_as_external: 'router:external',
};

/** The network, which nobody changes meanwhile, if it is the caller's to give. @throws notFound, badRequest */
async function ownNetwork({ tx, everywhere, caller }: Act, id: string): Promise<StoredNetwork> {
  const network = await lockRow(tx, networkNoun, { id });
  if (network === null) throw missing('network', id);
  if (everywhere || network.projectId === caller.projectId) return network;
  const met = await metBy(tx, caller.projectId, network);
  if (!met.shared && !met.external) throw missing('network', id);
  throw invalidInput('Only admins can manipulate policies on networks they do not own');
}

/** Something of a project's is there that it may have by this policy alone. @throws conflict */
async function mustBeUnused(tx: Tx, { objectId, action, targetProject, id }: NetworkAccess): Promise<void> {
  const network = await findRow(tx, networkNoun, { id: objectId });
  if (network === null || network.projectId === targetProject) return;
  const isUsed =
    action === 'access_as_shared'
      ? !network.shared && (await rowsBy(tx, portNoun, 'network_id', [objectId])).some(isOf(targetProject))
      : !network.external &&
        ((await rowsBy(tx, floatingIpNoun, 'floating_network_id', [objectId])).some(isOf(targetProject)) ||
          (await routersOutBy(tx, objectId)).some(isOf(targetProject)));
  if (isUsed)
    throw inUse(
      'RbacPolicyInUse',
      `RBAC policy on object ${objectId} cannot be removed because other objects depend on it: ${id}.`,
    );
}

const isOf =
  (project: string) =>
  ({ projectId }: { readonly projectId: string }): boolean =>
    projectId === project;

/** Routers that lead to a network by their gateway. */
const routersOutBy = (tx: Tx, networkId: string) => rowsBy(tx, routerNoun, 'gateway_network_id', [networkId]);

/** A project's id, or everybody. */
const projectOrAll: Form = {
  schema: {
    type: 'string',
    pattern: '^(?:\\*|[\\w-]{1,64})$',
    ...saying({ '*': "{value} is neither the id of a project nor '*'." }),
  },
};

export const rbacPolicies: Noun<NetworkAccess> = {
  singular: 'rbac_policy',
  collection: 'rbac_policies',
  quota: 'rbac_policy',
  rows: networkAccessNoun,
  attributes: {
    object_type: required(oneOf(['network'])),
    object_id: required(uuid),
    action: required(oneOf(['access_as_shared', 'access_as_external'])),
    target_tenant: { ...changeable(projectOrAll), required: true },
  },
  filters: {
    id: { column: 'id' },
    project_id: { column: 'project_id' },
    tenant_id: { column: 'project_id' },
    object_id: { column: 'object_id' },
    object_type: { always: 'network' },
    action: { column: 'action' },
    target_tenant: { column: 'target_project' },
    target_project: { column: 'target_project' },
  },
  sortable: ['id', 'project_id', 'tenant_id', 'object_id', 'action', 'created_at'],
  sees: async () => false,
  views: async (_reader, _caller, policies) =>
    policies.map(({ id, projectId, objectId, action, targetProject }) => ({
      id,
      tenant_id: projectId,
      project_id: projectId,
      object_type: 'network',
      object_id: objectId,
      action,
      target_tenant: targetProject,
    })),
  wished: ({ target_tenant: target }) => ({ target_all: target === EVERYBODY }),
  async create(act, values) {
    const { tx, now, everywhere, engine } = act;
    const {
      object_id: objectId,
      action,
      target_tenant: target,
    } = values as {
      readonly object_id: string;
      readonly action: AccessAction;
      readonly target_tenant: string;
    };
    const network = await ownNetwork(act, objectId);
    // as the attribute router:external is an administrator's to set
    if (action === 'access_as_external' && !everywhere)
      throw invalidInput('Only admins can make a network the way outside of a project');
    const key = { object_id: objectId, action, target_project: target };
    if ((await findRow(tx, networkAccessNoun, key)) !== null)
      throw inUse('RbacPolicyExists', `An RBAC policy already exists with those values: ${objectId}, ${target}.`);
    if (target === EVERYBODY) {
      await networks.update(act, network, { [FLAGS[action]]: true });
      const made = await findRow(tx, networkAccessNoun, key);
      if (made === null) throw missing('rbac_policy', objectId);
      return made;
    }
    if (action === 'access_as_shared' && engine.kind === 'ovn' && (await hasIpv6(tx, objectId)))
      throw sharedIpv6NotOffered();
    const policy: NetworkAccess = {
      id: newUuid(),
      projectId: network.projectId,
      objectId,
      action,
      targetProject: target,
      createdAt: now,
    };
    await insertRow(tx, networkAccessNoun, policy);
    return policy;
  },
  async update(act, policy, values) {
    const target = values['target_tenant'] as string | undefined;
    if (target === undefined || target === policy.targetProject) return policy;
    await rbacPolicies.remove(act, policy);
    const { objectId, action } = policy;
    const made = await rbacPolicies.create(act, { object_id: objectId, action, target_tenant: target });
    // a change keeps its id
    await act.tx(networkAccessNoun.table).where({ id: made.id }).update({ id: policy.id });
    return { ...made, id: policy.id };
  },
  async remove(act, policy) {
    const { tx, everywhere } = act;
    const network = await lockRow(tx, networkNoun, { id: policy.objectId });
    if (network === null) throw missing('rbac_policy', policy.id);
    if (policy.targetProject === EVERYBODY) {
      // as the network's own attributes, which say the same
      if (!everywhere) throw notAllowed('delete_rbac_policy');
      await networks.update(act, network, { [FLAGS[policy.action]]: false });
      return;
    }
    await mustBeUnused(tx, policy);
    await deleteRow(tx, networkAccessNoun, policy.id);
  },
  units: async (_reader, before, after) => {
    const policy = after ?? before;
    return policy === null ? [] : [unitOf.network(policy.objectId)];
  },
};

const hasIpv6 = async (tx: Tx, networkId: string): Promise<boolean> =>
  (await rowsBy(tx, subnetNoun, 'network_id', [networkId])).some(({ ipVersion }) => ipVersion === 6);
