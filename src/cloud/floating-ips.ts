// Why: floating addresses belong to the network service; the compute API proxies them as Nova does, and adds the names of their networks (pools)
// and the servers that they point to.

import { badRequest, conflict, Fault, forbidden, internal, notFound } from '../base/errors.ts';
import { isUuidLike } from '../base/ids.ts';
import type { Caller } from '../base/op.ts';
import type { FloatingIp } from '../domain/networks/networks.ts';
import type { NetworkProxy, ShownFloatingIp } from './network.ts';
import type { NetworkApi } from './network-api.ts';
import { portsOfServer } from './port-mark.ts';

type FloatingVerbs =
  | 'floatingPools'
  | 'floatingIps'
  | 'floatingIp'
  | 'createFloatingIp'
  | 'deleteFloatingIp'
  | 'associateFloatingIp'
  | 'disassociateFloatingIp';

/** Nova's `default_floating_pool`. */
const DEFAULT_POOL = 'nova';

const NO_SUCH = { code: 'FloatingIpNotFound' } as const;

async function shown(api: NetworkApi, caller: Caller, ips: readonly FloatingIp[]): Promise<ShownFloatingIp[]> {
  if (ips.length === 0) return [];
  const networks = await api.networks(caller, [...new Set(ips.map(({ networkId }) => networkId))]);
  return Promise.all(
    ips.map(async (ip) => {
      const pool = networks.find(({ id }) => id === ip.networkId)?.name || ip.networkId;
      const port = ip.portId === null ? null : await api.port(caller, ip.portId);
      return { ...ip, pool, serverUuid: port === null || port.deviceId === '' ? null : port.deviceId };
    }),
  );
}

async function oneShown(api: NetworkApi, caller: Caller, ip: FloatingIp): Promise<ShownFloatingIp> {
  const [one] = await shown(api, caller, [ip]);
  return one as ShownFloatingIp;
}

const noSuchId = (id: string): Fault => notFound(`Floating IP not found for ID ${id}`, NO_SUCH);

async function byId(api: NetworkApi, caller: Caller, id: string): Promise<ShownFloatingIp> {
  const ip = isUuidLike(id) ? await api.floatingIp(caller, id) : null;
  if (ip === null) throw noSuchId(id);
  return oneShown(api, caller, ip);
}

/** A floating IP by its address, as the caller may see it. */
async function byAddress(api: NetworkApi, caller: Caller, address: string): Promise<ShownFloatingIp> {
  const [ip, ...more] = await api.floatingIps(caller, { address });
  if (ip === undefined) throw notFound(`Floating IP not found for address ${address}.`, NO_SUCH);
  if (more.length > 0) {
    throw conflict(`Multiple floating IPs are found for address ${address}.`, { code: 'FloatingIpMultipleFound' });
  }
  return oneShown(api, caller, ip);
}

/** The fault for a failed creation, in Nova's words. */
function creationFault(error: unknown, pool: string | null): unknown {
  if (!(error instanceof Fault)) return error;
  const { code, message, kind } = error;
  if (code === 'IpAddressGenerationFailure' || code === 'ExternalIpAddressExhausted') {
    return notFound(pool === null ? 'No more floating IPs available.' : `No more floating IPs in pool ${pool}.`, {
      code,
    });
  }
  if (code === 'OverQuota') {
    return forbidden(pool === null ? 'IP allocation over quota.' : `IP allocation over quota in pool ${pool}.`, {
      code,
    });
  }
  return kind === 'badRequest' ? badRequest(message, { code }) : error;
}

export function makeFloatingProxy(api: NetworkApi): Pick<NetworkProxy, FloatingVerbs> {
  const pools = async (caller: Caller) => (await api.seenNetworks(caller)).filter(({ external }) => external);

  return {
    floatingPools: pools,

    async floatingIps(caller) {
      return shown(api, caller, await api.floatingIps(caller, { projectId: caller.projectId ?? '' }));
    },

    floatingIp: (caller, id) => byId(api, caller, id),

    async createFloatingIp(caller, pool) {
      const wanted = pool ?? DEFAULT_POOL;
      const [network, ...more] = (await pools(caller)).filter(({ id, name }) => id === wanted || name === wanted);
      if (network === undefined) throw notFound('Floating IP pool not found.', { code: 'FloatingIpPoolNotFound' });
      if (more.length > 0) throw internal(`Multiple floating IP pools matches found for name '${wanted}'`);
      try {
        return await oneShown(api, caller, await api.createFloatingIp(caller, network.id));
      } catch (error) {
        throw creationFault(error, pool);
      }
    },

    async deleteFloatingIp(caller, id) {
      const { serverUuid } = await byId(api, caller, id);
      if (!(await api.deleteFloatingIp(caller, id))) throw noSuchId(id);
      return serverUuid;
    },

    async associateFloatingIp(caller, server, address, fixedIp) {
      const port = (await portsOfServer(api, server)).find(({ fixedIps }) =>
        fixedIps.some((ip) => ip.address === fixedIp),
      );
      if (port === undefined)
        throw badRequest(`Fixed IP not found for address ${fixedIp}.`, { code: 'FixedIpNotFound' });
      const [ip, ...more] = await api.floatingIps(caller, { address });
      if (ip === undefined) throw notFound('floating IP not found', NO_SUCH);
      if (more.length > 0) throw badRequest(`Multiple floating IPs are found for address ${address}.`);
      const { serverUuid: before } = await oneShown(api, caller, ip);
      try {
        await api.pointFloatingIp(caller, ip.id, { portId: port.id, fixedIp });
      } catch (error) {
        if (error instanceof Fault && error.kind === 'conflict') throw badRequest(error.message, { code: error.code });
        throw error;
      }
      return before === server.uuid ? null : before;
    },

    async disassociateFloatingIp(caller, { uuid: serverUuid }, address) {
      const ip = await byAddress(api, caller, address);
      if (ip.serverUuid !== serverUuid) {
        throw conflict(`Floating IP ${address} is not associated with instance ${serverUuid}.`, {
          code: 'FloatingIpNotAssociated',
        });
      }
      await api.pointFloatingIp(caller, ip.id, null);
    },
  };
}
