// Why: a load whose every promise is followed up: each user has servers of his own, does one thing after another with them, and sees what
// became of it before he goes on. So what he expects is certain, and whatever is otherwise is the cloud's.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Dice, makeDice } from '../sim/dice.ts';
import type { Books, Entry } from './books.ts';
import type { Answered, Client, Cut } from './client.ts';
import { type Deed, type Flavors, pickDeed, type Shown } from './deeds.ts';

/** A user waits so long for the end of one thing; what takes longer is open, and judged in the end. */
const PATIENCE_MS = 150_000;
const LOOK_MS = 250;
/** What is over may be shown a little later. */
const SETTLE_MS = 10_000;
/** What was cut off is looked for so long. */
const LOOK_UP_MS = 5_000;
/** Who was killed may be seen so much later. */
const KILL_SEEN_MS = 15_000;

export interface Load {
  readonly client: Client;
  readonly books: Books;
  readonly seed: number;
  readonly apis: number;
  readonly zones: readonly string[];
  readonly flavors: Flavors;
  /** How many servers a user has at most. */
  readonly serversEach: number;
  readonly image: string;
  /** No more is asked for. */
  readonly isOver: () => boolean;
}

interface Owned {
  readonly name: string;
  readonly id: string;
  /** Requests of it that are known. */
  readonly requests: Set<string>;
}

/** A server as it is shown, with whether something is under way; null: there is none. */
async function look(client: Client, id: string, ms: number): Promise<(Shown & { readonly busy: boolean }) | null> {
  const { status, body } = await client.read(`/servers/${id}`, ms);
  if (status === 404) return null;
  const adjusting = await client.read(`/os-xloud-adjust/${id}`, ms);
  if (adjusting.status === 404) return null;
  const { server } = body;
  return {
    status: server.status as string,
    host: server['OS-EXT-SRV-ATTR:host'] as string,
    flavor: server.flavor.original_name as string,
    vcpus: adjusting.body.vcpus?.current as number,
    memoryMb: adjusting.body.memory_mb?.current as number,
    busy: server['OS-EXT-STS:task_state'] !== null || adjusting.body.status === 'adjusting',
  };
}

async function requestsOf(client: Client, id: string): Promise<string[]> {
  const { status, body } = await client.read(`/servers/${id}/os-instance-actions`, PATIENCE_MS);
  return status === 200 ? body.instanceActions.map((one: { request_id: string }) => one.request_id) : [];
}

interface Failed {
  readonly message: string;
  readonly events: readonly { readonly event: string; readonly result: string; readonly details: string | null }[];
}

/** What an action that failed says of it. */
const reasonOf = ({ message, events }: Failed): string =>
  [
    message,
    ...events.flatMap(({ event, result, details }) => (result === 'Error' ? [`${event}: ${details}`] : [])),
  ].join('; ');

/** One user until the load is over; resolves when nothing that he asked for is under way, or he has lost patience with it. */
export async function use(load: Load, number: number): Promise<void> {
  const { client, books, zones, image, apis, flavors } = load;
  const dice: Dice = makeDice(load.seed, 100 + number);
  const owned: Owned[] = [];
  let made = 0;

  /** The request that a cut-off one became; null: it was never heard of. */
  async function lookUp(server: Owned): Promise<string | null> {
    const giveUpAt = Date.now() + LOOK_UP_MS;
    for (;;) {
      const news = (await requestsOf(client, server.id)).find((one) => !server.requests.has(one));
      if (news !== undefined || Date.now() > giveUpAt) return news ?? null;
      await sleep(LOOK_MS);
    }
  }

  /** Whether it was accepted; what was not is closed. */
  async function isAccepted(entry: Entry, answer: Answered | Cut, found: () => Promise<string | null>) {
    entry.api = answer.api;
    if ('status' in answer && answer.status < 500) {
      if (answer.status < 300) entry.requestId = answer.requestId;
      else books.close(entry, 'refused', `${answer.status} ${JSON.stringify(answer.body)}`);
    } else {
      if ('status' in answer && answer.status === 500) entry.why = `answered 500 ${JSON.stringify(answer.body)}`;
      const why = 'cut' in answer ? answer.cut : `${answer.status} ${JSON.stringify(answer.body)}`;
      entry.requestId = await found();
      if (entry.requestId === null) books.close(entry, 'cut', why);
    }
    return entry.requestId !== null;
  }

  /** Whether the server is off since its guest was killed in the middle of it. */
  const isKilled = ({ askedAtMs }: Entry, { id }: Owned, after: Shown | null): boolean =>
    after?.status === 'SHUTOFF' && (books.killed.get(id) ?? 0) >= askedAtMs - KILL_SEEN_MS;

  /** Waits for the end of what was accepted, and looks whether it is what was promised. */
  async function follow(
    entry: Entry,
    server: Owned,
    isGood: (after: Shown | null) => boolean,
    hasNoTask = false,
  ): Promise<void> {
    const giveUpAt = entry.askedAtMs + PATIENCE_MS;
    let after = await look(client, server.id, PATIENCE_MS);
    while (after?.busy || after?.status === 'BUILD') {
      if (Date.now() > giveUpAt) return;
      await sleep(LOOK_MS);
      after = await look(client, server.id, PATIENCE_MS);
    }
    const path = `/servers/${server.id}/os-instance-actions/${entry.requestId}`;
    const settledAt = Date.now() + SETTLE_MS;
    for (;;) {
      if (after !== null && !entry.hosts.includes(after.host)) entry.hosts.push(after.host);
      if (isGood(after)) return books.close(entry, 'done');
      if (isKilled(entry, server, after)) return books.close(entry, 'failed', 'its guest was killed meanwhile');
      const { status, body } = await client.read(path, PATIENCE_MS);
      if (status === 200 && body.instanceAction.message !== null)
        return books.close(entry, 'failed', reasonOf(body.instanceAction));
      if (hasNoTask && Date.now() > giveUpAt) return;
      if (!hasNoTask && Date.now() > settledAt) return books.close(entry, 'wrong', `seen: ${JSON.stringify(after)}`);
      await sleep(LOOK_MS);
      after = await look(client, server.id, PATIENCE_MS);
    }
  }

  async function create(): Promise<void> {
    made += 1;
    const [name, zone] = [`u${number}-${made}`, dice.pick(zones)];
    const entry = books.open('create', name);
    const server = { name, flavorRef: 'f', imageRef: image, networks: 'auto', availability_zone: zone };
    const answer = await client.ask(dice.below(apis), 'POST', '/servers', { server });
    const byName = async (): Promise<string | null> => {
      const giveUpAt = Date.now() + LOOK_UP_MS;
      do {
        const { body } = await client.read(`/servers?name=^${name}$`, PATIENCE_MS);
        entry.serverId = (body.servers[0]?.id as string | undefined) ?? null;
        if (entry.serverId !== null) return (await requestsOf(client, entry.serverId))[0] ?? null;
        await sleep(LOOK_MS);
      } while (Date.now() < giveUpAt);
      return null;
    };
    if (!(await isAccepted(entry, answer, byName))) return;
    if ('body' in answer && answer.status === 202) entry.serverId = answer.body.server.id as string;
    const id = entry.serverId as string;
    const one: Owned = { name, id, requests: new Set([entry.requestId as string]) };
    owned.push(one);
    await follow(entry, one, (after) => after?.status === 'ACTIVE');
  }

  async function act(server: Owned, deed: Deed, before: Shown): Promise<void> {
    const entry = books.open(deed.name, server.name, [before.host]);
    entry.serverId = server.id;
    const { body, effect } = deed.wish(before, dice, flavors);
    const api = dice.below(apis);
    const answer =
      deed.route === 'delete'
        ? await client.ask(api, 'DELETE', `/servers/${server.id}`)
        : deed.route === 'adjust'
          ? await client.ask(api, 'POST', `/os-xloud-adjust/${server.id}`, body)
          : await client.ask(api, 'POST', `/servers/${server.id}/action`, body);
    if (!(await isAccepted(entry, answer, () => lookUp(server)))) return;
    server.requests.add(entry.requestId as string);
    const isGood = (after: Shown | null): boolean =>
      deed.route === 'delete' ? after === null : after !== null && effect(after);
    await follow(entry, server, isGood, deed.hasNoTask);
  }

  while (!load.isOver()) {
    await sleep(dice.between(50, 600));
    if (owned.length === 0 || (owned.length < load.serversEach && dice.hits(0.3))) {
      await create();
      continue;
    }
    const server = dice.pick(owned);
    const before = await look(client, server.id, PATIENCE_MS);
    if (before === null) owned.splice(owned.indexOf(server), 1);
    else if (!before.busy) {
      const deed = pickDeed(before.status, dice);
      if (deed !== null) await act(server, deed, before);
    }
  }
}
