// Why: one of several APIs: it answers requests and commits what they ask for; workers carry it out, and agents are asked over the bus.

import manifest from '../../package.json' with { type: 'json' };
import { openBus } from './bus.ts';
import { cloudMetrics } from './cloud-metrics.ts';
import { makeControlPlane } from './control-plane.ts';
import { makeFront } from './front.ts';
import { listen } from './listen.ts';
import { openCallers } from './neighbours.ts';
import { openVolumes } from './volumes.ts';
import { openImages } from './images.ts';
import { openNetworks } from './networks.ts';
import { openParts, type StartOptions, started } from './parts.ts';
import { openProxiedMetadata } from './metadata.ts';
import { openNovacronPort } from './novacron-face.ts';
import { makePortNews } from './port-news.ts';
import { noteReached, readReach } from './reach.ts';
import type { Serving } from './serve.ts';
import { usageMetrics } from './usage-metrics.ts';
import { mustShare } from './shared.ts';

/** Starts an API; resolves once requests are served. On failure what was started is ended again. */
export const startApi = (options: StartOptions): Promise<Pick<Serving, 'url' | 'cloudsYaml' | 'close'>> =>
  started(async (cleanup) => {
    mustShare(options);
    const parts = await openParts(options, cleanup);
    const { config, clock, log, metrics, database } = parts;
    const reach = readReach(config.api);
    const port = await listen(config.api.host, config.api.port, reach.bounds);
    cleanup.defer(() => port.close());

    const callers = await openCallers(parts, port.url);
    const images = await openImages(parts, callers.authenticate);
    await images.ensureBootstrap();
    const networks = await openNetworks(parts, callers.authenticate, {
      isFake: config.compute.driver === 'fake',
      tell: (news) => tellPorts(news),
    });
    await networks.ensureBootstrap();
    const volumes = await openVolumes(parts, callers.authenticate, images);
    await volumes.ensureBootstrap();
    const neighbours = { images, networks, volumes };
    const bus = await openBus(parts, { calls: true, serves: false });
    const plane = makeControlPlane(parts, bus, neighbours);
    const tellPorts = makePortNews((op, events) => plane.ops.takeExternalEvents(op, events), { clock, log });
    const downMs = config.compute.down_seconds * 1000;
    cloudMetrics({ metrics, database, clock, version: manifest.version, downMs, queues: {} });
    usageMetrics({ metrics, database, clock, which: config.compute.usage_metrics });

    const { handler, consoles, dashboard, novacron } = makeFront(parts, callers, neighbours, plane);
    port.answerWith(...noteReached(reach, handler, consoles.upgrades));
    await openNovacronPort(parts, reach, novacron);
    await openProxiedMetadata(parts);
    cleanup.defer(() => port.close());
    cleanup.defer(() => consoles.close());
    cleanup.defer(() => dashboard.close());
    return { url: port.url, cloudsYaml: callers.identity.cloudsYaml, close: () => cleanup.run() };
  });
