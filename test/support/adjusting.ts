// Why: tests of growing and shrinking look at the same things: the resource, the claim, the host's sum, the guest itself.

import assert from 'node:assert/strict';
import { findClaim } from '../../src/db/claims.ts';
import { listHosts } from '../../src/db/hosts.ts';
import type { Amounts } from '../../src/domain/placement/resources.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import type { FakeGuest } from '../../src/virt/fake/store.ts';
import type { Who } from './callers.ts';
import type { EngineName } from '../../src/db/engine.ts';
import type { Answer } from './http.ts';
import { ELASTIC, type Servers, startServers } from './servers.ts';
import { testConfig, type WorldOptions } from './world.ts';

const SLOW_MS = 300;
/** Looks, 5 ms apart. */
const PATIENCE = 12_000;
export const HOST = 'host-1';

/** The body of GET /os-xloud-adjust/{id}. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
export type Shown = any;

export interface Adjusting {
  /** Of the host by that name. */
  driver(host?: string): FakeDriver;
  /** The id of a new elastic server, whose guest behaves so. */
  elastic(behaviour?: string, more?: Readonly<Record<string, unknown>>): Promise<string>;
  adjust(id: string, body: unknown, as?: Who): Promise<Answer>;
  look(id: string, as?: Who): Promise<Shown>;
  /** Adjusts, waits for the end, and shows the resource. */
  settled(id: string, body: object): Promise<Shown>;
  /** An action and its end. */
  done(id: string, action: object, as?: Who): Promise<void>;
  /** Current vCPUs and MiB. */
  sizes(shown: Shown): [number, number];
  /** From now on the guest takes its time. */
  slow(id: string): string;
  guest(id: string, host?: string): FakeGuest;
  claimOf(id: string): Promise<[number | undefined, number | undefined]>;
  /** Of the first host. */
  claimedOnHost(): Promise<Amounts>;
  /** Waits until the row has these vCPUs and MiB: news of the guest take a moment. */
  reaches(id: string, vcpus: number, memoryMb: number): Promise<void>;
  /** The row as soon as it is as wished. */
  until(id: string, what: (server: Server) => boolean): Promise<Server>;
  /** Every host reports. */
  report(): Promise<void>;
  /** Deletes servers and looks that nothing of them is left. */
  remove(...ids: readonly string[]): Promise<void>;
}

export function adjusting(servers: Servers): Adjusting {
  const { world } = servers;
  const kit: Adjusting = {
    driver: (host = HOST) => world.drivers.get(host) ?? assert.fail(`no host ${host}`),
    elastic: (behaviour = '', more = {}) =>
      servers.create({
        flavorRef: ELASTIC,
        ...(behaviour === '' ? {} : { metadata: { xloud_fake: behaviour } }),
        ...more,
      }),
    adjust: (id, body, as = 'member') => servers.request('POST', `/os-xloud-adjust/${id}`, { as, body }),
    async look(id, as = 'member') {
      const answer = await servers.request('GET', `/os-xloud-adjust/${id}`, { as });
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    },
    async settled(id, body) {
      const answer = await kit.adjust(id, body);
      assert.equal(answer.status, 202, answer.text);
      await world.settled();
      return kit.look(id);
    },
    async done(id, action, as = 'member') {
      const answer = await servers.act(id, action, { as });
      assert.equal(answer.status, 202, answer.text);
      await world.settled();
    },
    sizes: ({ vcpus, memory_mb }) => [vcpus.current, memory_mb.current],
    slow(id) {
      kit.driver().behave(id, `slow:${SLOW_MS}`);
      return id;
    },
    guest: (id, host) => kit.driver(host).store.get(id) ?? assert.fail(`no guest ${id}`),
    async claimOf(id) {
      const claim = await findClaim(world.database.read, (await world.server(id)).id);
      return [claim?.vcpus, claim?.memoryMb];
    },
    async claimedOnHost() {
      const [host] = await listHosts(world.database.read);
      return host?.claimed ?? assert.fail('no host');
    },
    async until(id, what) {
      for (let tries = 0; ; tries += 1) {
        const server = await world.server(id);
        if (what(server)) return server;
        assert.ok(tries < PATIENCE, `still ${server.vmState} ${server.currentVcpus} ${server.currentMemoryMb}`);
        await world.deps.clock.sleep(5);
      }
    },
    async reaches(id, vcpus, memoryMb) {
      await kit.until(id, (row) => row.currentVcpus === vcpus && row.currentMemoryMb === memoryMb);
    },
    async report() {
      await Promise.all([...world.agents.values()].map((agent) => agent.reportNow()));
    },
    async remove(...ids) {
      for (const driver of world.drivers.values()) {
        for (const id of ids) if (driver.store.get(id) !== undefined) driver.behave(id, null);
      }
      for (const id of ids) await servers.request('DELETE', `/servers/${id}`);
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
    },
  };
  return kit;
}

/** An API over one roomy host that promises no more than it has. */
export async function startAdjusting(
  engine: EngineName,
  hosts: NonNullable<WorldOptions['hosts']> = [{ name: HOST }],
): Promise<{ servers: Servers; kit: Adjusting }> {
  const inventory = { vcpus: 16, memoryMb: 32_768, diskGb: 400 };
  const servers = await startServers({
    engine,
    hosts: hosts.map((host) => ({ inventory, ...host })),
    config: { ...testConfig, ratios: { cpu: 1, ram: 1, disk: 1 } },
  });
  return { servers, kit: adjusting(servers) };
}

/** Asserts that a request was refused in these words. */
export function refused(answer: Answer, status: number, message: string | RegExp): void {
  assert.equal(answer.status, status, answer.text);
  const text = (Object.values(answer.body)[0] as { message: string }).message;
  if (typeof message === 'string') assert.equal(text, message);
  else assert.match(text, message);
}
