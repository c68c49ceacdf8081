// Why: the hosts of a process are driven, served on the bus and told of, whatever else runs there.

import { type Agent, startAgent } from '../agent/agent.ts';
import { directoryAnswers } from '../agent/answers.ts';
import type { Bus } from '../bus/bus.ts';
import type { ImageSink, ImageSource } from '../virt/driver.ts';
import type { Chassis } from '../domain/placement/hosts.ts';
import { type ChosenDriver, chooseDriver, type DrivenHost } from './driver.ts';
import { HYPERVISOR } from './log-files.ts';
import { readOffers } from './offers.ts';
import type { BaseParts } from './parts.ts';

/** The hosts that the configuration names, or `drive` finds, ended with the process. */
export async function openHosts(
  parts: BaseParts,
  images: ImageSource & ImageSink,
  drive = chooseDriver,
): Promise<ChosenDriver> {
  const { config, dataDir, clock, log, cleanup } = parts;
  const chosen = await drive({ config, dataDir, images, clock, log: log.child(HYPERVISOR) });
  for (const { driver } of chosen.hosts) cleanup.defer(() => driver.close());
  return chosen;
}

/**
 * @param reportMs how often each tells, in milliseconds, or who says so
 * @param chassis what they are in OVN
 */
export async function startAgents(
  { config, clock, log: all, cleanup }: BaseParts,
  bus: Bus,
  hosts: readonly DrivenHost[],
  reportMs: number | (() => number),
  chassis: () => Chassis | null,
): Promise<readonly Agent[]> {
  const offers = readOffers(config.compute);
  const usage = config.compute.usage_history === 'yes';
  const log = all.child(HYPERVISOR);
  const agents: Agent[] = [];
  for (const { name, driver, answersDir } of hosts) {
    const answers = directoryAnswers(answersDir);
    const agent = await startAgent({ host: name, bus, driver, answers, clock, log, reportMs, offers, chassis, usage });
    cleanup.defer(() => agent.close());
    agents.push(agent);
  }
  return agents;
}
