// Why: one of several workers: it carries out what APIs committed, and takes what hosts tell.

import { hostname } from 'node:os';
import manifest from '../../package.json' with { type: 'json' };
import { attachedVolumes } from './attached-volumes.ts';
import { openBus } from './bus.ts';
import { cloudMetrics } from './cloud-metrics.ts';
import { conditions } from './conditions.ts';
import { makeControlPlane, startControlPlane } from './control-plane.ts';
import { nobodyCalls } from './neighbours.ts';
import { openVolumes } from './volumes.ts';
import { openImages } from './images.ts';
import { openNetworks } from './networks.ts';
import { openPlacementMirror } from './placement-mirror.ts';
import { openParts, type StartOptions, started } from './parts.ts';
import { openProbes, type Standing } from './probes.ts';
import { mustShare } from './shared.ts';

/** Starts a worker; resolves once it works. On failure what was started is ended again. */
export const startWorkerProcess = (options: StartOptions): Promise<Standing> =>
  started(async (cleanup) => {
    mustShare(options);
    const parts = await openParts(options, cleanup);
    const { config, dataDir, clock, metrics, database } = parts;
    const images = await openImages(parts, nobodyCalls);
    const networks = await openNetworks(parts, nobodyCalls, { isFake: config.compute.driver === 'fake' });
    const bus = await openBus(parts, { calls: true, serves: false });
    const volumes = await openVolumes(parts, nobodyCalls, images);
    const mirror = await openPlacementMirror(parts);
    const plane = makeControlPlane(parts, bus, { images, networks, volumes }, mirror);
    const worker = await startControlPlane(parts, plane, config.compute.host || hostname());
    await volumes.startWork(false, attachedVolumes(plane.deps));
    cloudMetrics({
      ...{ metrics, database, clock, version: manifest.version },
      downMs: config.compute.down_seconds * 1000,
      queues: { actions: () => worker.running(), reports: () => bus.waiting() },
    });
    const all = [
      conditions.database(parts),
      conditions.disk(dataDir),
      conditions.bus(bus),
      ...images.conditions,
      ...networks.conditions,
      ...volumes.conditions,
    ];
    return openProbes(parts, config.worker.listen, all);
  });
