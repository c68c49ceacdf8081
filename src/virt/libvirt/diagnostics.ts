// Why: libvirt tells all counters of a domain in one answer, as a flat list of names; here they become a value. Interfaces are
// named by their devices on the host there, so the definition says which card each one is.

import { limits } from '../../base/limits.ts';
import { secondsBetween } from '../../base/clock.ts';
import type { Diagnostics, DiskUse, NicUse, Traffic, VcpuUse } from '../../domain/servers/server-diagnostics.ts';
import { withRates } from '../../domain/servers/usage.ts';
import { power } from '../../domain/servers/servers.ts';
import { powerOf } from './guest.ts';
import { domainOf, type Host, notRunning } from './host.ts';
import * as vir from './rpc/constants.ts';
import type { TypedParams } from './rpc/types.ts';
import { attributeOf, children, find, readXml } from './xml.ts';

/** The statistics that counters are read from. */
export const WANTED =
  vir.VIR_DOMAIN_STATS_BALLOON |
  vir.VIR_DOMAIN_STATS_VCPU |
  vir.VIR_DOMAIN_STATS_INTERFACE |
  vir.VIR_DOMAIN_STATS_BLOCK;

const number = (params: TypedParams, name: string): number => Number(params[name] ?? 0);

/** The numbers of a group's members: `vcpu.0.time` is one of the group `vcpu`. A member may be missing: an unplugged vCPU. */
function membersOf(params: TypedParams, group: string): number[] {
  const found = Object.keys(params).flatMap((name) => {
    const [, index] = new RegExp(`^${group}\\.(\\d+)\\.`).exec(name) ?? [];
    return index === undefined ? [] : [Number(index)];
  });
  return [...new Set(found)].sort((a, b) => a - b);
}

function traffic(params: TypedParams, prefix: string): Traffic {
  return {
    octets: number(params, `${prefix}.bytes`),
    packets: number(params, `${prefix}.pkts`),
    errors: number(params, `${prefix}.errs`),
    drops: number(params, `${prefix}.drop`),
  };
}

function diskOf(params: TypedParams, prefix: string): DiskUse {
  return {
    device: String(params[`${prefix}.name`]),
    readBytes: number(params, `${prefix}.rd.bytes`),
    readRequests: number(params, `${prefix}.rd.reqs`),
    writeBytes: number(params, `${prefix}.wr.bytes`),
    writeRequests: number(params, `${prefix}.wr.reqs`),
  };
}

const deviceOf = (params: TypedParams, name: string, prefix: string): NicUse['device'] => ({
  name,
  received: traffic(params, `${prefix}.rx`),
  sent: traffic(params, `${prefix}.tx`),
});

/** The interfaces that have counters, by the names of their devices. */
const countedNics = (params: TypedParams): ReadonlyMap<string, string> =>
  new Map(membersOf(params, 'net').map((index) => [String(params[`net.${index}.name`]), `net.${index}`]));

function nicsOf(params: TypedParams, xml: string): NicUse[] {
  const counted = countedNics(params);
  const devices = find(readXml(xml), 'devices');
  return (devices === null ? [] : children(devices, 'interface')).map((card) => {
    const name = attributeOf(card, 'target', 'dev') ?? '';
    const prefix = counted.get(name);
    return {
      mac: attributeOf(card, 'mac', 'address') ?? '',
      device: prefix === undefined ? null : deviceOf(params, name, prefix),
    };
  });
}

/** libvirt names these two otherwise where they stand alone. */
const memoryNames: Readonly<Record<string, string>> = { current: 'actual', 'last-update': 'last_update' };

function memoryOf(params: TypedParams): Record<string, number> {
  const entries = Object.entries(params).flatMap(([name, value]) => {
    const [, word] = /^balloon\.(.+)$/.exec(name) ?? [];
    if (word === undefined || word === 'maximum' || typeof value !== 'number') return [];
    return [[memoryNames[word] ?? word, value] as const];
  });
  return Object.fromEntries(entries);
}

function cpuOf(params: TypedParams, id: number): VcpuUse {
  const delay = params[`vcpu.${id}.delay`];
  return {
    id,
    timeNs: number(params, `vcpu.${id}.time`),
    ...(delay === undefined ? {} : { stealNs: Number(delay) }),
  };
}

/** Libvirt's counters of a guest, without its definition: which card an interface is, they do not say. Pure. */
export const countedBy = (params: TypedParams): Omit<Diagnostics, 'hypervisor'> => ({
  maximumKib: number(params, 'balloon.maximum'),
  memory: memoryOf(params),
  cpus: membersOf(params, 'vcpu').map((id) => cpuOf(params, id)),
  disks: membersOf(params, 'block').map((index) => diskOf(params, `block.${index}`)),
  nics: [...countedNics(params)].map(([name, prefix]) => ({ mac: '', device: deviceOf(params, name, prefix) })),
});

/** Libvirt's counters as a value. Pure. */
export const diagnosticsFrom = (hypervisor: string, params: TypedParams, xml: string): Diagnostics => ({
  hypervisor,
  ...countedBy(params),
  nics: nicsOf(params, xml),
});

/** Of a running guest, looked at twice; throws `conflict` for any other. */
export async function readDiagnostics(host: Host, uuid: string): Promise<Diagnostics> {
  const { connection, choice, clock } = host;
  const domain = await domainOf(host, uuid);
  if ((await powerOf(connection, domain)) !== power.running) throw notRunning(uuid);
  const look = async () => {
    const [stats, xml] = await Promise.all([
      connection.connectGetAllDomainStats([domain], WANTED),
      connection.domainGetXMLDesc(domain),
    ]);
    return { found: diagnosticsFrom(choice.virtType, stats[0]?.params ?? {}, xml), atMs: clock.now() };
  };
  const before = await look();
  await clock.sleep(limits.usageLookMs);
  const after = await look();
  return withRates(before.found, after.found, secondsBetween(before.atMs, after.atMs));
}
