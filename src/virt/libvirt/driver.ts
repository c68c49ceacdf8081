// Why: the verbs of a server's life on this host, in terms of libvirt and files. Each takes what shall be and can be run again
// after a crash at any point: what is on the host says how far it came.

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { type GuestEvent, type GuestSpec, type GuestView, lettingGoOf } from '../../domain/servers/guest.ts';
import { type Driver, type ImageSink, type ImageSource, verbsOf } from '../driver.ts';
import { type Run, runProgram } from '../run.ts';
import { adjustGuest } from './adjust.ts';
import { makeAgent } from './agent.ts';
import { domainXml } from './config.ts';
import { openHypervisor } from './connection.ts';
import { readConsole, rotateConsole } from './console.ts';
import { readDiagnostics } from './diagnostics.ts';
import {
  exists,
  forgetDisks,
  forgetRescue,
  guestFiles,
  instanceDir,
  makeDisks,
  markComplete,
  placeOf,
  removeDisks,
} from './disks.ts';
import { isVirError } from './errors.ts';
import { makeUntil, toGuestEvent } from './events.ts';
import { findDomain, ifGone, isOff } from './guest.ts';
import { domainOf, filesOf, type Host, networkDeps, noSuchGuest, settle, view } from './host.ts';
import { makeImageCache } from './images.ts';
import type { VirtType } from './machine/kind.ts';
import { insideVerbs } from './inside.ts';
import { defaultHostIp, readInventory } from './inventory.ts';
import { makeMutex } from '../../base/mutex.ts';
import { isOurDomain } from './names.ts';
import { settleNetworks } from './networks.ts';
import { type CpuDivision, undivided } from '../host-cells.ts';
import type { DeviceSpec } from '../host-devices.ts';
import { tellOfDevices } from './node-devices.ts';
import { checkNics, forgetPorts, readPorts, writePorts } from './nics.ts';
import { chooseVirtType, readCpuinfo } from './probe.ts';
import { findLimits } from './probe-limits.ts';
import { dropFilter, settleFilter } from './port-filter.ts';
import { makeKeeper } from './ownership.ts';
import { assertReachable, readQemuOwner } from './reach.ts';
import { nicVerbs } from './plug.ts';
import { consoleVerbs } from './remote-console.ts';
import { socketPath } from './serial.ts';
import { snapshotVerbs } from './snapshots.ts';
import { stateVerbs } from './states.ts';
import * as vir from './rpc/constants.ts';
import type { DomainRef } from './rpc/types.ts';

const SOCKET = 'socket';
const LOOPBACK = '127.0.0.1';

export interface LibvirtDriverOptions {
  /** `qemu:///system` and its like. The daemon must be on this machine: disks and consoles are files. */
  readonly uri: string;
  /** Where guests' disks and the image cache stand; made when it is not there. QEMU must be able to reach it. */
  readonly instancesDir: string;
  readonly images: ImageSource;
  /** Where snapshots go. */
  readonly sink: ImageSink;
  readonly virtType: 'auto' | VirtType;
  /** The address on which the screens of guests listen, without a password, or `socket`; null: guests have none. */
  readonly screen?: string | null;
  /** Which CPUs are dedicated, and which shared; default: all are shared. */
  readonly division?: CpuDivision;
  /** Whether vCPUs that are offline inside a guest are nobody's; default: they stay the guest's. */
  readonly releaseGuestOffline?: boolean;
  /** Which devices are for guests; default: none. */
  readonly deviceSpecs?: readonly DeviceSpec[];
  /** A CPU model for all guests, by libvirt's name; null: the host's own under KVM. */
  readonly cpuModel?: string | null;
  readonly log: Log;
  readonly clock?: Clock;
  /** The address by which other hosts know this one. */
  readonly hostIp?: string;
  readonly run?: Run;
  readonly readCpuinfo?: () => Promise<string>;
}

/** Connects to libvirtd and finds out what it can run. */
export async function makeLibvirtDriver(options: LibvirtDriverOptions): Promise<Driver> {
  const { log, instancesDir } = options;
  const clock = options.clock ?? systemClock;
  const run = options.run ?? runProgram;
  await mkdir(instancesDir, { recursive: true, mode: 0o711 });
  const connection = await openHypervisor({ uri: options.uri, log, clock });
  try {
    const capabilities = await connection.connectGetCapabilities();
    await assertReachable(capabilities, instancesDir);
    const keeper = makeKeeper(readQemuOwner(capabilities));
    const chosen = await chooseVirtType(
      {
        calls: connection,
        dir: join(instancesDir, '_probe'),
        clock,
        cpuModel: options.cpuModel ?? null,
        readCpuinfo: options.readCpuinfo ?? readCpuinfo,
      },
      options.virtType,
    );
    const { held, problems } = await findLimits(connection, chosen);
    const choice = { ...chosen, limits: held };
    log.info({ virtType: choice.virtType, reason: choice.reason }, 'kind of guests');
    if (Object.keys(problems).length > 0) log.warn({ problems }, 'flavors with these limits find no host here');
    const host: Host = {
      ...{ connection, instancesDir, run, clock, log, choice, keeper, screen: options.screen ?? null },
      division: options.division ?? undivided,
      releaseGuestOffline: options.releaseGuestOffline ?? false,
      deviceSpecs: options.deviceSpecs ?? [],
      images: makeImageCache({
        dir: join(instancesDir, '_images'),
        fileMode: keeper.fileMode,
        source: options.images,
        run,
        clock,
        log,
      }),
      agent: makeAgent(connection, clock),
      until: makeUntil(connection, clock),
      ...{ guests: makeMutex(), networks: makeMutex() },
      offline: new Map(),
    };
    await settleNetworks(networkDeps(host));
    await tellOfDevices(connection, host.deviceSpecs, log);
    return driverOf(host, options.sink, options.hostIp ?? defaultHostIp());
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function driverOf(host: Host, sink: ImageSink, hostIp: string): Driver {
  const { connection, guests } = host;
  const listeners = new Set<(event: GuestEvent) => void>();
  connection.on((event) => {
    if (event.type === 'agent' && event.connected) void reapplyOffline(host, event.domain);
    const told = toGuestEvent(event);
    if (told !== null) for (const listener of listeners) listener(told);
  });
  const stopped = new AbortController();
  const housekeeping = keepHouse(host, stopped.signal);

  const driver: Driver = {
    kind: 'libvirt',
    inventory: () => readInventory(connection, host, hostIp, verbsOf(driver)),
    spawn: ({ spec }) => guests(spec.uuid, () => spawn(host, spec)),
    destroy: ({ uuid }) => guests(uuid, () => remove(host, uuid)),
    powerOn: ({ spec }) => guests(spec.uuid, () => powerOn(host, spec)),
    powerOff: ({ uuid, timeoutMs }) => guests(uuid, () => powerOff(host, uuid, timeoutMs)),
    reboot: ({ spec, type, timeoutMs }) => guests(spec.uuid, () => reboot(host, spec, type === 'SOFT' ? timeoutMs : 0)),
    rescue: ({ spec }) => guests(spec.uuid, () => bootFrom(host, spec)),
    unrescue: ({ spec }) => guests(spec.uuid, () => bootFrom(host, spec)),
    rebuild: ({ spec, preserveEphemeral }) => guests(spec.uuid, () => rebuild(host, spec, preserveEphemeral)),
    ...stateVerbs(host),
    ...snapshotVerbs(host, sink),
    ...insideVerbs(host),
    ...nicVerbs(host),
    ...consoleVerbs(host),
    adjust: ({ uuid, request }) =>
      guests(uuid, async () => {
        const domain = await domainOf(host, uuid);
        const canUnplug = host.choice.virtType === 'kvm';
        const outcome = await adjustGuest({ ...host, calls: connection, canUnplug }, domain, request);
        if (outcome.vcpus.held > outcome.vcpus.reached) host.offline.set(uuid, outcome.vcpus.reached);
        else host.offline.delete(uuid);
        return host.releaseGuestOffline ? lettingGoOf(outcome) : outcome;
      }),
    console: async ({ uuid, maxBytes }) => {
      const { console } = guestFiles(instanceDir(host.instancesDir, uuid));
      if (!(await exists(console))) throw noSuchGuest(uuid);
      return await readConsole(console, maxBytes);
    },
    diagnostics: ({ uuid }) => readDiagnostics(host, uuid),
    cacheImage: async ({ image }) => (await host.images.get(image)).fetched,
    inspect: async ({ uuid }) => {
      const domain = await findDomain(connection, uuid);
      return domain === null ? null : await view(host, domain).catch(ifGone(null));
    },
    list: async () => {
      const domains = (await connection.connectListAllDomains()).filter(({ name }) => isOurDomain(name));
      const views = await Promise.all(domains.map((domain) => view(host, domain).catch(ifGone(null))));
      return views.filter((one) => one !== null);
    },
    onEvent: (listener) => {
      const own = (event: GuestEvent) => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    close: async () => {
      listeners.clear();
      stopped.abort();
      await housekeeping;
      await connection.close();
    },
  };
  return driver;
}

/** The domain where it runs, else null. */
async function runningDomain(host: Host, uuid: string): Promise<DomainRef | null> {
  const domain = await findDomain(host.connection, uuid);
  return domain !== null && !(await isOff(host.connection, domain)) ? domain : null;
}

// --- the verbs

async function spawn(host: Host, spec: GuestSpec): Promise<GuestView> {
  checkNics(spec.nics);
  const files = filesOf(host, spec.uuid);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) {
    await markComplete(files);
    return await view(host, running);
  }
  const complete = await exists(files.complete);
  // what a crash left half made
  if (!complete) await remove(host, spec.uuid);
  try {
    const domain = await start(host, spec);
    await markComplete(files);
    return await view(host, domain);
  } catch (error) {
    // the disks of a guest that ran before are not ours to take
    if (!complete) {
      await remove(host, spec.uuid).catch((trouble: unknown) => {
        host.log.error({ uuid: spec.uuid, error: messageOf(trouble) }, 'a failed spawn left something behind');
      });
    }
    throw error;
  }
}

/** Makes what is missing of files and networks, writes the domain anew from the spec, and starts it. */
async function start(host: Host, spec: GuestSpec): Promise<DomainRef> {
  const { connection, instancesDir } = host;
  const dir = instanceDir(instancesDir, spec.uuid);
  await mkdir(dir, { recursive: true, mode: 0o711 });
  const before = await readPorts(dir);
  await writePorts(dir, spec.nics);
  await forgetRescue(filesOf(host, spec.uuid));
  await makeDisks(host, spec);
  await settle(host, [...before, ...spec.nics]);
  for (const nic of spec.nics) await settleFilter(connection, nic);
  const sharedCpus = [...(host.division.shared ?? [])];
  const place = {
    ...(await placeOf(instancesDir, spec, host.choice)),
    screen: screenPlace(host, spec.uuid),
    sharedCpus,
  };
  const defined = await connection.domainDefineXMLFlags(domainXml(spec, place));
  const kept = new Set(spec.nics.map(({ portId }) => portId));
  for (const { portId } of before) if (!kept.has(portId)) await dropFilter(connection, portId);
  host.offline.delete(spec.uuid);
  return await connection.domainCreateWithFlags(defined, vir.VIR_DOMAIN_START_FORCE_BOOT);
}

/** Where the screen of a guest listens: a socket, where QEMU has a directory to make one in, and it has a path for it. */
function screenPlace(host: Host, uuid: string): string | null {
  if (host.screen !== SOCKET) return host.screen;
  return (host.keeper.closed ? socketPath(filesOf(host, uuid).screen) : null) ?? LOOPBACK;
}

/** Everything of a guest, whatever there is of it. */
async function remove(host: Host, uuid: string): Promise<null> {
  const { connection, instancesDir } = host;
  const domain = await findDomain(connection, uuid);
  if (domain !== null) {
    await switchOff(host, domain);
    const flags =
      vir.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
      vir.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
      vir.VIR_DOMAIN_UNDEFINE_NVRAM |
      vir.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
    await connection.domainUndefineFlags(domain, flags).catch(ifGone(undefined));
  }
  host.offline.delete(uuid);
  const dir = instanceDir(instancesDir, uuid);
  const nics = await readPorts(dir);
  // the network asks which ports there are; of a filter nothing tells but the port
  for (const { portId } of nics) await dropFilter(connection, portId);
  await forgetPorts(dir);
  await settle(host, nics);
  await removeDisks(instancesDir, uuid);
  return null;
}

/** Ends the guest at once: QEMU is given time to write out its disks, then killed. */
async function switchOff(host: Host, domain: DomainRef): Promise<void> {
  const { connection } = host;
  const over = (error: unknown): void => {
    // 55: it was off already
    if (!isVirError(error, 'VIR_ERR_OPERATION_INVALID') && !isVirError(error, 'VIR_ERR_NO_DOMAIN')) throw error;
  };
  try {
    await connection.domainDestroyFlags(domain, vir.VIR_DOMAIN_DESTROY_GRACEFUL).catch(over);
  } catch (error) {
    if (!isVirError(error, 'VIR_ERR_SYSTEM_ERROR') && !isVirError(error, 'VIR_ERR_OPERATION_FAILED')) throw error;
    await connection.domainDestroyFlags(domain).catch(over);
  }
}

async function powerOn(host: Host, spec: GuestSpec): Promise<GuestView> {
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) return await view(host, running);
  await assertHere(host, spec.uuid);
  checkNics(spec.nics);
  return await view(host, await start(host, spec));
}

/** Whether its disks are here: starting anything else would be another, empty server. */
async function assertHere(host: Host, uuid: string): Promise<void> {
  if (!(await exists(filesOf(host, uuid).complete))) throw noSuchGuest(uuid);
}

async function powerOff(host: Host, uuid: string, timeoutMs: number): Promise<GuestView> {
  const domain = await domainOf(host, uuid);
  if (!(await isOff(host.connection, domain))) {
    const went = timeoutMs > 0 && (await askToShutDown(host, domain, timeoutMs));
    if (!went) await switchOff(host, domain);
  }
  return await view(host, domain);
}

/** Presses the power button, again and again while a guest that is still booting does not hear it. Returns whether it went. */
async function askToShutDown(host: Host, domain: DomainRef, timeoutMs: number): Promise<boolean> {
  const { connection, clock } = host;
  const endMs = clock.now() + timeoutMs;
  const off = async () => ((await isOff(connection, domain)) ? true : undefined);
  while (clock.now() < endMs) {
    await connection.domainShutdownFlags(domain, vir.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN).catch((error: unknown) => {
      if (!isVirError(error, 'VIR_ERR_OPERATION_INVALID')) throw error;
    });
    const waitMs = Math.min(limits.shutdownRetryMs, endMs - clock.now());
    if (await host.until(domain.uuid, waitMs, off)) return true;
  }
  return false;
}

/** Boots a guest from what it is rescued with or from its own disk, as the spec says; running from it, it runs on. */
async function bootFrom(host: Host, spec: GuestSpec): Promise<GuestView> {
  await assertHere(host, spec.uuid);
  checkNics(spec.nics);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) {
    // its files are made and removed only while it is off
    const rescued = await exists(filesOf(host, spec.uuid).rescue.base);
    if (rescued === (spec.rescue !== undefined)) return await view(host, running);
    await switchOff(host, running);
  }
  return await view(host, await start(host, spec));
}

/** Throws the guest's disks away and makes them anew. What a crash leaves between the two, the next start makes. */
async function rebuild(host: Host, spec: GuestSpec, preserveEphemeral: boolean): Promise<GuestView> {
  checkNics(spec.nics);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) await switchOff(host, running);
  const files = filesOf(host, spec.uuid);
  await forgetDisks(files, preserveEphemeral);
  const domain = await start(host, spec);
  await markComplete(files);
  return await view(host, domain);
}

/** With a time-out: asks the guest first. Either way the domain is then made anew from the spec. */
async function reboot(host: Host, spec: GuestSpec, askMs: number): Promise<GuestView> {
  await assertHere(host, spec.uuid);
  checkNics(spec.nics);
  const running = await runningDomain(host, spec.uuid);
  if (running !== null) {
    const went = askMs > 0 && (await askToShutDown(host, running, askMs));
    if (!went) await switchOff(host, running);
  }
  return await view(host, await start(host, spec));
}

// --- what goes on beside the verbs

/** A guest that rebooted by itself has brought all its vCPUs online; those that were turned off are turned off again. */
async function reapplyOffline(host: Host, domain: DomainRef): Promise<void> {
  host.agent.forgive(domain.uuid);
  await host.guests(domain.uuid, async () => {
    const count = host.offline.get(domain.uuid);
    if (count === undefined) return;
    const done = await host.agent.setOnline(domain, count).catch(() => false);
    host.log.info({ uuid: domain.uuid, online: count, done }, 'vCPUs turned off again after a reboot in the guest');
  });
}

/** Console logs are kept within their bound, and images that nobody uses are forgotten. */
async function keepHouse(host: Host, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await host.clock.sleep(limits.consoleCheckMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      for (const entry of await readdir(host.instancesDir, { withFileTypes: true })) {
        if (!entry.isDirectory()) continue;
        const { console } = guestFiles(join(host.instancesDir, entry.name));
        await rotateConsole(console).catch((error: unknown) => {
          host.log.warn({ console, error: messageOf(error) }, 'a console is not rotated; the others are');
        });
      }
      await host.images.prune();
    } catch (error) {
      host.log.warn({ error: messageOf(error) }, 'housekeeping failed; it is tried again');
    }
  }
}
