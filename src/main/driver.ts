// Why: which hypervisor this process drives is decided once, at start, and said loudly when it is not a real one.

import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Driver, ImageSink, ImageSource } from '../virt/driver.ts';
import { directoryStore } from '../virt/fake/store.ts';
import { makeFakeDriver } from '../virt/fake.ts';
import type { Config } from './config.ts';

export interface DriverParts {
  readonly config: Config;
  readonly dataDir: string;
  readonly images: ImageSource & ImageSink;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ChosenDriver {
  readonly driver: Driver;
  /** Why it is not the real one, for a warning that cannot be missed; null when it is, or when the fake was asked for. */
  readonly fellBack: string | null;
}

function fake({ config, dataDir, images, clock }: DriverParts): Driver {
  return makeFakeDriver({
    clock,
    hostname: config.compute.host || hostname(),
    ...(config.compute.host_ip === '' ? {} : { inventory: { hostIp: config.compute.host_ip } }),
    images,
    sink: images,
    // as on a real host, whoever asks again and again sees the image on its way
    timing: { snapshot: 500, upload: 500 },
    store: directoryStore(join(dataDir, 'fake-guests')),
  });
}

async function libvirt({ config, dataDir, images, clock, log }: DriverParts): Promise<Driver> {
  // loaded where it is used: its XML libraries alone are ten MiB
  const { makeLibvirtDriver } = await import('../virt/libvirt/driver.ts');
  return makeLibvirtDriver({
    uri: config.compute.libvirt_uri,
    instancesDir: config.compute.instances_dir || join(dataDir, 'instances'),
    images,
    virtType: config.compute.virt_type,
    screen: config.compute.vnc_listen || null,
    ...(config.compute.host_ip === '' ? {} : { hostIp: config.compute.host_ip }),
    clock,
    log,
  });
}

/** `auto` takes libvirt where it answers, else the fake driver; `libvirt` fails where it does not. */
export async function chooseDriver(parts: DriverParts): Promise<ChosenDriver> {
  const { driver } = parts.config.compute;
  if (driver === 'fake') return { driver: fake(parts), fellBack: null };
  try {
    return { driver: await libvirt(parts), fellBack: null };
  } catch (error) {
    if (driver === 'libvirt') throw error;
    parts.log.warn({ err: error }, 'libvirt does not answer');
    return { driver: fake(parts), fellBack: messageOf(error) };
  }
}
