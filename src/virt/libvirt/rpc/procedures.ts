// Why: every call that the program makes to libvirtd is one row here: number, layout of arguments and reply, which sockets it
// may occupy and for how long. The typed methods of the connection are derived from the rows. Names are libvirt's own API's;
// numbers and layouts are those of remote_protocol.x, which never change once released.

import { limits } from '../../../base/limits.ts';
import { QEMU_PROGRAM, REMOTE_PROGRAM } from './packet.ts';
import type { DomainRef, NetworkRef, NwfilterRef, SecretRef } from './types.ts';
import { readDomain, readNamed, readSecret, readTypedParams, type TypedParam } from './types.ts';
import { writeDomain, writeNamed, writeSecret, writeTypedParams } from './types.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

/**
 * Which sockets a call goes through, so that one kind cannot stall the other. `read`: answered from libvirtd's memory.
 * `job`: waits for the domain's lock or QEMU's monitor, or changes something. `slow`: may wait for a guest or its agent. `move`:
 * lasts as long as a guest is on its way to another host.
 */
export type CallClass = 'read' | 'job' | 'slow' | 'move';

const classDeadlineMs: Readonly<Record<CallClass, number>> = {
  read: limits.libvirtCallMs,
  job: limits.libvirtJobCallMs,
  slow: limits.libvirtSlowCallMs,
  move: limits.liveMigrationMs + limits.liveAbortMs,
};

export interface Procedure<Args extends readonly unknown[] = readonly never[], Reply = unknown> {
  readonly program: number;
  readonly number: number;
  readonly class: CallClass;
  readonly deadlineMs: number;
  readonly encode: (w: XdrWriter, ...args: Args) => unknown;
  readonly decode: (r: XdrReader) => Reply;
}

const row =
  (callClass: CallClass) =>
  <Args extends readonly unknown[], Reply>(
    number: number,
    encode: (w: XdrWriter, ...args: Args) => unknown,
    decode: (r: XdrReader) => Reply,
    program: number = REMOTE_PROGRAM,
  ): Procedure<Args, Reply> => ({
    ...{ program, number, class: callClass, deadlineMs: classDeadlineMs[callClass] },
    ...{ encode, decode },
  });

const read = row('read');
const job = row('job');
const slow = row('slow');
const move = row('move');

const none = (_w: XdrWriter): void => {};
const nothing = (_r: XdrReader): void => {};
const flagsOnly = (w: XdrWriter, flags: number = 0) => w.u32(flags);
const text = (r: XdrReader) => r.string();
const textIn = (w: XdrWriter, value: string) => w.string(value);
const textAndFlags = (w: XdrWriter, value: string, flags: number = 0) => w.string(value).u32(flags);
const uuidIn = (w: XdrWriter, uuid: string) => w.uuid(uuid);
const domainIn = (w: XdrWriter, domain: DomainRef) => writeDomain(w, domain);
const domainAndFlags = (w: XdrWriter, domain: DomainRef, flags: number = 0) => writeDomain(w, domain).u32(flags);
const domainXmlFlags = (w: XdrWriter, domain: DomainRef, xml: string, flags: number = 0) =>
  writeDomain(w, domain).string(xml).u32(flags);
const cpusIn = (w: XdrWriter, domain: DomainRef, cpumap: string, on: boolean, flags: number = 0) =>
  writeDomain(w, domain)
    .string(cpumap)
    .i32(on ? 1 : 0)
    .u32(flags);
const networkIn = (w: XdrWriter, network: NetworkRef) => writeNamed(w, network);
const nwfilterIn = (w: XdrWriter, nwfilter: NwfilterRef) => writeNamed(w, nwfilter);
/** Lists ask for their results (a C caller may only want the number) and get the number once more behind them. */
const listIn = (w: XdrWriter, flags: number = 0) => w.i32(1).u32(flags);
const listOut =
  <T>(item: (r: XdrReader) => T) =>
  (r: XdrReader): readonly T[] => {
    const items = r.list(item);
    r.u32();
    return items;
  };

/** Memory in KiB, CPU time in nanoseconds. */
export interface DomainInfo {
  readonly state: number;
  readonly maxMemKib: number;
  readonly memoryKib: number;
  readonly vcpus: number;
  readonly cpuTimeNs: number;
}

export interface NodeInfo {
  readonly model: string;
  readonly memoryKib: number;
  readonly cpus: number;
  readonly mhz: number;
  readonly nodes: number;
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

// `char model[32]` travels as 32 words.
function readNodeInfo(r: XdrReader): NodeInfo {
  const characters: number[] = [];
  for (let index = 0; index < 32; index += 1) characters.push(r.u32() & 0xff);
  const end = characters.indexOf(0);
  return {
    model: Buffer.from(characters.slice(0, end < 0 ? 32 : end)).toString('utf8'),
    memoryKib: r.u64Number(),
    ...{ cpus: r.i32(), mhz: r.i32(), nodes: r.i32(), sockets: r.i32(), cores: r.i32(), threads: r.i32() },
  };
}

export interface JobInfo {
  /** VIR_DOMAIN_JOB_*: 0 none, 1 bounded, 2 unbounded, 3 completed, 4 failed, 5 cancelled. */
  readonly type: number;
  readonly timeElapsedMs: number;
  readonly timeRemainingMs: number;
  readonly dataTotal: number;
  readonly dataProcessed: number;
  readonly dataRemaining: number;
  readonly memTotal: number;
  readonly memProcessed: number;
  readonly memRemaining: number;
  readonly fileTotal: number;
  readonly fileProcessed: number;
  readonly fileRemaining: number;
}

function readJobInfo(r: XdrReader): JobInfo {
  return {
    ...{ type: r.i32(), timeElapsedMs: r.u64Number(), timeRemainingMs: r.u64Number() },
    ...{ dataTotal: r.u64Number(), dataProcessed: r.u64Number(), dataRemaining: r.u64Number() },
    ...{ memTotal: r.u64Number(), memProcessed: r.u64Number(), memRemaining: r.u64Number() },
    ...{ fileTotal: r.u64Number(), fileProcessed: r.u64Number(), fileRemaining: r.u64Number() },
  };
}

/** Memory in KiB, page faults and huge pages as counts, lastUpdate in seconds since the epoch. What the guest does not tell is absent. */
export interface MemoryStats {
  readonly swapInKib?: number;
  readonly swapOutKib?: number;
  readonly majorFaults?: number;
  readonly minorFaults?: number;
  readonly unusedKib?: number;
  readonly availableKib?: number;
  /** The balloon's present size: what the guest has. */
  readonly actualKib?: number;
  readonly rssKib?: number;
  readonly usableKib?: number;
  readonly lastUpdateSeconds?: number;
  readonly diskCachesKib?: number;
  readonly hugetlbAllocations?: number;
  readonly hugetlbFailures?: number;
}

// By tag, VIR_DOMAIN_MEMORY_STAT_*.
const memoryStatNames: readonly (keyof MemoryStats)[] = [
  ...(['swapInKib', 'swapOutKib', 'majorFaults', 'minorFaults', 'unusedKib', 'availableKib', 'actualKib'] as const),
  ...(['rssKib', 'usableKib', 'lastUpdateSeconds', 'diskCachesKib', 'hugetlbAllocations', 'hugetlbFailures'] as const),
];

function readMemoryStats(r: XdrReader): MemoryStats {
  const stats: Partial<Record<keyof MemoryStats, number>> = {};
  for (const [tag, value] of r.list(() => [r.i32(), r.u64Number()] as const)) {
    const name = memoryStatNames[tag];
    if (name !== undefined) stats[name] = value;
  }
  return stats;
}

export interface DhcpLease {
  readonly bridge: string;
  /** Seconds since the epoch. */
  readonly expirySeconds: number;
  /** 4 or 6. */
  readonly family: 4 | 6;
  readonly mac: string | null;
  readonly iaid: string | null;
  readonly address: string;
  readonly prefix: number;
  readonly hostname: string | null;
  readonly clientId: string | null;
}

function readLease(r: XdrReader): DhcpLease {
  return {
    ...{ bridge: r.string(), expirySeconds: r.i64Number(), family: r.i32() === 1 ? 6 : 4 },
    ...{ mac: r.optionalString(), iaid: r.optionalString(), address: r.string(), prefix: r.u32() },
    ...{ hostname: r.optionalString(), clientId: r.optionalString() },
  };
}

export interface DomainInterface {
  readonly name: string;
  readonly mac: string | null;
  readonly addresses: readonly { readonly family: 4 | 6; readonly address: string; readonly prefix: number }[];
}

function readDomainInterface(r: XdrReader): DomainInterface {
  return {
    name: r.string(),
    mac: r.optionalString(),
    addresses: r.list(() => ({ family: r.i32() === 1 ? 6 : 4, address: r.string(), prefix: r.u32() })),
  };
}

/** The calls that make a connection; nobody else needs them. */
export const handshake = {
  authList: read(66, none, (r) => r.list(() => r.i32())),
  authPolkit: read(70, none, (r) => r.i32()),
  connectOpen: read(1, (w, name: string, flags: number = 0) => w.optionalString(name).u32(flags), nothing),
  connectClose: read(2, none, nothing),
  connectDomainEventCallbackRegisterAny: read(
    316,
    (w, eventId: number) => w.i32(eventId).optional<never>(null, () => {}),
    (r) => r.i32(),
  ),
  connectDomainEventCallbackDeregisterAny: read(317, (w, callbackId: number) => w.i32(callbackId), nothing),
} as const;

export const procedures = {
  // --- the connection and its host
  connectGetType: read(3, none, text),
  /** The hypervisor's version: major * 1000000 + minor * 1000 + release. */
  connectGetVersion: read(4, none, (r) => r.u64Number()),
  /** libvirt's own version, in the same form. */
  connectGetLibVersion: read(157, none, (r) => r.u64Number()),
  connectGetHostname: read(59, none, text),
  connectGetCapabilities: read(7, none, text),
  /** Any of the first four may be null: libvirt's default. */
  connectGetDomainCapabilities: read(
    342,
    (
      w,
      emulator: string | null,
      arch: string | null,
      machine: string | null,
      virtType: string | null,
      flags: number = 0,
    ) => w.optionalString(emulator).optionalString(arch).optionalString(machine).optionalString(virtType).u32(flags),
    text,
  ),
  connectBaselineCpu: read(
    162,
    (w, cpus: readonly string[], flags: number = 0) => w.list(cpus, (cpu) => w.string(cpu)).u32(flags),
    text,
  ),
  /**
   * Whether this hypervisor can be a processor: VIR_CPU_COMPARE_*. Any of the first four may be null: libvirt's default. With
   * VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE it says why not as an error.
   */
  connectCompareHypervisorCPU: read(
    393,
    (
      w,
      emulator: string | null,
      arch: string | null,
      machine: string | null,
      virtType: string | null,
      cpu: string,
      flags: number = 0,
    ) =>
      w
        .optionalString(emulator)
        .optionalString(arch)
        .optionalString(machine)
        .optionalString(virtType)
        .string(cpu)
        .u32(flags),
    (r) => r.i32(),
  ),
  connectGetSysinfo: read(203, flagsOnly, text),
  connectSupportsFeature: read(
    60,
    (w, feature: number) => w.i32(feature),
    (r) => r.i32() !== 0,
  ),
  nodeGetInfo: read(6, none, readNodeInfo),
  /** Free memory in bytes. */
  nodeGetFreeMemory: read(102, none, (r) => r.u64Number()),
  /**
   * The host's memory in KiB: `total`, `free`, `buffers`, `cached`; with a NUMA cell's number only the first two, of that cell.
   * libvirt wants the number of values to be foretold.
   */
  nodeGetMemoryStats: read(
    228,
    (w, cell: number = -1, flags: number = 0) =>
      w
        .i32(cell < 0 ? 4 : 2)
        .i32(cell)
        .u32(flags),
    (r): Readonly<Record<string, number>> => {
      const stats = Object.fromEntries(r.list(() => [r.string(), r.u64Number()] as const));
      r.i32();
      return stats;
    },
  ),
  /** Names of node devices; flags say of which kinds. */
  connectListAllNodeDevices: read(285, listIn, listOut(text)),
  nodeDeviceGetXMLDesc: read(114, textAndFlags, text),
  connectListAllDomains: read(273, listIn, listOut(readDomain)),
  /** Of the domains given, or of all when none is; `stats` are VIR_DOMAIN_STATS_*, 0 for all of them. */
  connectGetAllDomainStats: job(
    344,
    (w, domains: readonly DomainRef[] = [], stats: number = 0, flags: number = 0) =>
      w
        .list(domains, (domain) => writeDomain(w, domain))
        .u32(stats)
        .u32(flags),
    (r) => r.list(() => ({ domain: readDomain(r), params: readTypedParams(r) })),
  ),

  // --- domains
  domainLookupByUUID: read(24, uuidIn, readDomain),
  domainLookupByName: read(23, textIn, readDomain),
  domainDefineXMLFlags: job(350, textAndFlags, readDomain),
  /** Only of a guest that is in a control group for its processors. */
  domainGetSchedulerType: read(56, domainIn, (r) => ({ type: text(r), parameters: r.i32() })),
  domainCreateXML: slow(10, textAndFlags, readDomain),
  domainCreateWithFlags: slow(196, domainAndFlags, readDomain),
  domainDestroyFlags: job(234, domainAndFlags, nothing),
  domainUndefineFlags: job(231, domainAndFlags, nothing),
  domainShutdownFlags: slow(258, domainAndFlags, nothing),
  domainReboot: slow(27, domainAndFlags, nothing),
  domainReset: job(245, domainAndFlags, nothing),
  domainSuspend: job(34, domainIn, nothing),
  domainResume: job(28, domainIn, nothing),
  domainInjectNMI: job(210, domainAndFlags, nothing),
  /** Through the guest's agent. */
  domainSetUserPassword: slow(
    357,
    (w, domain: DomainRef, user: string, password: string, flags: number = 0) =>
      writeDomain(w, domain).optionalString(user).optionalString(password).u32(flags),
    nothing,
  ),
  domainManagedSave: slow(182, domainAndFlags, nothing),
  domainGetInfo: read(
    16,
    domainIn,
    (r): DomainInfo => ({
      ...{ state: r.u32(), maxMemKib: r.u64Number(), memoryKib: r.u64Number(), vcpus: r.u32() },
      cpuTimeNs: r.u64Number(),
    }),
  ),
  domainGetState: read(212, domainAndFlags, (r) => ({ state: r.i32(), reason: r.i32() })),
  domainGetXMLDesc: read(14, domainAndFlags, text),
  /** Unplugging waits up to 5 s for each vCPU; error 68 then means "asked, not confirmed". */
  domainSetVcpusFlags: slow(
    199,
    (w, domain: DomainRef, vcpus: number, flags: number = 0) => writeDomain(w, domain).u32(vcpus).u32(flags),
    nothing,
  ),
  domainGetVcpusFlags: read(200, domainAndFlags, (r) => r.i32()),
  /** Turns vCPUs of the guest on or off through its agent; `cpumap` like `1-3`. */
  domainSetGuestVcpus: slow(372, cpusIn, nothing),
  /** From the guest's agent: `vcpus`, `online`, `offlinable`, each like `0-3`. */
  domainGetGuestVcpus: slow(371, domainAndFlags, readTypedParams),
  /** Plugs or unplugs the named vCPUs. */
  domainSetVcpu: slow(384, cpusIn, nothing),
  domainSetMemoryFlags: job(
    204,
    (w, domain: DomainRef, memoryKib: number, flags: number = 0) => writeDomain(w, domain).u64(memoryKib).u32(flags),
    nothing,
  ),
  domainSetMemoryStatsPeriod: job(
    308,
    (w, domain: DomainRef, periodSeconds: number, flags: number = 0) =>
      writeDomain(w, domain).i32(periodSeconds).u32(flags),
    nothing,
  ),
  domainMemoryStats: {
    ...job(
      159,
      (w, domain: DomainRef, flags: number = 0) => writeDomain(w, domain).u32(memoryStatNames.length).u32(flags),
      readMemoryStats,
    ),
    // what a host reports waits for it: one guest that hangs must not make its host seem down
    deadlineMs: limits.libvirtCallMs,
  },
  domainAttachDeviceFlags: job(160, domainXmlFlags, nothing),
  domainDetachDeviceFlags: slow(161, domainXmlFlags, nothing),
  domainDetachDeviceAlias: slow(392, domainXmlFlags, nothing),
  domainUpdateDeviceFlags: job(174, domainXmlFlags, nothing),
  /** `disk` by its name in the guest; bytes with VIR_DOMAIN_BLOCK_RESIZE_BYTES. */
  domainBlockResize: job(
    251,
    (w, domain: DomainRef, disk: string, size: number, flags: number = 0) =>
      writeDomain(w, domain).string(disk).u64(size).u32(flags),
    nothing,
  ),
  domainGetJobInfo: read(163, domainIn, readJobInfo),
  /** The kind of job (as in JobInfo) and its numbers; with VIR_DOMAIN_JOB_STATS_COMPLETED of the last one that ended. */
  domainGetJobStats: read(298, domainAndFlags, (r) => ({ type: r.i32(), params: readTypedParams(r) })),
  domainAbortJob: job(164, domainIn, nothing),
  /**
   * Moves a guest to the libvirtd at `uri`, which the daemon itself talks to (VIR_MIGRATE_PEER2PEER). Answers when it is over; goes on
   * without whoever asked.
   */
  domainMigratePerform3Params: move(
    305,
    (w, domain: DomainRef, uri: string, params: readonly TypedParam[], flags: number) =>
      writeTypedParams(writeDomain(w, domain).optionalString(uri), params).opaque(new Uint8Array()).u32(flags),
    (r) => void r.opaque(),
  ),
  /** How long a guest may stand still at the end of its move. */
  domainMigrateSetMaxDowntime: job(
    166,
    (w, domain: DomainRef, downtimeMs: number, flags: number = 0) => writeDomain(w, domain).u64(downtimeMs).u32(flags),
    nothing,
  ),
  /** The guest goes on at its destination, and takes what of its memory is not there when it needs it. */
  domainMigrateStartPostCopy: job(364, domainAndFlags, nothing),
  /** Begins to copy disks as they are now; the copy goes on as the domain's job. */
  domainBackupBegin: job(
    421,
    (w, domain: DomainRef, backupXml: string, checkpointXml: string | null, flags: number = 0) =>
      writeDomain(w, domain).string(backupXml).optionalString(checkpointXml).u32(flags),
    nothing,
  ),
  /** The names of a domain's checkpoints. */
  domainListAllCheckpoints: read(
    413,
    (w, domain: DomainRef, flags: number = 0) => writeDomain(w, domain).i32(1).u32(flags),
    listOut((r) => {
      const name = r.string();
      readDomain(r);
      return name;
    }),
  ),
  /** Forgets a checkpoint: what changed since it counts for the one before. */
  domainCheckpointDelete: job(
    417,
    (w, domain: DomainRef, name: string, flags: number = 0) => writeDomain(w.string(name), domain).u32(flags),
    nothing,
  ),
  /** `source` is VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_*: 0 leases, 1 agent, 2 ARP. */
  domainInterfaceAddresses: slow(
    353,
    (w, domain: DomainRef, source: number, flags: number = 0) => writeDomain(w, domain).u32(source).u32(flags),
    (r) => r.list(readDomainInterface),
  ),
  /** Sends JSON to the guest's QEMU. */
  domainQemuMonitorCommand: job(
    1,
    (w, domain: DomainRef, command: string, flags: number = 0) => writeDomain(w, domain).string(command).u32(flags),
    text,
    QEMU_PROGRAM,
  ),
  /** Sends JSON to the guest's agent; -2 waits without end, -1 libvirt's default (5 s), 0 not at all. */
  domainQemuAgentCommand: slow(
    3,
    (w, domain: DomainRef, command: string, timeoutSeconds: number, flags: number = 0) =>
      writeDomain(w, domain).string(command).i32(timeoutSeconds).u32(flags),
    (r) => r.optionalString(),
    QEMU_PROGRAM,
  ),

  // --- networks
  connectListAllNetworks: read(283, listIn, listOut(readNamed)),
  networkLookupByUUID: read(47, uuidIn, readNamed),
  networkLookupByName: read(46, textIn, readNamed),
  networkDefineXML: job(41, textIn, readNamed),
  networkCreate: job(39, networkIn, nothing),
  networkDestroy: job(42, networkIn, nothing),
  networkUndefine: job(49, networkIn, nothing),
  /**
   * VIR_NETWORK_UPDATE_COMMAND_*, VIR_NETWORK_SECTION_*. In this order only for daemons with libvirt's feature 16; before
   * libvirt 7.2 the two were swapped. `parentIndex` -1: libvirt finds the parent.
   */
  networkUpdate: job(
    291,
    (w, network: NetworkRef, command: number, section: number, parentIndex: number, xml: string, flags: number = 0) =>
      writeNamed(w, network).u32(command).u32(section).i32(parentIndex).string(xml).u32(flags),
    nothing,
  ),
  networkGetXMLDesc: read(43, (w, network: NetworkRef, flags: number = 0) => writeNamed(w, network).u32(flags), text),
  networkIsActive: read(152, networkIn, (r) => r.i32() === 1),
  networkSetAutostart: job(
    48,
    (w, network: NetworkRef, autostart: boolean) => writeNamed(w, network).i32(autostart ? 1 : 0),
    nothing,
  ),
  /** Of one MAC address, or of the whole network when it is null. */
  networkGetDHCPLeases: read(
    341,
    (w, network: NetworkRef, mac: string | null = null, flags: number = 0) =>
      writeNamed(w, network).optionalString(mac).i32(1).u32(flags),
    listOut(readLease),
  ),

  // --- network filters
  connectListAllNWFilters: read(286, listIn, listOut(readNamed)),
  nwfilterLookupByUUID: read(176, uuidIn, readNamed),
  nwfilterLookupByName: read(175, textIn, readNamed),
  nwfilterGetXMLDesc: read(
    177,
    (w, nwfilter: NwfilterRef, flags: number = 0) => writeNamed(w, nwfilter).u32(flags),
    text,
  ),
  nwfilterDefineXML: job(180, textIn, readNamed),
  nwfilterUndefine: job(181, nwfilterIn, nothing),

  // --- secrets, whose values nobody reads back
  secretLookupByUUID: read(141, uuidIn, readSecret),
  secretDefineXML: job(142, textAndFlags, readSecret),
  secretSetValue: job(
    144,
    (w, secret: SecretRef, value: Uint8Array, flags: number = 0) => writeSecret(w, secret).opaque(value).u32(flags),
    nothing,
  ),
  secretUndefine: job(146, (w, secret: SecretRef) => writeSecret(w, secret), nothing),
} as const;

/** One asynchronous method per row: `domainSetVcpusFlags(domain, 3, flags)`. */
export type Methods<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Procedure<infer Args, infer Reply>
    ? (...args: Args) => Promise<Reply>
    : never;
};

export type LibvirtCalls = Methods<typeof procedures>;
