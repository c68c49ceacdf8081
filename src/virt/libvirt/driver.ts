// Why: what a host of libvirt does when it is asked, and what goes on beside that: one place that opens it, lists its verbs and closes it.

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { type GuestEvent, type GuestView, lettingGoOf } from '../../domain/servers/guests.ts';
import { type Driver, type ImageSink, type ImageSource, verbsOf } from '../driver.ts';
import { type Run, runProgram } from '../../base/run.ts';
import { adjustGuest } from './adjust.ts';
import { adoptionVerbs, isOurs } from './adoption.ts';
import { makeAgent } from './agent.ts';
import { openHypervisor } from './connection.ts';
import { readConsole, rotateConsole } from './console.ts';
import { measure } from './measure.ts';
import { readDiagnostics } from './diagnostics.ts';
import { guestFiles, instanceDir } from './disks.ts';
import { exists } from './exists.ts';
import { makeUntil, toGuestEvent } from './events.ts';
import { findDomain, ifGone, isArriving } from './guest.ts';
import { domainOf, type Host, networkDeps, noSuchGuest, view } from './host.ts';
import { makeImageCache } from './images.ts';
import type { VirtType } from './machine/kind.ts';
import { insideVerbs } from './inside.ts';
import { defaultHostIp, readInventory } from './inventory.ts';
import { bootFrom, powerOff, powerOn, reboot, rebuild, remove, spawn } from './lifecycle.ts';
import { makeArrivals } from './move/arrivals.ts';
import { asideVerbs } from './move/aside.ts';
import { landingVerbs } from './move/landing.ts';
import { liveVerbs, mustStay } from './move/live.ts';
import { type LiveSettings, usualLive } from './move/live-settings.ts';
import { makeOffers } from './move/offers.ts';
import { receiveVerbs } from './move/receive.ts';
import { makeMutex } from '../../base/mutex.ts';
import { isOurDomain } from './names.ts';
import { settleNetworks } from './networks.ts';
import { type CpuDivision, undivided } from '../host-cells.ts';
import type { DeviceSpec } from '../host-devices.ts';
import { tellOfDevices } from './node-devices.ts';
import { chooseVirtType, readCpuinfo } from './probe.ts';
import { findLimits } from './probe-limits.ts';
import { makeKeeper } from './ownership.ts';
import { assertReachable, readQemuOwner } from './reach.ts';
import { nicVerbs } from './plug.ts';
import { readConnector } from './volume-reach.ts';
import { volumeVerbs } from './volumes.ts';
import { copyVerbs } from './copies.ts';
import { consoleVerbs } from './remote-console.ts';
import { snapshotVerbs } from './snapshots.ts';
import { stateVerbs } from './states.ts';
import type { DomainRef } from './rpc/types.ts';

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
  /** Where the database of this host's Open vSwitch is asked; default: where it usually is. */
  readonly ovsDb?: string;
  /** What a command begins with to be where guests' interfaces are; default: nothing, we are there. */
  readonly enter?: readonly string[];
  /** Where the keyrings of this host's users of Ceph are; default: where Ceph has them. */
  readonly cephDir?: string;
  /** Where the name of this host's iSCSI initiator is; default: where open-iscsi has it. */
  readonly initiatorFile?: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** The address by which other hosts know this one. */
  readonly hostIp?: string;
  /** Where other hosts read the disks of guests that move to them, at the address of `live`; 0 or absent: any that is free. */
  readonly diskPort?: number;
  /** Another address for them; default: that of `live`. */
  readonly diskAddress?: string;
  /** How guests move as they run; default: as `usualLive` says. */
  readonly live?: Partial<LiveSettings>;
  readonly run?: Run;
  readonly readCpuinfo?: () => Promise<string>;
}

/** Connects to libvirtd and finds out what it can run. */
export async function makeLibvirtDriver(options: LibvirtDriverOptions): Promise<Driver> {
  const { log, instancesDir } = options;
  const clock = options.clock ?? systemClock;
  const run = options.run ?? runProgram;
  const imagesDir = join(instancesDir, '_images');
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
    const live = { ...usualLive, ...options.live };
    const host: Host = {
      node: await connection.connectGetHostname(),
      ...{ connection, instancesDir, imagesDir, run, clock, log, choice, keeper, screen: options.screen ?? null },
      ovsDb: options.ovsDb ?? 'unix:/run/openvswitch/db.sock',
      enter: options.enter ?? [],
      cephDir: options.cephDir ?? '/etc/ceph',
      connector: await readConnector(await connection.connectGetHostname(), options.initiatorFile),
      division: options.division ?? undivided,
      releaseGuestOffline: options.releaseGuestOffline ?? false,
      deviceSpecs: options.deviceSpecs ?? [],
      images: makeImageCache({
        dir: imagesDir,
        fileMode: keeper.fileMode,
        source: options.images,
        run,
        clock,
        log,
      }),
      agent: makeAgent(connection, clock),
      until: makeUntil(connection, clock),
      ...{ guests: makeMutex(), networks: makeMutex(), mounts: makeMutex() },
      offline: new Map(),
      adopted: new Set(),
      offers: makeOffers({
        ...{ address: options.diskAddress ?? live.address, port: options.diskPort ?? 0 },
        ...{ imagesDir, clock, log },
      }),
      arrivals: makeArrivals(),
      live,
      leaving: new Map(),
      sent: new Map(),
    };
    await settleNetworks(networkDeps(host));
    await ourDomains(host);
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
    const told = toGuestEvent(event, (uuid) => host.adopted.has(uuid));
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
    ...asideVerbs(host),
    ...receiveVerbs(host),
    ...landingVerbs(host),
    ...liveVerbs(host),
    ...insideVerbs(host),
    ...nicVerbs(host),
    ...volumeVerbs(host),
    ...copyVerbs(host),
    ...consoleVerbs(host),
    ...adoptionVerbs(host),
    adjust: ({ uuid, request }) =>
      guests(uuid, async () => {
        const domain = await domainOf(host, uuid);
        await mustStay(host, domain);
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
    measure: () => measure(host),
    cacheImage: async ({ image }) => (await host.images.get(image)).fetched,
    inspect: async ({ uuid }) => {
      const domain = await findDomain(connection, uuid);
      return domain === null ? null : await look(host, domain).catch(ifGone(null));
    },
    list: async () => {
      const domains = await ourDomains(host);
      const views = await Promise.all(domains.map((domain) => look(host, domain).catch(ifGone(null))));
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
      await host.arrivals.close();
      await host.offers.close();
      await connection.close();
    },
  };
  return driver;
}

/** The domains of our guests; those that were taken over are known by their names from here on. */
async function ourDomains(host: Host): Promise<readonly DomainRef[]> {
  const { connection, instancesDir, adopted } = host;
  const all = await connection.connectListAllDomains();
  const ours = await Promise.all(all.map((domain) => isOurs(instancesDir, domain)));
  const found = all.filter((_, index) => ours[index]);
  adopted.clear();
  for (const { name, uuid } of found) if (!isOurDomain(name)) adopted.add(uuid);
  return found;
}

/** What is seen of a guest; null: it is still on its way here. */
const look = async (host: Host, domain: DomainRef): Promise<GuestView | null> =>
  (await isArriving(host.connection, domain)) ? null : view(host, domain);

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
        const { console, owner } = guestFiles(join(host.instancesDir, entry.name));
        // another program's guests may stand beside ours
        if (!(await exists(owner))) continue;
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
