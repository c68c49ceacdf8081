// Why: everything in one process for one machine: database, neighbours, hypervisor, workers and the API on one port. This file
// wires and does nothing else; production wires the same parts apart.

import type { RequestListener } from 'node:http';
import { mkdirSync } from 'node:fs';
import manifest from '../../package.json' with { type: 'json' };
import { migrations } from '../../migrations/index.ts';
import { type Agent, startAgent } from '../agent/agent.ts';
import { makeCompute } from '../api/app.ts';
import { computeRoutes } from '../api/compute/index.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { makeNotificationSender } from '../bus/notifications.ts';
import { makeMemoryBus } from '../bus/memory.ts';
import { noVolumes } from '../cloud/volume.ts';
import { isAnyHostUp } from '../db/hosts.ts';
import { proveWritable } from '../db/readiness.ts';
import { openDatabase } from '../db/engine.ts';
import { upgradeSchema } from '../db/migrate.ts';
import { CONSOLES } from '../domain/servers/remote-console.ts';
import { followConsoleToken, makeOps, type OpsDeps, type OpsHooks } from '../ops/index.ts';
import { startNotificationRelay } from '../ops/notifications/notification-relay.ts';
import { startWorker } from '../ops/engine/worker.ts';
import { makePolicy, policyFile } from '../policies/load.ts';
import { makeImages } from '../standalone/image/images.ts';
import { makeNetworks } from '../standalone/network/networks.ts';
import type { Web } from '../web/app.ts';
import { makeMetrics } from '../web/metrics.ts';
import { mount } from '../web/mount.ts';
import { reachedBy } from '../web/reached.ts';
import { adjustMetrics } from './adjust-metrics.ts';
import { actionMetrics, reconcilerMetrics, cloudMetrics } from './cloud-metrics.ts';
import { makeAuthenticator } from './authenticator.ts';
import { weigherNames, weighers } from '../scheduler/index.ts';
import type { Config } from './config.ts';
import { makeConsoles } from './consoles.ts';
import { databaseUrl } from './database-url.ts';
import { chooseDriver } from './driver.ts';
import { diskProblem, seldom, withHealth } from './health.ts';
import { workerName } from './worker-name.ts';
import { openIdentity } from './identity.ts';
import { listen } from './listen.ts';
import { readAliases } from '../domain/pci/pci-alias.ts';
import { readOffers } from './offers.ts';
import { lockDataDir } from './lock.ts';
import { makePortNews } from './port-news.ts';
import { makeReportInterval } from './report-pace.ts';
import { identityUrl, noteReached, readReach } from './reach.ts';
import { rootPages } from './root.ts';

const DAY_MS = 86_400_000;

export interface ServeOptions {
  readonly config: Config;
  /** Database, images, guests' disks and clouds.yaml stand here. */
  readonly dataDir: string;
  readonly log: Log;
  /** For tests that end the process at a point of an operation. */
  readonly hooks?: OpsHooks;
}

export interface Serving {
  /** `http://127.0.0.1:8774` */
  readonly url: string;
  readonly driverKind: string;
  /** Why there is no real hypervisor although one was looked for; null when that is as wished. */
  readonly fellBack: string | null;
  /** Null where a Keystone of the operator's own is used: then its users know how to reach it. */
  readonly cloudsYaml: string | null;
  close(): Promise<void>;
}

/** Ends the things started, the last first, each once. */
class Cleanup {
  readonly #steps: (() => Promise<unknown> | void)[] = [];

  defer(step: () => Promise<unknown> | void): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }
}

/** Starts everything; resolves once requests are served. On failure what was started is ended again. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const cleanup = new Cleanup();
  try {
    return await start(options, cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function start({ config, dataDir, log, hooks }: ServeOptions, cleanup: Cleanup): Promise<Serving> {
  const clock = systemClock;
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  cleanup.defer(lockDataDir(dataDir));
  const database = openDatabase(databaseUrl(config, dataDir), config.database.pool_size);
  cleanup.defer(() => database.close());
  await upgradeSchema(database, migrations);

  const policy = makePolicy({ ...policyFile(config.policy.file, dataDir), log, clock });
  cleanup.defer(() => policy.close());
  const metrics = makeMetrics();

  // The port is known only once we listen; until everything is wired, requests wait.
  const reach = readReach(config.api);
  const port = await listen(config.api.host, config.api.port, reach.bounds);
  cleanup.defer(() => port.close());
  const { url } = port;

  const shared = {
    database,
    clock,
    log,
    policy,
    observer: metrics.web,
    bodyMs: config.api.body_timeout_seconds * 1000,
  };
  const identity = await openIdentity({ ...shared, config, dataDir, url: identityUrl(config.api, url) });
  cleanup.defer(() => identity.service.close());
  const authenticate = makeAuthenticator(identity.service, policy);

  const images = makeImages({ ...shared, dataDir, authenticate, quota: config.image });
  cleanup.defer(() => images.close());
  await images.ensureBootstrap();
  const { hosts, fellBack } = await chooseDriver({ config, dataDir, images: images.service, clock, log });
  for (const { driver } of hosts) cleanup.defer(() => driver.close());
  const networks = makeNetworks({
    ...shared,
    authenticate,
    // on real hosts nothing would carry them
    floatingIps: hosts.every(({ driver }) => driver.kind === 'fake'),
    defaultCidr: config.network.default_cidr,
    dnsServers: config.network.dns_servers,
    tenantRanges: config.network.tenant_ranges,
    tenantAddresses: config.network.tenant_addresses,
    // known once everything is wired, before the first request
    tell: (news) => tellPorts(news),
  });
  await networks.ensureBootstrap();

  const bus = makeMemoryBus({ clock, log });
  cleanup.defer(() => bus.close());

  const deps: OpsDeps = {
    database,
    bus,
    image: images.service,
    network: networks.service,
    volume: noVolumes,
    clock,
    log,
    ...opsSettings(config),
    observer: { ...adjustMetrics(metrics), ...actionMetrics(metrics), ...reconcilerMetrics(metrics, clock) },
    ...(hooks === undefined ? {} : { hooks }),
  };
  const ops = makeOps(deps);
  const tellPorts = makePortNews((op, events) => ops.takeExternalEvents(op, events), { clock, log });
  const [first] = hosts;
  const worker = await startWorker(deps, { name: workerName(dataDir), takeOver: true, host: first.name });
  cleanup.defer(() => worker.close());
  if (config.notifications.url !== '') {
    const relay = startNotificationRelay(deps, makeNotificationSender(config.notifications));
    cleanup.defer(() => relay.close());
  }
  const downMs = config.compute.down_seconds * 1000;
  const pace = {
    reportMs: config.compute.report_seconds * 1000,
    perSecond: config.compute.reports_per_second,
    downMs,
  };
  const reportMs = makeReportInterval(database, pace, clock, log);
  const offers = readOffers(config.compute);
  const agents: Agent[] = [];
  for (const { name, driver } of hosts) {
    const agent = await startAgent({ host: name, bus, driver, clock, log, reportMs, offers });
    cleanup.defer(() => agent.close());
    agents.push(agent);
  }
  // told before the agents are: an action that is refused because everything ends has not failed
  cleanup.defer(() => {
    worker.close().catch((error: unknown) => log.error({ err: error }, 'the worker did not end well'));
  });

  cloudMetrics({
    ...{ metrics, database, clock, downMs, version: manifest.version },
    queues: {
      actions: () => worker.running(),
      guests: () => agents.reduce((sum, agent) => sum + agent.waiting(), 0),
      reports: () => bus.waiting(),
    },
  });
  const compute = makeCompute({
    routes: computeRoutes,
    authenticate,
    observer: metrics.web,
    bodyMs: shared.bodyMs,
    services: {
      db: database.read,
      ops,
      policy,
      clock,
      log,
      settings: {
        pageSize: config.api.page_size,
        hostDownMs: downMs,
        defaultZone: config.compute.zone,
        imageUrl: null,
      },
      knowsProject: (caller, id) => identity.service.knowsProject(caller, id),
    },
  });

  const consolesOpen = metrics.gauge('xloud_consoles_open', 'Consoles that are open');
  const consoles = makeConsoles({
    baseUrlOf: (request) => deps.config.consoleBaseUrl ?? `${reachedBy(request).root}${CONSOLES}`,
    allowedHosts: config.compute.console_allowed_origins,
    open: (token) => followConsoleToken(deps, token),
    log,
    count: (open) => consolesOpen.set(open),
  });

  const services = mount(
    {
      ...(identity.app === null ? {} : { '/identity': callbackOf(identity.app) }),
      '/compute': callbackOf(compute),
      '/image': callbackOf(images.app),
      '/network': callbackOf(networks.app),
      [CONSOLES]: consoles.pages,
    },
    rootPages(
      [
        ...(identity.app === null ? [] : [{ name: 'identity', version: '/v3' } as const]),
        { name: 'compute', version: '/v2.1' },
        { name: 'image', version: '' },
        { name: 'network', version: '' },
      ],
      computeRoutes,
    ),
  );
  const handler = withHealth(
    metrics,
    [
      {
        name: 'database',
        problem: seldom(async () => {
          await proveWritable(database, clock.now());
          return null;
        }),
      },
      { name: 'disk', problem: seldom(() => diskProblem(dataDir)) },
      { name: 'bus', problem: () => bus.problem() },
      { name: 'identity', problem: () => identity.service.problem() },
      {
        name: 'hosts',
        problem: async () => ((await isAnyHostUp(database.read, clock.now() - downMs)) ? null : 'no host is up'),
      },
    ],
    log,
    services,
  );
  port.answerWith(...noteReached(reach, handler, consoles.upgrades));
  // ended first: what answers requests is still there for those under way
  cleanup.defer(() => port.close());
  cleanup.defer(() => consoles.close());
  return { url, driverKind: first.driver.kind, fellBack, cloudsYaml: identity.cloudsYaml, close: () => cleanup.run() };
}

const callbackOf = (app: Web): RequestListener => {
  const handle = app.callback();
  return (request, response) => void handle(request, response);
};

/** What the operations need of the configuration, in their own units. */
const opsSettings = ({
  compute,
  database,
  pci,
  quota,
  scheduler,
  notifications,
}: Config): Pick<OpsDeps, 'config' | 'scheduler'> => ({
  config: {
    defaultZone: compute.zone,
    ratios: {
      cpu: compute.cpu_allocation_ratio,
      ram: compute.ram_allocation_ratio,
      disk: compute.disk_allocation_ratio,
    },
    reserved: { vcpus: compute.reserved_vcpus, memoryMb: compute.reserved_memory_mb, diskGb: compute.reserved_disk_gb },
    hostDownMs: compute.down_seconds * 1000,
    shutdownMs: compute.shutdown_seconds * 1000,
    placementWaitMs: compute.placement_wait_seconds * 1000,
    forceConfigDrive: compute.force_config_drive === 'yes',
    reclaimMs: compute.reclaim_instance_interval_seconds * 1000,
    retentionMs: database.retention_days * DAY_MS,
    adjustConfirmMs: compute.adjust_confirm_seconds * 1000,
    startSettleMs: compute.start_settle_seconds * 1000,
    allowResizeToSameHost: compute.allow_resize_to_same_host === 'yes',
    resizeConfirmMs: compute.resize_confirm_window * 1000,
    consoleBaseUrl: compute.console_base_url || null,
    notifications: notifications.url !== '',
    shelvedOffloadMs: compute.shelved_offload_time * 1000,
    pciAliases: readAliases(pci.alias),
    quota,
  },
  scheduler: {
    filters: scheduler.enabled_filters,
    multipliers: Object.fromEntries(weigherNames.map((name) => [name, scheduler[weighers[name].option]])),
    settings: {
      maxIoOpsPerHost: scheduler.max_io_ops_per_host,
      maxInstancesPerHost: scheduler.max_instances_per_host,
      isolatedHosts: scheduler.isolated_hosts,
      isolatedImages: scheduler.isolated_images,
      restrictIsolatedHosts: scheduler.restrict_isolated_hosts_to_isolated_images === 'true',
      imageIsolationNamespace: scheduler.aggregate_image_properties_isolation_namespace,
      isolatedAggregates: scheduler.enable_isolated_aggregate_filtering === 'true',
      imageIsolationSeparator: scheduler.aggregate_image_properties_isolation_separator,
    },
  },
});
