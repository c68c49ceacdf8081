// Why: hosts are reached through their agents over the bus; without a bus, this machine's hypervisor is used directly, whether the service
// runs or not.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { unavailable } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import type { MovingHosts } from '../../ops/moving/deps.ts';
import { makeMetrics } from '../../web/metrics.ts';
import { isShared, openBus } from '../bus.ts';
import type { Cleanup } from '../cleanup.ts';
import type { Config } from '../config.ts';

async function overBus(config: Config, dataDir: string, cleanup: Cleanup): Promise<MovingHosts> {
  const parts = { config, dataDir, log: silentLog, clock: systemClock, metrics: makeMetrics(), cleanup };
  const bus = await openBus(parts, { calls: true, serves: false });
  return {
    survey: (host, uuid) => bus.call(host, 'survey', { uuid }),
    adopt: async (host, uuid, nics) => void (await bus.call(host, 'adopt', { uuid, nics })),
    release: async (host, uuid) => void (await bus.call(host, 'release', { uuid })),
  };
}

/** A connection to this machine's hypervisor, opened on first use. */
async function openOwn(config: Config, dataDir: string, cleanup: Cleanup) {
  const { openHypervisor } = await import('../../virt/libvirt/connection.ts');
  const uri = config.compute.libvirt_uri;
  const connection = await openHypervisor({ uri, log: silentLog, clock: systemClock });
  cleanup.defer(() => connection.close());
  const node = await connection.connectGetHostname();
  return { connection, node, instancesDir: config.compute.instances_dir || join(dataDir, 'instances') };
}

async function here(config: Config, dataDir: string, cleanup: Cleanup): Promise<MovingHosts> {
  const { adoptGuest, releaseGuest, surveyGuest } = await import('../../virt/libvirt/adoption.ts');
  const name = config.compute.host || hostname();
  let opened: ReturnType<typeof openOwn> | undefined;
  const of = (host: string) => {
    if (host !== name) throw unavailable(`this machine is ${name}; other hosts are reached over bus.url`);
    return (opened ??= openOwn(config, dataDir, cleanup));
  };
  return {
    survey: async (host, uuid) => surveyGuest(await of(host), uuid),
    adopt: async (host, uuid, nics) => adoptGuest(await of(host), uuid, nics),
    release: async (host, uuid) => releaseGuest(await of(host), uuid),
  };
}

export const openMovingHosts = (config: Config, dataDir: string, cleanup: Cleanup): Promise<MovingHosts> =>
  (isShared(config) ? overBus : here)(config, dataDir, cleanup);
