// Why: the agent of a machine's hypervisor. It has the bus, a driver and a way to images, and no database: whoever takes the machine has
// not taken the cloud.

import manifest from '../../package.json' with { type: 'json' };
import type { ImageSink, ImageSource } from '../virt/driver.ts';
import { openBus } from './bus.ts';
import { openChassis } from './chassis.ts';
import { conditions } from './conditions.ts';
import { bad } from './config-values.ts';
import { openHosts, startAgents } from './hosts.ts';
import { openGlance, openVerified } from './images.ts';
import { openMetadataRelay } from './metadata.ts';
import { openAdapter } from './operators.ts';
import { type BaseParts, openBase, type StartOptions, started } from './parts.ts';
import { openProbes, type Standing } from './probes.ts';
import { mustHaveBus } from './shared.ts';

/** Images over HTTP, each held against its hash, and its signature where that is wanted. */
async function openVerifiedImages(parts: BaseParts): Promise<ImageSource & ImageSink> {
  const { image } = parts.config;
  if (image.endpoint === '' && image.service === 'built-in')
    throw bad('image.endpoint', 'an agent fetches images from the image service: say where it is');
  return openVerified(parts, await openGlance(parts, await openAdapter(parts, 'image', image.endpoint)));
}

export interface AgentStanding extends Standing {
  readonly driverKind: string;
  readonly fellBack: string | null;
  readonly hosts: readonly string[];
}

/** Starts an agent; resolves once its hosts are served. On failure what was started is ended again. */
export const startAgentProcess = (options: StartOptions): Promise<AgentStanding> =>
  started(async (cleanup) => {
    mustHaveBus(options);
    const parts = openBase(options, cleanup);
    const { config, dataDir, metrics } = parts;
    const { hosts, fellBack } = await openHosts(parts, await openVerifiedImages(parts));
    const bus = await openBus(parts, { calls: false, serves: true });
    const { chassis, conditions: ofSwitch } = await openChassis(parts);
    const agents = await startAgents(parts, bus, hosts, config.compute.report_seconds * 1000, chassis);
    metrics.gaugeOf('xloud_build_info', 'The version that runs', ['version', 'node'], () => [
      [{ version: manifest.version, node: process.versions.node }, 1],
    ]);
    metrics.gaugeOf('xloud_queue_length', 'What waits or runs in this process', ['queue'], () => [
      [{ queue: 'guests' }, agents.reduce((sum, agent) => sum + agent.waiting(), 0)],
    ]);
    const [{ driver, name }] = hosts;
    const metadata = driver.kind === 'libvirt' ? await openMetadataRelay(parts, name) : [];
    const all = [conditions.disk(dataDir), conditions.bus(bus), conditions.driver(driver), ...ofSwitch, ...metadata];
    const standing = await openProbes(parts, config.agent.listen, all);
    return { ...standing, driverKind: driver.kind, fellBack, hosts: hosts.map(({ name }) => name) };
  });
