// Why: loading and authorising are one act. A target comes out of here only when the caller may know that it exists; somebody
// else's is as absent as none.

import { notFound } from '../base/errors.ts';
import type { Op } from '../base/op.ts';
import { findPolicy } from '../db/adjust-policies.ts';
import { findFlavor } from '../db/flavors.ts';
import { findServerGroup } from '../db/server-groups.ts';
import { findServer } from '../db/servers.ts';
import type { Server } from '../domain/servers/servers.ts';
import type { PolicyTarget, TargetKind, Targets } from './resource.ts';
import type { Services } from './services.ts';

type Loader<K extends TargetKind> = (op: Op, services: Services, id: string) => Promise<Targets[K]>;

const mine = (op: Op, server: Server): boolean => op.caller.isAdmin || server.projectId === op.caller.projectId;

const loadServer =
  (deleted: boolean) =>
  async (op: Op, services: Services, id: string): Promise<Server> => {
    const server = await findServer(services.db, id, { deleted });
    if (server === null || !mine(op, server)) throw notFound(`Instance ${id} could not be found.`, { code: 'server' });
    return server;
  };

const loaders: { readonly [K in TargetKind]: Loader<K> } = {
  server: loadServer(false),
  'server-or-deleted': loadServer(true),
  // Nova finds somebody else's and refuses it by its rule: that it is there is none of the caller's business
  'server-group': async ({ caller }, services, id) => {
    const group = await findServerGroup(services.db, id);
    if (group === null || (!caller.isAdmin && group.projectId !== caller.projectId))
      throw notFound(`Instance group ${id} could not be found.`, { code: 'serverGroup' });
    return group;
  },
  flavor: async (op, services, id) => {
    const flavor = await findFlavor(services.db, id, op.caller.isAdmin ? undefined : (op.caller.projectId ?? ''));
    if (flavor === null) throw notFound(`Flavor ${id} could not be found.`, { code: 'flavor' });
    return flavor;
  },
  'adjust-policy': async ({ caller }, services, id) => {
    const policy = await findPolicy(services.db, id);
    if (policy === null || (!caller.isAdmin && policy.projectId !== caller.projectId))
      throw notFound(`Adjust policy ${id} could not be found.`);
    return policy;
  },
  none: async () => null,
};

export const loadTarget = <K extends TargetKind>(
  kind: K,
  op: Op,
  services: Services,
  id: string,
): Promise<Targets[K]> => loaders[kind](op, services, id);

/**
 * Whether rules are compared with the owner of such a target, so that it is loaded before its rule is asked. For anything
 * else the rule comes first, as in Nova: who may not change flavors learns nothing of those hidden from them.
 */
export const isOwned = (kind: TargetKind): boolean => owned.has(kind);

const owned: ReadonlySet<TargetKind> = new Set<TargetKind>([
  'server',
  'server-or-deleted',
  'server-group',
  'adjust-policy',
]);

/** What a rule such as `project_id:%(project_id)s` is compared with: the target's owner, else the caller's own project. */
export function policyTargetOf(kind: TargetKind, target: Targets[TargetKind], op: Op): PolicyTarget {
  if (isOwned(kind) && target !== null) {
    const { projectId, userId } = target as Pick<Server, 'projectId' | 'userId'>;
    return { project_id: projectId, user_id: userId };
  }
  return { project_id: op.caller.projectId, user_id: op.caller.userId };
}
