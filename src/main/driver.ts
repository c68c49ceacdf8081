// Why: which hypervisor this process drives is decided once, at start, and said loudly when it is not a real one.

import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Driver, ImageSink, ImageSource } from '../virt/driver.ts';
import type { FakePeers } from '../virt/fake/migrate.ts';
import { directoryStore } from '../virt/fake/store.ts';
import { makeFakeDriver } from '../virt/fake.ts';
import { readDivision } from '../virt/host-cells.ts';
import { readDeviceSpecs } from '../virt/host-devices.ts';
import type { Config } from './config.ts';
import { enterNetns } from './netns.ts';

const LOOPBACK = '127.0.0.1';

export interface DriverParts {
  readonly config: Config;
  readonly dataDir: string;
  readonly images: ImageSource & ImageSink;
  readonly clock: Clock;
  readonly log: Log;
}

/** A host of this process, and what drives it. */
export interface DrivenHost {
  readonly name: string;
  readonly driver: Driver;
  /** Where its agent keeps the last answers of guests. */
  readonly answersDir: string;
}

export interface ChosenDriver {
  /** One, or as many fake ones as were asked for. */
  readonly hosts: readonly [DrivenHost, ...DrivenHost[]];
  /** Why it is not the real one, for a warning that cannot be missed; null when it is, or when the fake was asked for. */
  readonly fellBack: string | null;
}

const nameOf = ({ config }: DriverParts): string => config.compute.host || hostname();

/** One of the fake hosts; all reach each other through `peers`. */
function fakeHost(parts: DriverParts, index: number, peers: FakePeers): DrivenHost {
  const { config, dataDir, images, clock } = parts;
  const suffix = index === 0 ? '' : `-${index + 1}`;
  const name = `${nameOf(parts)}${suffix}`;
  const driver = makeFakeDriver({
    clock,
    hostname: name,
    peers,
    ...(config.compute.host_ip === '' ? {} : { inventory: { hostIp: config.compute.host_ip } }),
    machine: {
      numaNodes: config.compute.fake_numa_nodes,
      division: readDivision(config.compute),
      deviceSpecs: readDeviceSpecs(config.pci.device_spec),
    },
    releaseGuestOffline: config.compute.release_guest_offline === 'yes',
    images,
    sink: images,
    // as on a real host, whoever asks again and again sees the image on its way
    timing: { snapshot: 500, uploadSnapshot: 500 },
    store: directoryStore(join(dataDir, `fake-guests${suffix}`)),
  });
  return { name, driver, answersDir: join(dataDir, `answers${suffix}`) };
}

function fakes(parts: DriverParts): ChosenDriver['hosts'] {
  const peers: FakePeers = new Map();
  const more = Array.from({ length: parts.config.compute.fake_hosts - 1 }, (_, index) => index + 1);
  return [fakeHost(parts, 0, peers), ...more.map((index) => fakeHost(parts, index, peers))];
}

/** How guests come to and leave this host, as the operator says. */
const liveOf = ({ compute }: Config) => ({
  address: compute.live_migration_inbound_addr || LOOPBACK,
  scheme: compute.live_migration_scheme,
  nativeTls: compute.live_migration_with_native_tls === 'yes',
  permitPostCopy: compute.live_migration_permit_post_copy === 'yes',
  permitAutoConverge: compute.live_migration_permit_auto_converge === 'yes',
  bandwidthMib: compute.live_migration_bandwidth,
  parallelConnections: compute.live_migration_parallel_connections,
  downtimeMs: compute.live_migration_downtime,
  completionMsPerGib: compute.live_migration_completion_timeout * 1_000,
  timeoutAction: compute.live_migration_timeout_action,
});

async function libvirt(parts: DriverParts): Promise<ChosenDriver['hosts']> {
  const { config, dataDir, images, clock, log } = parts;
  // loaded where it is used: its XML libraries alone are ten MiB
  const { makeLibvirtDriver } = await import('../virt/libvirt/driver.ts');
  const driver = await makeLibvirtDriver({
    uri: config.compute.libvirt_uri,
    instancesDir: config.compute.instances_dir || join(dataDir, 'instances'),
    images,
    sink: images,
    virtType: config.compute.virt_type,
    division: readDivision(config.compute),
    releaseGuestOffline: config.compute.release_guest_offline === 'yes',
    deviceSpecs: readDeviceSpecs(config.pci.device_spec),
    screen: config.compute.vnc_listen || null,
    ...(config.compute.host_ip === '' ? {} : { hostIp: config.compute.host_ip }),
    ...(config.compute.disk_transfer_addr === '' ? {} : { diskAddress: config.compute.disk_transfer_addr }),
    diskPort: config.compute.disk_transfer_port,
    live: liveOf(config),
    ovsDb: config.network.ovs_db,
    enter: enterNetns(config.network.ovs_netns),
    cephDir: config.volume.ceph_dir,
    clock,
    log,
  });
  return [{ name: nameOf(parts), driver, answersDir: join(dataDir, 'answers') }];
}

/** `auto` takes libvirt where it answers, else the fake driver; `libvirt` fails where it does not. */
export async function chooseDriver(parts: DriverParts): Promise<ChosenDriver> {
  const { driver } = parts.config.compute;
  if (driver === 'fake') return { hosts: fakes(parts), fellBack: null };
  try {
    return { hosts: await libvirt(parts), fellBack: null };
  } catch (error) {
    if (driver === 'libvirt') throw error;
    parts.log.warn({ err: error }, 'libvirt does not answer');
    return { hosts: fakes(parts), fellBack: messageOf(error) };
  }
}
