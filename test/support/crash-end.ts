// Why: whatever a killed process was doing, there are few ends that are right. The tests that kill share them.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { listServers } from '../../src/db/server-list.ts';
import { loadDetail } from '../../src/db/server-details.ts';
import { openWorld, passTime, recover, SERVER_NAME, type Verb } from './crash-child.ts';
import type { World } from './world.ts';

const CHILD = join(import.meta.dirname, 'crash-child.ts');

export interface Point {
  readonly name: string;
  readonly occurrence: number;
}

export interface Result extends Point {
  readonly verb: Verb;
  readonly ended: string;
  readonly problems: readonly string[];
}

/** What must be true in the end, whatever happened on the way. */
export const expected: Readonly<Record<Verb, string>> = {
  create: 'active 1/256 on host-1',
  'create-elsewhere': 'active 1/256 on host-2',
  'create-nowhere': 'error, nothing claimed',
  adjust: 'active 3/768 on host-1',
  attach: 'active 1/256 on host-1, 2 interfaces',
  detach: 'active 1/256 on host-1, 0 interfaces',
  stop: 'stopped 1/256 on host-1',
  reboot: 'active 1/256 on host-1',
  rebuild: 'active 1/256 on host-1',
  rescue: 'rescued 1/256 on host-1',
  image: 'active 1/256 on host-1 and an image',
  snapshot: 'active 1/256 on host-1 and a copy',
  'go-back': 'active 1/256 on host-1 and a copy',
  'from-backup': 'active 1/256 on host-1',
  shelve: 'shelved_offloaded as an image',
  unshelve: 'active 1/256 on host-1',
  resize: 'resized 2/512 on host-2',
  confirm: 'active 2/512 on host-2',
  revert: 'active 1/256 on host-1',
  migrate: 'resized 1/256 on host-2',
  'live-migrate': 'active 1/256 on host-2',
  evacuate: 'active 1/256 on host-2',
  delete: 'gone',
  'delete-building': 'gone',
};

/**
 * Killed before the DELETE was asked for, the server is there, and that is right. Killed before its image was made, an action
 * ends in a recorded failure.
 */
const isRight = ({ verb, name, ended }: Pick<Result, 'verb' | 'name' | 'ended'>): boolean =>
  name.endsWith('.left')
    ? ended === expected.create
    : ended.startsWith(expected[verb]) || (verb === 'delete-building' && ended.startsWith(expected.create));

export async function endOf(world: World): Promise<string> {
  const filter = { where: { display_name: SERVER_NAME }, deleted: 'any' as const };
  const servers = await listServers(world.database.read, filter, { limit: 10, marker: null, sort: [] });
  const [server] = servers;
  if (servers.length !== 1 || server === undefined) return `${servers.length} servers`;
  if (server.taskState !== null) return `stuck in ${server.taskState}`;
  if (server.deleted) return 'gone';
  if (server.vmState === 'error') {
    const { fault } = await loadDetail(world.database.read, server);
    if (fault === null) return 'error without a fault';
    return server.host === null ? 'error, nothing claimed' : `error, still on ${server.host}`;
  }
  const images = (await world.images.all()).filter((image) => image.properties['instance_uuid'] === server.uuid);
  if (server.vmState === 'shelved_offloaded' && images.length === 1) return 'shelved_offloaded as an image';
  const guest = world.drivers.get(server.host ?? '')?.store.get(server.uuid);
  if (guest === undefined) return `${server.vmState} without its guest`;
  const same = guest.size.vcpus === server.currentVcpus && guest.size.memoryMb === server.currentMemoryMb;
  if (server.vmState === 'active' && !same) return 'active with other sizes than its guest';
  const left = images.length === 0 ? '' : images.length === 1 ? ' and an image' : ` and ${images.length} images`;
  const { nics } = await loadDetail(world.database.read, server);
  const ports = world.networks.ports();
  if (nics.length !== ports.length || nics.length !== guest.spec.nics.length) {
    return `${nics.length} interfaces of ${ports.length} ports, ${guest.spec.nics.length} plugged`;
  }
  const interfaces = nics.length === 1 ? '' : `, ${nics.length} interfaces`;
  const copies: { status: string }[] = await world.database
    .read('server_copies')
    .where({ server_uuid: server.uuid })
    .select('status');
  const kept = copies
    .map(({ status }) => (status === 'available' ? ' and a copy' : ` and a copy in ${status}`))
    .join('');
  return `${server.vmState} ${server.currentVcpus}/${server.currentMemoryMb} on ${server.host}${interfaces}${left}${kept}`;
}

/** Runs the child; the signal that ended it, or null where it came to its end. */
const runChild = (args: readonly string[]): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, ...args], (error, _stdout, stderr) => {
      if (error === null) resolve(null);
      else if (error.signal) resolve(error.signal);
      else reject(new Error(`the child failed: ${stderr}`));
    });
  });

const NOT_REACHED = ' (not reached)';

/**
 * Kills a process at a point of an action in a prepared place, has another go on with what it left, and tells what came of it.
 * A point that depends on timing may not be passed again: then the run must have ended well by itself.
 */
export async function killAt(
  { directory, url }: { readonly directory: string; readonly url?: string },
  verb: Verb,
  { name, occurrence }: Point,
): Promise<Result> {
  const signal = await runChild([directory, verb, name, String(occurrence), ...(url === undefined ? [] : [url])]);
  const world = await openWorld(directory, verb, () => undefined, url);
  await passTime(world);
  await world.settled();
  await recover(world, verb);
  await world.worker().reconcile();
  const problems = await world.leftovers();
  const ended = await endOf(world);
  await world.close();
  return { verb, name, occurrence, ended: ended + (signal === null ? NOT_REACHED : ''), problems };
}

export const wasReached = ({ ended }: Result): boolean => !ended.endsWith(NOT_REACHED);

/** Whether something was left over, or the end is not one that was asked for. */
export const isBad = (result: Result): boolean => result.problems.length > 0 || !isRight(result);

/** So many of them, from all over the way. */
export const some = (points: readonly Point[], count: number): readonly Point[] =>
  count >= points.length
    ? points
    : Array.from({ length: count }, (_, index) => points[Math.floor(((index + 0.5) * points.length) / count)] as Point);

/** Does each piece of work once, so many at a time; the results in the order in which they came. */
export async function inLanes<T, R>(count: number, work: readonly T[], doIt: (one: T) => Promise<R>): Promise<R[]> {
  const waiting = [...work];
  const results: R[] = [];
  const lane = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) results.push(await doIt(one));
  };
  await Promise.all(Array.from({ length: count }, lane));
  return results;
}
