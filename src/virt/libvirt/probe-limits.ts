// Why: a limit is worth what the host's kernel makes of it. Without control groups libvirt takes a guest's share of the processors and
// drops it; without the kernel's traffic control no guest with a bandwidth starts. Small guests that never run say which limits hold here.

import { messageOf } from '../../base/errors.ts';
import type { LimitKind } from '../../domain/machines/limits-request.ts';
import { startProbe, type VirtChoice } from './probe.ts';
import * as vir from './rpc/constants.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import type { DomainRef } from './rpc/types.ts';
import { endXml, leaf, text, type XMLBuilder } from './xml.ts';

/** Twice the usual. */
const SHARES = 2_048;
/** In KiB per second. */
const AVERAGE = 1_024;

function writeBandwidth(devices: XMLBuilder, way: 'inbound' | 'outbound'): void {
  const device = devices.ele('interface', { type: 'ethernet' });
  leaf(device.ele('bandwidth'), way, { average: AVERAGE });
}

type Probe = {
  readonly [K in LimitKind]: {
    readonly write: (domain: XMLBuilder, devices: XMLBuilder) => void;
    /** Rejects where the limit was taken and dropped. */
    readonly check?: (calls: LibvirtCalls, domain: DomainRef) => Promise<unknown>;
  };
};

const probes: Probe = {
  cpu: {
    write: (domain) => text(domain.ele('cputune'), 'shares', SHARES),
    check: (calls, domain) => calls.domainGetSchedulerType(domain),
  },
  inbound: { write: (_domain, devices) => writeBandwidth(devices, 'inbound') },
  outbound: { write: (_domain, devices) => writeBandwidth(devices, 'outbound') },
};

/** Why a limit does not hold here, or null. */
async function problemOf(
  calls: LibvirtCalls,
  { virtType, arch }: Pick<VirtChoice, 'virtType' | 'arch'>,
  kind: LimitKind,
): Promise<string | null> {
  const domain = startProbe({ virtType, arch });
  const devices = domain.ele('devices');
  leaf(devices, 'controller', { type: 'usb', model: 'none' });
  probes[kind].write(domain, devices);
  try {
    const made = await calls.domainCreateXML(endXml(domain), vir.VIR_DOMAIN_START_PAUSED);
    try {
      await probes[kind].check?.(calls, made);
    } finally {
      await calls.domainDestroyFlags(made).catch(() => {});
    }
    return null;
  } catch (error) {
    return messageOf(error).trim();
  }
}

/** The limits that hold on this host, and why each of the others does not. */
export async function findLimits(
  calls: LibvirtCalls,
  choice: Pick<VirtChoice, 'virtType' | 'arch'>,
): Promise<{ readonly held: readonly LimitKind[]; readonly problems: Readonly<Partial<Record<LimitKind, string>>> }> {
  const kinds = Object.keys(probes) as LimitKind[];
  const found = await Promise.all(kinds.map((kind) => problemOf(calls, choice, kind)));
  return {
    held: kinds.filter((_, index) => found[index] === null),
    problems: Object.fromEntries(kinds.flatMap((kind, index) => (found[index] === null ? [] : [[kind, found[index]]]))),
  };
}
