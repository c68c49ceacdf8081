// Why: counters only ever grow; what people ask is how much a guest takes now. Two looks at the counters and the time between them say it,
// the same for every driver, and what a guest tells of its own memory is never believed beyond what it can have.

import type { Pressure } from '../adjustment/autoscale.ts';
import type { GuestCounters, GuestMemory, GuestUsage, HostUsage, IoAmounts, NetworkAmounts } from './measures.ts';
import type { Diagnostics, NicUse, Traffic } from './server-diagnostics.ts';

const NS = 1e9;
const KIB = 1024;
const PERCENT = 100;

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((all, item) => all + of(item), 0);

/** A number that can be: what is none, or less than nothing, is null. */
const sane = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) || value < 0 ? null : value;

function memoryOf({ memory, maximumKib }: Pick<Diagnostics, 'memory' | 'maximumKib'>): GuestMemory {
  const mib = (kib: number | null): number | null =>
    kib === null ? null : Math.round(Math.min(kib, maximumKib) / KIB);
  return {
    balloonMb: mib(sane(memory['actual'])),
    // libvirt calls available what the guest has, and usable what is left of it
    totalMb: mib(sane(memory['available'])),
    availableMb: mib(sane(memory['usable'])),
  };
}

const trafficOf = (nics: readonly NicUse[], of: (traffic: NicUse['device'] & object) => number): number =>
  sum(nics, ({ device }) => (device === null ? 0 : of(device)));

export function countersOf(
  found: Pick<Diagnostics, 'memory' | 'maximumKib' | 'cpus' | 'disks' | 'nics'>,
): GuestCounters {
  const { cpus, disks, nics } = found;
  return {
    vcpus: cpus.length,
    cpuNs: sum(cpus, ({ timeNs }) => timeNs),
    stealNs: cpus.some(({ stealNs }) => stealNs !== undefined) ? sum(cpus, ({ stealNs = 0 }) => stealNs) : null,
    disk: {
      readBytes: sum(disks, ({ readBytes }) => readBytes),
      writeBytes: sum(disks, ({ writeBytes }) => writeBytes),
      reads: sum(disks, ({ readRequests }) => readRequests),
      writes: sum(disks, ({ writeRequests }) => writeRequests),
    },
    network: {
      receivedBytes: trafficOf(nics, ({ received }) => received.octets),
      sentBytes: trafficOf(nics, ({ sent }) => sent.octets),
      receivedPackets: trafficOf(nics, ({ received }) => received.packets),
      sentPackets: trafficOf(nics, ({ sent }) => sent.packets),
    },
    memory: memoryOf(found),
  };
}

/** Three digits behind the point, and never less than nothing: the counters of a guest that was started anew begin anew. */
const perSecond = (before: number, after: number, seconds: number): number =>
  seconds <= 0 ? 0 : Math.round((Math.max(0, after - before) / seconds) * 1000) / 1000;

const rates = <T extends IoAmounts | NetworkAmounts>(before: T, after: T, seconds: number): T =>
  Object.fromEntries(
    Object.entries(after).map(([name, value]) => [
      name,
      Math.round(perSecond(before[name as keyof T] as number, value as number, seconds)),
    ]),
  ) as unknown as T;

/** What a guest took between two looks. */
export function usageBetween(before: GuestCounters, after: GuestCounters, seconds: number): GuestUsage {
  const steals = before.stealNs === null || after.stealNs === null;
  return {
    seconds: Math.round(seconds * 1000) / 1000,
    vcpus: after.vcpus,
    cpu: perSecond(before.cpuNs / NS, after.cpuNs / NS, seconds),
    steal: steals ? null : perSecond((before.stealNs ?? 0) / NS, (after.stealNs ?? 0) / NS, seconds),
    disk: rates(before.disk, after.disk, seconds),
    network: rates(before.network, after.network, seconds),
    memory: after.memory,
  };
}

/** The later of two looks, with what each part took a second between them. */
export function withRates(before: Diagnostics, after: Diagnostics, seconds: number): Diagnostics {
  const cpus = new Map(before.cpus.map(({ id, timeNs }) => [id, timeNs]));
  const nics = new Map(before.nics.map(({ mac, device }) => [mac, device]));
  const rated = (was: Traffic | undefined, is: Traffic): Traffic =>
    was === undefined ? is : { ...is, octetsPerSecond: Math.round(perSecond(was.octets, is.octets, seconds)) };
  return {
    ...after,
    cpus: after.cpus.map((cpu) => {
      const was = cpus.get(cpu.id);
      if (was === undefined) return cpu;
      return {
        ...cpu,
        utilisation: Math.min(PERCENT, Math.round(perSecond(was / NS, cpu.timeNs / NS, seconds) * PERCENT)),
      };
    }),
    nics: after.nics.map(({ mac, device }) => {
      if (device === null) return { mac, device };
      const was = nics.get(mac);
      return {
        mac,
        device: { ...device, received: rated(was?.received, device.received), sent: rated(was?.sent, device.sent) },
      };
    }),
    usage: usageBetween(countersOf(before), countersOf(after), seconds),
  };
}

/** A number that was told by a machine that may be anybody's: what can't be is nothing. */
const told = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.min(value, Number.MAX_SAFE_INTEGER) : 0;
const toldOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : told(value));

/** What a host told of a guest, of the form that it must have. */
export const believableUsage = (usage: GuestUsage): GuestUsage => ({
  seconds: told(usage.seconds),
  vcpus: told(usage.vcpus),
  cpu: told(usage.cpu),
  steal: toldOrNull(usage.steal),
  disk: {
    readBytes: told(usage.disk?.readBytes),
    writeBytes: told(usage.disk?.writeBytes),
    reads: told(usage.disk?.reads),
    writes: told(usage.disk?.writes),
  },
  network: {
    receivedBytes: told(usage.network?.receivedBytes),
    sentBytes: told(usage.network?.sentBytes),
    receivedPackets: told(usage.network?.receivedPackets),
    sentPackets: told(usage.network?.sentPackets),
  },
  memory: {
    balloonMb: toldOrNull(usage.memory?.balloonMb),
    totalMb: toldOrNull(usage.memory?.totalMb),
    availableMb: toldOrNull(usage.memory?.availableMb),
  },
});

/** What of a guest's usage says whether it has too little or too much. */
export const pressureOf = ({ vcpus, cpu, steal, memory: { totalMb, availableMb } }: GuestUsage): Pressure => ({
  ...{ vcpus, cpu, steal, totalMb, availableMb },
});

/** As `believableUsage`; of more memory available than there is, all of it is. */
export function believablePressure(said: Partial<Pressure> | null | undefined): Pressure {
  const pressure = said ?? {};
  const [totalMb, availableMb] = [toldOrNull(pressure.totalMb), toldOrNull(pressure.availableMb)];
  return {
    vcpus: told(pressure.vcpus),
    cpu: told(pressure.cpu),
    steal: toldOrNull(pressure.steal),
    totalMb,
    availableMb: totalMb === null || availableMb === null ? null : Math.min(totalMb, availableMb),
  };
}

const MOST_POOLS = 16;
const POOL_NAME_CHARACTERS = 64;

/** As `believableUsage`, of the host itself. */
export const believableHostUsage = ({ load, cpus, memoryMb, availableMb, pools }: HostUsage): HostUsage => ({
  load: told(load),
  cpus: told(cpus),
  memoryMb: told(memoryMb),
  availableMb: told(availableMb),
  pools: (Array.isArray(pools) ? pools : []).slice(0, MOST_POOLS).map(({ name, totalGb, freeGb }) => ({
    name: String(name).slice(0, POOL_NAME_CHARACTERS),
    totalGb: told(totalGb),
    freeGb: told(freeGb),
  })),
});
