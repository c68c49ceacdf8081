// Why: the verbs of the libvirt driver stand in several files and share one host: its connection, its files, its caches.

import type { Clock } from '../../base/clock.ts';
import { conflict, notFound } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type GuestSpec, type GuestView, lettingGo } from '../../domain/servers/guests.ts';
import type { HostConnector } from '../../domain/servers/volume-source.ts';
import type { CpuDivision } from '../host-cells.ts';
import type { DeviceSpec } from '../host-devices.ts';
import type { Run } from '../../base/run.ts';
import type { GuestAgent } from './agent.ts';
import type { HypervisorConnection } from './connection.ts';
import { guestFiles, instanceDir } from './disks.ts';
import type { Until } from './events.ts';
import { findDomain, viewOf } from './guest.ts';
import type { ImageCache } from './images.ts';
import type { Arrivals } from './move/arrivals.ts';
import type { Leaving, LiveSettings } from './move/live-settings.ts';
import type { Offers } from './move/offers.ts';
import type { Sent } from './move/silence.ts';
import type { Mutex } from '../../base/mutex.ts';
import { ensureBridge } from './linux-bridge.ts';
import { settleNetwork } from './networks.ts';
import type { Keeper } from './ownership.ts';
import { settleFilter } from './port-filter.ts';
import type { VirtChoice } from './probe.ts';
import type { DomainRef } from './rpc/types.ts';

/** Everything that the verbs share. */
export interface Host {
  /** The hypervisor's own name. */
  readonly node: string;
  readonly connection: HypervisorConnection;
  readonly instancesDir: string;
  readonly images: ImageCache;
  /** Where the cache's files stand. */
  readonly imagesDir: string;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Log;
  readonly choice: VirtChoice;
  readonly division: CpuDivision;
  /** Whether vCPUs that are offline inside a guest are nobody's. */
  readonly releaseGuestOffline: boolean;
  readonly deviceSpecs: readonly DeviceSpec[];
  /** The address on which the screens of guests listen, or `socket`; null: guests have none. */
  readonly screen: string | null;
  readonly keeper: Keeper;
  /** Where the database of this host's Open vSwitch is asked. */
  readonly ovsDb: string;
  /** What a command begins with to be where guests' interfaces are; none: we are there. */
  readonly enter: readonly string[];
  /** Where the keyrings of this host's users of Ceph are. */
  readonly cephDir: string;
  /** How storage knows this host. */
  readonly connector: HostConnector;
  readonly agent: GuestAgent;
  readonly until: Until;
  /** By guest; by network, and by bridge. */
  readonly guests: Mutex;
  readonly networks: Mutex;
  /** By place at which a share is mounted. */
  readonly mounts: Mutex;
  /** Guests some of whose vCPUs are offline inside only, and how many shall be online: a reboot in there forgets it. */
  readonly offline: Map<string, number>;
  /** Guests of ours whose domains have another program's names, as far as they were seen. */
  readonly adopted: Set<string>;
  /** What other hosts may read of guests here. */
  readonly offers: Offers;
  /** Disks that are being brought here. */
  readonly arrivals: Arrivals;
  readonly live: LiveSettings;
  /** Guests that are being moved away as they run. */
  readonly leaving: Map<string, Leaving>;
  /** How much of them went out, also of those that an agent before this one sent. */
  readonly sent: Map<string, Sent>;
}

export const noSuchGuest = (uuid: string) =>
  notFound(`Instance ${uuid} is not on this host.`, { code: 'virt.no_guest' });

export const notRunning = (uuid: string) => conflict(`Instance ${uuid} is not running.`, { code: 'virt.not_running' });

export const networkDeps = (host: Host) => ({
  calls: host.connection,
  instancesDir: host.instancesDir,
  mutex: host.networks,
});

export async function view(host: Host, domain: DomainRef): Promise<GuestView> {
  const seen = await viewOf({ calls: host.connection, agent: host.agent }, domain);
  return host.releaseGuestOffline ? lettingGo(seen, host.offline.get(domain.uuid) ?? null) : seen;
}

/** Throws `notFound` for a guest that is not here. */
export async function domainOf(host: Host, uuid: string): Promise<DomainRef> {
  const domain = await findDomain(host.connection, uuid);
  if (domain === null) throw noSuchGuest(uuid);
  return domain;
}

export const filesOf = (host: Host, uuid: string) => guestFiles(instanceDir(host.instancesDir, uuid));

/** Makes the networks of these ports as they shall be. */
export async function settle(host: Host, nics: GuestSpec['nics']): Promise<void> {
  const networks = new Set(nics.map((nic) => nic.network.id));
  for (const networkId of networks) await settleNetwork(networkDeps(host), networkId);
}

/**
 * Makes what these ports are plugged into, and guarded by, on this host.
 * @param before ports that were there until now: what only they needed goes
 */
export async function preparePorts(host: Host, nics: GuestSpec['nics'], before: GuestSpec['nics'] = []): Promise<void> {
  await settle(host, [...before, ...nics]);
  for (const nic of nics) {
    await settleFilter(host.connection, nic);
    await ensureBridge(host, nic);
  }
}
