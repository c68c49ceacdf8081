// Why: what the driver knows of one domain, in the words of a server: its state, what it has, what it can have.

import type { GuestView } from '../../domain/servers/guests.ts';
import { power, type PowerState } from '../../domain/servers/servers.ts';
import type { GuestAgent } from './agent.ts';
import { isUnanswered, isVirError } from './errors.ts';
import { memoryWayIn } from './memory.ts';
import * as vir from './rpc/constants.ts';
import type { LibvirtCalls, MemoryStats } from './rpc/procedures.ts';
import type { DomainRef } from './rpc/types.ts';
import { toKib, toMib } from './units.ts';

/** virDomainShutoffReason: it ended by crashing, or QEMU failed. */
const SHUTOFF_CRASHED = 3;
const SHUTOFF_FAILED = 6;
/** Its memory was stored (managed save). */
const SHUTOFF_SAVED = 5;

export interface GuestDeps {
  readonly calls: LibvirtCalls;
  readonly agent: Pick<GuestAgent, 'online'>;
}

/** The domain of that server on this host, or null. */
export async function findDomain(calls: LibvirtCalls, uuid: string): Promise<DomainRef | null> {
  return await calls.domainLookupByUUID(uuid).catch(ifGone(null));
}

/** For a call on a domain that somebody may have removed meanwhile. */
export const ifGone =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isVirError(error, 'VIR_ERR_NO_DOMAIN')) return value;
    throw error;
  };

/** libvirt's state and reason as Nova's power state. */
function powerStateOf(state: number, reason: number): PowerState {
  switch (state) {
    case vir.VIR_DOMAIN_RUNNING:
    case vir.VIR_DOMAIN_BLOCKED:
    // it was asked to go and still runs
    case vir.VIR_DOMAIN_SHUTDOWN:
      return power.running;
    case vir.VIR_DOMAIN_PAUSED:
      return power.paused;
    case vir.VIR_DOMAIN_SHUTOFF:
      if (reason === SHUTOFF_SAVED) return power.suspended;
      return reason === SHUTOFF_CRASHED || reason === SHUTOFF_FAILED ? power.crashed : power.shutdown;
    case vir.VIR_DOMAIN_CRASHED:
      return power.crashed;
    case vir.VIR_DOMAIN_PMSUSPENDED:
      return power.suspended;
    default:
      return power.noState;
  }
}

/** Whether the domain is at rest: off, crashed, or with its memory stored. */
export async function isOff(calls: LibvirtCalls, domain: DomainRef): Promise<boolean> {
  return atRest((await calls.domainGetState(domain)).state);
}

const NOT_ARRIVING = [
  'VIR_ERR_OPERATION_INVALID',
  'VIR_ERR_NO_DOMAIN',
  'VIR_ERR_SYSTEM_ERROR',
  'VIR_ERR_OPERATION_FAILED',
  'VIR_ERR_OPERATION_TIMEOUT',
] as const;

/** Whether the domain is one that is still on its way here: its guest runs elsewhere. */
export async function isArriving(calls: LibvirtCalls, domain: DomainRef): Promise<boolean> {
  const seen = await calls.domainGetState(domain).catch(ifGone(null));
  if (seen?.state !== vir.VIR_DOMAIN_PAUSED) return false;
  // how far a guest is, libvirt tells where it leaves only
  return await calls.domainGetJobStats(domain).then(
    () => false,
    (error: unknown) => {
      if (isVirError(error, 'VIR_ERR_OPERATION_UNSUPPORTED')) return true;
      // it left, went off, or died, meanwhile; or leaves, and its own move keeps libvirt from looking
      if (isUnanswered(error) || NOT_ARRIVING.some((name) => isVirError(error, name))) return false;
      throw error;
    },
  );
}

const atRest = (state: number): boolean => state === vir.VIR_DOMAIN_SHUTOFF || state === vir.VIR_DOMAIN_CRASHED;

export async function powerOf(calls: LibvirtCalls, domain: DomainRef): Promise<PowerState> {
  const { state, reason } = await calls.domainGetState(domain);
  return powerStateOf(state, reason);
}

/**
 * The balloon's statistics; nothing for a guest that is busy, has none, or went off meanwhile, nor for one whose QEMU hangs: the
 * others of its host are told all the same, and the host with them.
 */
export async function memoryOf(calls: LibvirtCalls, domain: DomainRef): Promise<MemoryStats> {
  try {
    return await calls.domainMemoryStats(domain);
  } catch (error) {
    const expected = ['VIR_ERR_OPERATION_INVALID', 'VIR_ERR_OPERATION_TIMEOUT', 'VIR_ERR_OPERATION_FAILED'] as const;
    if (isUnanswered(error) || expected.some((name) => isVirError(error, name))) return {};
    throw error;
  }
}

/** What the hypervisor and the guest say now. For a guest that is off: what it would boot with. */
export async function viewOf(deps: GuestDeps, domain: DomainRef): Promise<GuestView> {
  const { calls, agent } = deps;
  const [{ state, reason }, info] = await Promise.all([calls.domainGetState(domain), calls.domainGetInfo(domain)]);
  const powerState = powerStateOf(state, reason);
  const running = powerState === power.running;
  const impact = atRest(state) ? vir.VIR_DOMAIN_AFFECT_CONFIG : vir.VIR_DOMAIN_AFFECT_LIVE;
  const [maxVcpus, xml, stats, online] = await Promise.all([
    calls.domainGetVcpusFlags(domain, vir.VIR_DOMAIN_VCPU_MAXIMUM | impact).catch(notRunning(info.vcpus)),
    calls.domainGetXMLDesc(domain),
    running ? memoryOf(calls, domain) : NO_STATS,
    running ? agent.online(domain) : null,
  ]);
  const way = memoryWayIn(xml);
  const memoryKib = atRest(state) ? way.bootsKib(info, xml) : way.hasKib(info, stats);
  return {
    uuid: domain.uuid,
    powerState,
    size: { vcpus: info.vcpus, memoryMb: toMib(memoryKib) },
    onlineVcpus: online,
    availableMb: stats.usableKib === undefined ? null : Math.floor(stats.usableKib / toKib(1)),
    maximum: { vcpus: maxVcpus, memoryMb: toMib(info.maxMemKib) },
  };
}

const NO_STATS: MemoryStats = {};

// it went off between two calls: the event that follows will have it looked at again
const notRunning =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isVirError(error, 'VIR_ERR_OPERATION_INVALID')) return value;
    throw error;
  };
