// Why: everything in one process for one machine: database, neighbours, hypervisor, workers and the API on one port. This file
// puts the parts together and does nothing else; api.ts, worker.ts and agent.ts put the same parts apart.

import manifest from '../../package.json' with { type: 'json' };
import type { Agent } from '../agent/agent.ts';
import { limits } from '../base/limits.ts';
import { findHost } from '../db/hosts.ts';
import type { OpsDeps, OpsHooks, Worker } from '../ops/index.ts';
import { isShared, openBus } from './bus.ts';
import type { Cleanup } from './cleanup.ts';
import { openChassis } from './chassis.ts';
import { cloudMetrics } from './cloud-metrics.ts';
import { type ControlPlane, makeControlPlane, startControlPlane } from './control-plane.ts';
import type { chooseDriver } from './driver.ts';
import { makeFront } from './front.ts';
import { openHosts, startAgents } from './hosts.ts';
import { attachedVolumes } from './attached-volumes.ts';
import { listen } from './listen.ts';
import { openCallers } from './neighbours.ts';
import { openVolumes } from './volumes.ts';
import { openImages } from './images.ts';
import { openNetworks } from './networks.ts';
import { openMetadata, openProxiedMetadata } from './metadata.ts';
import { hasMetadata } from './metadata-wish.ts';
import { openParts, type Parts, type StartOptions, started } from './parts.ts';
import { openNovacronPort } from './novacron-face.ts';
import { openPlacementMirror } from './placement-mirror.ts';
import { makePortNews } from './port-news.ts';
import { noteReached, readReach } from './reach.ts';
import { dialGuests, sshRangeOf } from './ssh-dial.ts';
import { openSshPorts } from './ssh-ports.ts';
import { usageMetrics } from './usage-metrics.ts';
import { makeReportInterval } from './report-pace.ts';

export interface ServeOptions extends StartOptions {
  /** For tests that end the process at a point of an operation. */
  readonly hooks?: OpsHooks;
  /** For tests with hosts of their own; default: what the configuration names. */
  readonly drive?: typeof chooseDriver;
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

function countCloud(
  { config, metrics, database, clock }: Parts,
  { bus }: ControlPlane,
  worker: Worker,
  agents: readonly Agent[],
): void {
  cloudMetrics({
    ...{ metrics, database, clock, version: manifest.version },
    downMs: config.compute.down_seconds * 1000,
    queues: {
      actions: () => worker.running(),
      guests: () => agents.reduce((sum, agent) => sum + agent.waiting(), 0),
      reports: () => bus.waiting(),
    },
  });
  usageMetrics({ metrics, database, clock, which: config.compute.usage_metrics });
}

/** Ports of this machine that lead to guests; none where they are not reached from here, or not wanted. */
function servedSshPorts(parts: Parts): Pick<OpsDeps, 'sshPorts'> {
  const [range, dial] = [sshRangeOf(parts.config), dialGuests(parts.config)];
  return range === null || dial === null ? {} : { sshPorts: openSshPorts(parts, range, dial) };
}

/** Whoever reads that the service runs may ask for a server: so none is answered before a host was heard, unless it is silent for long. */
async function hearHost({ clock, log, database }: Parts, host: string, beganMs: number): Promise<void> {
  while (((await findHost(database.read, { host }))?.lastSeenAt ?? 0) < beganMs) {
    if (clock.now() > beganMs + limits.firstReportMs)
      return log.warn({ host }, 'the host has not reported yet: servers find no place until one does');
    await clock.sleep(limits.firstReportPollMs);
  }
}

async function start(options: ServeOptions, cleanup: Cleanup): Promise<Serving> {
  const parts = await openParts(options, cleanup);
  const { config, clock, log, database } = parts;
  // The port is known only once we listen; until everything is wired, requests wait.
  const reach = readReach(config.api);
  const port = await listen(config.api.host, config.api.port, reach.bounds);
  cleanup.defer(() => port.close());

  const callers = await openCallers(parts, port.url);
  const images = await openImages(parts, callers.authenticate);
  await images.ensureBootstrap();
  const { hosts, fellBack } = await openHosts(parts, images.forHosts, options.drive);
  const networks = await openNetworks(parts, callers.authenticate, {
    isFake: hosts.every(({ driver }) => driver.kind === 'fake'),
    // what they tell is heard once everything is wired, before the first request
    tell: (news) => tellPorts(news),
  });
  await networks.ensureBootstrap();
  const volumes = await openVolumes(parts, callers.authenticate, images);
  await volumes.ensureBootstrap();
  const neighbours = { images, networks, volumes };
  const bus = await openBus(parts, { calls: true, serves: true });
  const sshPorts = hosts[0].driver.kind === 'libvirt' ? servedSshPorts(parts) : {};
  const hooks = options.hooks === undefined ? {} : { hooks: options.hooks };
  const placement = await openPlacementMirror(parts);
  const plane = makeControlPlane(parts, bus, neighbours, { ...hooks, ...sshPorts, ...placement });
  const tellPorts = makePortNews((op, events) => plane.ops.takeExternalEvents(op, events), { clock, log });
  const worker = await startControlPlane(parts, plane, hosts[0].name);
  await volumes.startWork(!isShared(config), attachedVolumes(plane.deps));
  const beganMs = clock.now();
  const isReal = hosts[0].driver.kind === 'libvirt';
  const { chassis } = isReal ? await openChassis(parts) : { chassis: () => null };
  const reportMs = makeReportInterval(database, config.compute, clock, log);
  const agents = await startAgents(parts, bus, hosts, reportMs, chassis);
  countCloud(parts, plane, worker, agents);
  // told before the agents are: an action that is refused because everything ends has not failed
  cleanup.defer(() => {
    worker.close().catch((error: unknown) => log.error({ err: error }, 'the worker did not end well'));
  });
  await hearHost(parts, hosts[0].name, beganMs);

  // guests that a hypervisor runs here are answered here
  const more = hasMetadata(config) && isReal ? openMetadata(parts) : [];
  const { handler, consoles, dashboard, novacron } = makeFront(parts, callers, neighbours, plane, more);
  port.answerWith(...noteReached(reach, handler, consoles.upgrades));
  await openNovacronPort(parts, reach, novacron);
  await openProxiedMetadata(parts);
  // ended first: what answers requests is still there for those under way
  cleanup.defer(() => port.close());
  cleanup.defer(() => consoles.close());
  cleanup.defer(() => dashboard.close());
  return {
    url: port.url,
    driverKind: hosts[0].driver.kind,
    fellBack,
    cloudsYaml: callers.identity.cloudsYaml,
    close: () => cleanup.run(),
  };
}

/** Starts everything; resolves once requests are served. On failure what was started is ended again. */
export const serve = (options: ServeOptions): Promise<Serving> => started((cleanup) => start(options, cleanup));
