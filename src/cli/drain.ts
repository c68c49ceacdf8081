// Why: `xloud host drain`: a host that shall be repaired is emptied by the same calls that any administrator can make, so that a drain
// which is cut off loses nothing: the next one goes on from what is on the host then.

import { setTimeout as sleep } from 'node:timers/promises';
import { badRequest, Fault, messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { table } from '../base/table.ts';
import { type DrainCounts, type DrainedServer, nextMove, progressLine } from '../base/drain-plan.ts';
import { failureOf, lastMessage } from './last-message.ts';
import { type Session, VERSION } from '../client/session.ts';

export interface DrainOptions {
  /** Servers that move at the same time. */
  readonly atOnce: number;
  /** Why the host is disabled; shown to operators. */
  readonly reason: string;
  /** Only says what would be done. */
  readonly dryRun: boolean;
  /** Hears of the progress whenever it changed. */
  readonly tell: (line: string) => void;
}

export interface DrainEnd {
  /** What is to be printed. */
  readonly text: string;
  /** Whether nothing is left on the host. */
  readonly empty: boolean;
}

interface Service {
  readonly id: string;
  readonly status: 'enabled' | 'disabled';
}
interface Migration {
  readonly instance_uuid: string;
}

/** The calls that a drain makes. */
function callsOf(session: Session, host: string) {
  const name = encodeURIComponent(host);
  const get = async <T>(path: string): Promise<T> => (await session.compute('GET', path, undefined, VERSION)) as T;
  const act = (id: string, action: object) => session.compute('POST', `/servers/${id}/action`, action, VERSION);
  return {
    act,
    async service(): Promise<Service> {
      const { services } = await get<{ services: Service[] }>(`/os-services?binary=nova-compute&host=${name}`);
      const [found] = services;
      if (found === undefined) throw badRequest(`there is no host ${host}`);
      return found;
    },
    disable: ({ id }: Service, reason: string) =>
      session.compute('PUT', `/os-services/${id}`, { status: 'disabled', disabled_reason: reason }, VERSION),
    async servers(): Promise<DrainedServer[]> {
      const all: DrainedServer[] = [];
      for (;;) {
        const after = all.length === 0 ? '' : `&marker=${all.at(-1)?.id}`;
        const { servers } = await get<{ servers: DrainedServer[] }>(
          `/servers/detail?all_tenants=1&host=${name}&sort_key=created_at&sort_dir=asc${after}`,
        );
        if (servers.length === 0) return all;
        all.push(...servers);
      }
    },
    /** Servers that were moved from here and whose old disks are here until somebody confirms. */
    async unconfirmed(): Promise<string[]> {
      const { migrations } = await get<{ migrations: Migration[] }>(
        `/os-migrations?source_compute=${name}&migration_type=migration&status=finished`,
      );
      return migrations.map((one) => one.instance_uuid);
    },
    lastMessage: (id: string) => lastMessage(session, id),
    failureOf: (id: string) => failureOf(session, id),
  };
}

type Calls = ReturnType<typeof callsOf>;

/** What a drain knows of its servers beyond what the service tells. */
class Drain {
  readonly #calls: Calls;
  readonly #atOnce: number;
  /** By id, those that were on the host when this drain saw them. */
  readonly #seen = new Set<string>();
  readonly #tried = new Set<string>();
  /** By id, those whose moves this drain confirmed, and why that was refused; null: it was accepted. */
  readonly #confirmed = new Map<string, string | null>();
  /** By id, why a server stays. */
  readonly #stays = new Map<string, string>();

  constructor(calls: Calls, atOnce: number) {
    this.#calls = calls;
    this.#atOnce = atOnce;
  }

  /** Does what is next and says how it stands; `over`: nothing more can be done. */
  async turn(): Promise<{ readonly counts: DrainCounts; readonly over: boolean; readonly staying: string[][] }> {
    const servers = await this.#calls.servers();
    let [moving, waiting] = [0, 0];
    const staying: string[][] = [];
    const ready: DrainedServer[] = [];
    for (const server of servers) {
      this.#seen.add(server.id);
      const next = nextMove(server);
      const why = 'stuck' in next ? next.stuck : await this.#failure(server);
      if (why !== null) staying.push([server.id, server.name, server.status, why]);
      else if ('action' in next) ready.push(server);
      else moving += 1;
    }
    for (const server of ready) {
      if (moving >= this.#atOnce) waiting += 1;
      else if (await this.#begin(server)) moving += 1;
      else staying.push([server.id, server.name, server.status, this.#stays.get(server.id) as string]);
    }
    const { unconfirmed, kept } = await this.#confirm();
    const moved = this.#seen.size - servers.length - unconfirmed - kept.length;
    staying.push(...kept);
    const counts = { moved, moving: moving + unconfirmed, waiting, left: staying.length };
    return { counts, over: moving + waiting + unconfirmed === 0, staying };
  }

  /** Why a server that was tried before is still here; null: it was not, or is on its way. */
  async #failure({ id, 'OS-EXT-STS:task_state': task }: DrainedServer): Promise<string | null> {
    const known = this.#stays.get(id);
    if (known !== undefined) return known;
    if (task !== null || !this.#tried.has(id)) return null;
    const why = await this.#calls.lastMessage(id);
    this.#stays.set(id, why);
    return why;
  }

  /** Begins to move a server. False: it is refused, with the reason noted. */
  async #begin(server: DrainedServer): Promise<boolean> {
    const next = nextMove(server);
    if (!('action' in next)) return true;
    try {
      await this.#calls.act(server.id, next.action);
      this.#tried.add(server.id);
      return true;
    } catch (error) {
      if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
      this.#stays.set(server.id, error.message);
      return false;
    }
  }

  /** Confirms, once, what was moved while it was off. `kept`: what the host keeps of those whose confirmation did not go through. */
  async #confirm(): Promise<{ readonly unconfirmed: number; readonly kept: string[][] }> {
    let unconfirmed = 0;
    const kept: string[][] = [];
    for (const id of await this.#calls.unconfirmed()) {
      this.#seen.add(id);
      const why = this.#confirmed.has(id) ? await this.#whyUnconfirmed(id) : await this.#confirmOne(id);
      if (why === null) unconfirmed += 1;
      else kept.push([id, '-', 'VERIFY_RESIZE', `it moved, and its old disks are still here: ${why}`]);
    }
    return { unconfirmed, kept };
  }

  async #confirmOne(id: string): Promise<string | null> {
    try {
      await this.#calls.act(id, { confirmResize: null });
      this.#confirmed.set(id, null);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
      this.#confirmed.set(id, error.message);
    }
    return this.#confirmed.get(id) ?? null;
  }

  /** Null: it is being confirmed. */
  #whyUnconfirmed = async (id: string): Promise<string | null> =>
    this.#confirmed.get(id) ?? (await this.#calls.failureOf(id));
}

function dryRun(servers: readonly DrainedServer[]): string {
  if (servers.length === 0) return 'There are no servers on it.';
  const rows = servers.map((server) => {
    const next = nextMove(server);
    return [server.id, server.name, server.status, 'stuck' in next ? `stays: ${next.stuck}` : next.label];
  });
  return table([['id', 'name', 'status', 'next'], ...rows], [0, 1, 2, 3]);
}

/**
 * Disables a host and moves everything away from it. Goes on while the service is away for less than `limits.drainOutageMs`.
 * Throws a Fault for a host that there is not, and what the service refuses.
 */
export async function drainHost(session: Session, host: string, options: DrainOptions): Promise<DrainEnd> {
  const calls = callsOf(session, host);
  const service = await calls.service();
  if (options.dryRun) {
    const servers = await calls.servers();
    return { text: dryRun(servers), empty: servers.length === 0 };
  }
  if (service.status === 'enabled') await calls.disable(service, options.reason);
  const drain = new Drain(calls, options.atOnce);
  let told = '';
  let heardAt = performance.now();
  for (;;) {
    let line: string;
    try {
      const { counts, over, staying } = await drain.turn();
      heardAt = performance.now();
      line = progressLine(counts);
      if (over) return { text: endText(host, line, staying), empty: staying.length === 0 };
    } catch (error) {
      const isOutage = error instanceof Fault && error.kind === 'unavailable';
      if (!isOutage || performance.now() - heardAt > limits.drainOutageMs) throw error;
      line = `the service does not answer: ${messageOf(error)}`;
    }
    if (line !== told) options.tell((told = line));
    await sleep(limits.drainPollMs);
  }
}

function endText(host: string, line: string, staying: string[][]): string {
  if (staying.length === 0) return `${host} is disabled and empty: ${line}.`;
  return `${host} is disabled and not empty: ${line}.\n\n${table([['id', 'name', 'status', 'why'], ...staying], [0, 1, 2, 3])}`;
}
