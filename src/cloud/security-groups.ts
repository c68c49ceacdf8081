// Why: security groups belong to the network service; the compute API proxies them with Nova's error messages.

import { badRequest, conflict, Fault, type FaultKind, forbidden, notFound } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { NetworkName } from '../domain/networks/networks.ts';
import type { NetworkProxy, OwnedServer } from './network.ts';
import type { NetworkApi, PortFacts } from './network-api.ts';
import { portsOfServer } from './port-mark.ts';

type GroupVerbs =
  | 'securityGroups'
  | 'securityGroup'
  | 'securityGroupsById'
  | 'createSecurityGroup'
  | 'updateSecurityGroup'
  | 'deleteSecurityGroup'
  | 'createGroupRule'
  | 'deleteGroupRule'
  | 'groupsOfServer'
  | 'addSecurityGroup'
  | 'removeSecurityGroup';

const gone = (id: string): Fault => notFound(`Security group ${id} does not exist`, { code: 'SecurityGroupNotFound' });
const ruleGone = (id: string): Fault =>
  notFound(`Security group rule ${id} does not exist`, { code: 'SecurityGroupRuleNotFound' });

const makers = { badRequest, forbidden, notFound, conflict } as const;

/** Changes the kind of some faults, keeping the service's own message. */
async function saying<T>(kinds: Partial<Record<FaultKind, keyof typeof makers>>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const kind = error instanceof Fault ? kinds[error.kind] : undefined;
    if (kind === undefined) throw error;
    const { message, code } = error as Fault;
    throw makers[kind](message, { code, cause: error });
  }
}

/** The id of the group with a name or id; null: there is none. Rejects if several have the name. */
export function idOfGroup(known: readonly NetworkName[], group: string): string | null {
  if (known.some(({ id }) => id === group)) return group;
  const [first, ...more] = known.filter(({ name }) => name === group);
  if (more.length > 0) {
    throw conflict(`Multiple security_group matches found for name '${group}', use an ID to be more specific.`, {
      code: 'NoUniqueMatch',
    });
  }
  return first?.id ?? null;
}

async function ownGroup(api: NetworkApi, caller: Caller, group: string): Promise<string> {
  const id = idOfGroup(await api.groupIds(caller), group);
  if (id !== null) return id;
  throw notFound(`Security group ${group} is not found for project ${caller.projectId}`, {
    code: 'SecurityGroupNotFound',
  });
}

async function portsOf(api: NetworkApi, server: OwnedServer): Promise<readonly PortFacts[]> {
  const ports = await portsOfServer(api, server);
  if (ports.length > 0) return ports;
  throw notFound(`instance_id ${server.uuid} could not be found as device id on any ports`, {
    code: 'SecurityGroupNotFound',
  });
}

export function makeGroupProxy(api: NetworkApi): Pick<NetworkProxy, GroupVerbs> {
  return {
    securityGroups: (caller, everyProject) => api.securityGroups(caller, everyProject ? null : caller.projectId),

    async securityGroup(caller, id) {
      const [group] = await api.securityGroupsById(caller, [id]);
      if (group === undefined) throw gone(id);
      return group;
    },

    securityGroupsById: (caller, ids) => api.securityGroupsById(caller, ids),

    // a conflict on creation is an exceeded quota
    createSecurityGroup: (caller, name, description) =>
      saying({ conflict: 'forbidden' }, api.createSecurityGroup(caller, name, description)),

    async updateSecurityGroup(caller, id, name, description) {
      const group = await saying(
        { conflict: 'badRequest', forbidden: 'badRequest' },
        api.updateSecurityGroup(caller, id, name, description),
      );
      if (group === null) throw gone(id);
      return group;
    },

    async deleteSecurityGroup(caller, id) {
      if (!(await saying({ conflict: 'badRequest' }, api.deleteSecurityGroup(caller, id)))) throw gone(id);
    },

    createGroupRule: (caller, rule) => saying({ conflict: 'forbidden' }, api.createGroupRule(caller, rule)),

    async deleteGroupRule(caller, id) {
      if (!(await api.deleteGroupRule(caller, id))) throw ruleGone(id);
    },

    async groupsOfServer(caller, server) {
      const ids = (await portsOfServer(api, server)).flatMap(({ securityGroups }) => securityGroups);
      const groups = await api.securityGroupsById(caller, [...new Set(ids)]);
      return ids.flatMap((id) => groups.find((group) => group.id === id) ?? []);
    },

    async addSecurityGroup(caller, server, group) {
      const id = await ownGroup(api, caller, group);
      for (const port of await portsOf(api, server)) {
        if (!port.portSecurity || port.fixedIps.length === 0) {
          throw badRequest(
            'Network requires port_security_enabled and subnet associated in order to apply security groups.',
            { code: 'SecurityGroupCannotBeApplied' },
          );
        }
        const securityGroups = [...new Set([...port.securityGroups, id])];
        await api.changePort(caller, port.id, { securityGroups });
      }
    },

    async removeSecurityGroup(caller, server, group) {
      const id = await ownGroup(api, caller, group);
      const having = (await portsOf(api, server)).filter(({ securityGroups }) => securityGroups.includes(id));
      if (having.length === 0) {
        throw notFound(`Security group ${group} not associated with the instance ${server.uuid}`, {
          code: 'SecurityGroupNotFound',
        });
      }
      for (const port of having) {
        await api.changePort(caller, port.id, { securityGroups: port.securityGroups.filter((one) => one !== id) });
      }
    },
  };
}
