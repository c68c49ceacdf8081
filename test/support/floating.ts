// Why: the built-in network service has no floating addresses; tests of what compute does with them bring their own, in memory.

import { Fault, type FaultKind } from '../../src/base/errors.ts';
import { newUuid } from '../../src/base/ids.ts';
import type { Caller } from '../../src/base/op.ts';
import type { FloatingApi, FloatingFilter } from '../../src/cloud/network-api.ts';
import type { FloatingIp } from '../../src/domain/network.ts';

export interface Floating extends FloatingApi {
  /** The next change is refused like this. */
  refuse(kind: FaultKind, code: string, message: string): void;
}

type Owned = FloatingIp & { readonly projectId: string | null };

/** Addresses 172.24.4.1 and on. */
export function makeFloating(): Floating {
  const ips = new Map<string, Owned>();
  let made = 0;
  let refusal: Fault | null = null;
  const trip = (): void => {
    const fault = refusal;
    refusal = null;
    if (fault !== null) throw fault;
  };
  const isMeant = (ip: Owned, filter: FloatingFilter): boolean => {
    if ('projectId' in filter) return ip.projectId === filter.projectId;
    if ('address' in filter) return ip.address === filter.address;
    return ip.portId !== null && filter.portIds.includes(ip.portId);
  };
  const sees = (as: Caller | null, ip: Owned): boolean => as === null || as.isAdmin || ip.projectId === as.projectId;
  return {
    refuse: (kind, code, message) => void (refusal = new Fault(kind, message, { code })),
    floatingIps: async (as, filter) => [...ips.values()].filter((ip) => sees(as, ip) && isMeant(ip, filter)),
    async floatingIp(caller, id) {
      const ip = ips.get(id);
      return ip !== undefined && sees(caller, ip) ? ip : null;
    },
    async createFloatingIp({ projectId }, networkId) {
      trip();
      const ip = {
        id: newUuid(),
        address: `172.24.4.${(made += 1)}`,
        networkId,
        portId: null,
        fixedIp: null,
        projectId,
      };
      ips.set(ip.id, ip);
      return ip;
    },
    async pointFloatingIp(_caller, id, to) {
      trip();
      const ip = ips.get(id);
      if (ip !== undefined) ips.set(id, { ...ip, portId: to?.portId ?? null, fixedIp: to?.fixedIp ?? null });
    },
    deleteFloatingIp: async (_caller, id) => ips.delete(id),
  };
}
