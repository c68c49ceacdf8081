// Why: what lies in the broker is named, bounded and declared in one place; what a host's user may do there follows from the same names.

import { createHash } from 'node:crypto';
import type { Channel, Options } from 'amqplib';
import { limits } from '../../base/limits.ts';

/** Exchanges, and the queue that has the last one's name. */
export const exchanges = {
  /** Answers to callers, each bound by the name of its queue. */
  replies: 'xloud.replies',
  /** Reports, by `reportKey`. */
  reports: 'xloud.reports',
  /** To every worker. */
  nudges: 'xloud.nudges',
  /** What nobody could take. */
  dead: 'xloud.dead',
} as const;

export const hostQueue = (host: string): string => `xloud.host.${host}`;

const partitions = Array.from({ length: limits.busReportQueues }, (_, index) => String(index));
export const reportQueues: readonly string[] = partitions.map((partition) => `xloud.reports.${partition}`);

/** `5.compute-1`: the queue that all reports of a host go to, so that they stay in order, and whose they are. */
export function reportKey(host: string): string {
  const number = createHash('sha256').update(host).digest().readUInt32BE();
  return `${number % limits.busReportQueues}.${host}`;
}

const quorum = { 'x-queue-type': 'quorum' };

/** Calls to one host. A full one refuses, and what expires there or is refused goes where it is seen. */
export const hostQueueOptions: Options.AssertQueue = {
  durable: true,
  expires: limits.busQueueIdleMs,
  maxLength: limits.busCallsQueued,
  overflow: 'reject-publish',
  deadLetterExchange: exchanges.dead,
  arguments: { ...quorum, 'x-single-active-consumer': true, 'x-delivery-limit': limits.busCallDeliveries },
};

/** Of full ones the oldest reports go, which say the least. */
const reportQueueOptions: Options.AssertQueue = {
  durable: true,
  maxLength: limits.busReportsQueued,
  overflow: 'drop-head',
  arguments: { ...quorum, 'x-single-active-consumer': true },
};

/** Which every worker listens to, and nobody writes to: how many they are is asked there. */
export const workersQueue = 'xloud.workers';

const deadQueueOptions: Options.AssertQueue = {
  durable: true,
  maxLength: limits.busDeadQueued,
  messageTtl: limits.busDeadMs,
  overflow: 'drop-head',
  arguments: quorum,
};

/** Makes what the control plane and all hosts share; there already: nothing happens. Agents have no right to. */
export async function declareShared(channel: Channel): Promise<void> {
  await channel.assertExchange(exchanges.replies, 'direct', { durable: true });
  await channel.assertExchange(exchanges.reports, 'topic', { durable: true });
  await channel.assertExchange(exchanges.nudges, 'fanout', { durable: true });
  await channel.assertExchange(exchanges.dead, 'fanout', { durable: true });
  await channel.assertQueue(exchanges.dead, deadQueueOptions);
  await channel.bindQueue(exchanges.dead, exchanges.dead, '');
  await channel.assertQueue(workersQueue, { durable: true, maxLength: 1, arguments: quorum });
  for (const [index, queue] of reportQueues.entries()) {
    await channel.assertQueue(queue, reportQueueOptions);
    await channel.bindQueue(queue, exchanges.reports, `${partitions[index]}.#`);
  }
}

const exactly = (text: string): string => `^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;

/** What RabbitMQ lets the user of a host do, as the regular expressions of its permissions. */
export interface HostPermissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** Of the keys that it may report under. */
  readonly topic: string;
}

/** Its own queue to read; reports and answers to write, and what it could not take. */
export const hostPermissions = (host: string): HostPermissions => ({
  configure: exactly(hostQueue(host)),
  write: '^xloud\\.(reports|replies|dead)$',
  read: exactly(hostQueue(host)),
  topic: exactly(reportKey(host)),
});
