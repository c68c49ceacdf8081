// Why: what a bus is, said as tests, so that code that works on the in-memory one works on a broker.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { conflict, Fault, type FaultKind } from '../../src/base/errors.ts';
import type { AgentHandler, Bus } from '../../src/bus/bus.ts';
import type { AgentReport, Asker } from '../../src/bus/contract.ts';
import type { AgentVerbs } from '../../src/domain/servers/agent-methods.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { aSpec } from './samples.ts';

export interface BusWorld {
  /** Two ends of one bus: for a broker, two connections. For a bus within a process the same one twice. */
  readonly client: Bus;
  readonly server: Bus;
  close(): Promise<void>;
}

export interface BusTraits {
  /** The time limit that `make` is told to give to `inspect`, in milliseconds. */
  readonly inspectMs: number;
  /** How long a message may take. */
  readonly deliverMs: number;
}

/** A handler that fails loudly but for what is given. */
export function handlerOf(given: Partial<AgentVerbs>): AgentHandler {
  return async (method, args) => {
    const verb = given[method];
    if (verb === undefined) throw new Error('not expected');
    return verb(args);
  };
}

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Fault, `a Fault, not ${String(error)}`);
    return error;
  }
  return assert.fail('it was not refused');
};

async function kindOf(work: Promise<unknown>): Promise<FaultKind> {
  return (await faultOf(work)).kind;
}

export function busContract(
  name: string,
  traits: BusTraits,
  make: (timeouts: { readonly inspect: number }) => Promise<BusWorld>,
): void {
  describe(`bus contract: ${name}`, { concurrency: 1, timeout: 60_000 }, () => {
    let world: BusWorld;
    before(async () => {
      world = await make({ inspect: traits.inspectMs });
    });
    after(() => world.close());

    async function arrives<T>(list: readonly T[], count: number): Promise<void> {
      const end = Date.now() + traits.deliverMs;
      while (list.length < count) {
        assert.ok(Date.now() < end, `${count} within ${traits.deliverMs} ms, not ${list.length}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }

    const report = (host: string, uuid: string): AgentReport => ({
      kind: 'guest',
      host,
      event: { kind: 'stopped', uuid, reason: 'shutdown' },
      view: null,
    });

    it('brings arguments and answers', async () => {
      const host = `host-${randomUUID()}`;
      const spec = aSpec({ name: 'ünï ☃ </domain>' });
      const seen: unknown[] = [];
      const stop = await world.server.serveAgent(
        host,
        handlerOf({
          spawn: async (args) => {
            seen.push(args);
            return {
              uuid: args.spec.uuid,
              powerState: power.running,
              size: args.spec.boot,
              onlineVcpus: null,
              availableMb: 200,
              maximum: args.spec.maximum,
            };
          },
          destroy: async () => null,
          list: async () => [],
        }),
      );
      const view = await world.client.call(host, 'spawn', { spec });
      assert.deepEqual(seen, [{ spec }]);
      assert.deepEqual(view, {
        uuid: spec.uuid,
        powerState: power.running,
        size: spec.boot,
        onlineVcpus: null,
        availableMb: 200,
        maximum: spec.maximum,
      });
      assert.equal(await world.client.call(host, 'destroy', { uuid: spec.uuid }), null);
      assert.deepEqual(await world.client.call(host, 'list', {}), []);
      await stop();
    });

    it('says which step of an action asks, if one does', async () => {
      const host = `host-${randomUUID()}`;
      const askers: (Asker | null)[] = [];
      const stop = await world.server.serveAgent(host, async (method, args, asker) => {
        askers.push(asker);
        return handlerOf({ injectNmi: async () => null })(method, args, asker);
      });
      const asker = { action: 7, step: 'guest', attempt: 12 };
      await world.client.call(host, 'injectNmi', { uuid: 'u' }, asker);
      await world.client.call(host, 'injectNmi', { uuid: 'u' });
      assert.deepEqual(askers, [asker, null]);
      await stop();
    });

    it('shares nothing between the ends', async () => {
      const host = `host-${randomUUID()}`;
      const kept: { views: { size: { vcpus: number } }[] } = { views: [] };
      const stop = await world.server.serveAgent(
        host,
        handlerOf({
          adjust: async ({ request }) => {
            (request.target as { vcpus: number }).vcpus = 99;
            return assert.fail('answered below');
          },
          list: async () => kept.views as never,
        }),
      );
      const request = { actionId: 'a', target: { vcpus: 2, memoryMb: 512 }, persist: true, timeoutMs: 1 };
      await faultOf(world.client.call(host, 'adjust', { uuid: 'u', request }));
      assert.equal(request.target.vcpus, 2, 'the arguments stay the caller’s');
      kept.views = [{ size: { vcpus: 1 } }];
      const listed = (await world.client.call(host, 'list', {})) as unknown as { size: { vcpus: number } }[];
      (listed[0] as { size: { vcpus: number } }).size.vcpus = 7;
      assert.equal(kept.views[0]?.size.vcpus, 1, 'the answer stays the agent’s');
      await stop();
    });

    it('brings an agent’s fault as the same fault', async () => {
      const host = `host-${randomUUID()}`;
      const stop = await world.server.serveAgent(
        host,
        handlerOf({
          console: async () => {
            throw conflict('It is off.', { code: 'virt.not_running', detail: { libvirt: 55 }, cause: new Error('x') });
          },
          powerOff: async () => {
            throw new TypeError('a bug');
          },
        }),
      );
      const fault = await faultOf(world.client.call(host, 'console', { uuid: 'u', maxBytes: 1 }));
      assert.deepEqual(
        [fault.kind, fault.message, fault.code, fault.detail],
        ['conflict', 'It is off.', 'virt.not_running', { libvirt: 55 }],
      );
      const bug = await faultOf(world.client.call(host, 'powerOff', { uuid: 'u', timeoutMs: 0 }));
      assert.deepEqual([bug.kind, bug.detail], ['internal', 'a bug']);
      assert.ok(!bug.message.includes('a bug'), 'a bug’s own words are not for the caller');
      await stop();
    });

    it('says unavailable for a host that nobody serves, before and after', async () => {
      const host = `host-${randomUUID()}`;
      assert.equal(await kindOf(world.client.call(host, 'inspect', { uuid: 'u' })), 'unavailable');
      const stop = await world.server.serveAgent(host, handlerOf({ inspect: async () => null }));
      assert.equal(await world.client.call(host, 'inspect', { uuid: 'u' }), null);
      await stop();
      assert.equal(await kindOf(world.client.call(host, 'inspect', { uuid: 'u' })), 'unavailable');
    });

    it('gives up on an answer that does not come', async () => {
      const host = `host-${randomUUID()}`;
      let release: () => void = () => undefined;
      const stuck = new Promise<null>((resolve) => {
        release = () => resolve(null);
      });
      const stop = await world.server.serveAgent(host, handlerOf({ inspect: () => stuck }));
      const start = Date.now();
      assert.equal(await kindOf(world.client.call(host, 'inspect', { uuid: 'u' })), 'unavailable');
      const tookMs = Date.now() - start;
      assert.ok(tookMs >= traits.inspectMs - 5, `${tookMs} ms`);
      release();
      await stop();
    });

    it('serves many calls at once, each with its own answer', async () => {
      const host = `host-${randomUUID()}`;
      const stop = await world.server.serveAgent(
        host,
        handlerOf({
          console: async ({ uuid }) => {
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
            return `console of ${uuid}`;
          },
        }),
      );
      const uuids = Array.from({ length: 100 }, () => randomUUID());
      const texts = await Promise.all(uuids.map((uuid) => world.client.call(host, 'console', { uuid, maxBytes: 100 })));
      assert.deepEqual(
        texts,
        uuids.map((uuid) => `console of ${uuid}`),
      );
      await stop();
    });

    it('keeps hosts apart', async () => {
      const [one, two] = [`host-${randomUUID()}`, `host-${randomUUID()}`];
      const stops = [
        await world.server.serveAgent(one, handlerOf({ console: async () => 'one' })),
        await world.server.serveAgent(two, handlerOf({ console: async () => 'two' })),
      ];
      const args = { uuid: 'u', maxBytes: 10 };
      assert.equal(await world.client.call(two, 'console', args), 'two');
      assert.equal(await world.client.call(one, 'console', args), 'one');
      for (const stop of stops) await stop();
    });

    it('nudges those who listen, later, and not those who left', async () => {
      const heard: number[] = [];
      const stop = await world.server.onNudge((actionId) => heard.push(actionId));
      world.client.nudge(7);
      assert.deepEqual(heard, [], 'not within the call');
      await arrives(heard, 1);
      assert.deepEqual(heard, [7]);
      await stop();
      world.client.nudge(8);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(heard, [7]);
    });

    it('brings reports in order, waits for nobody, and survives a listener that throws', async () => {
      const heard: AgentReport[] = [];
      const stop = await world.client.onReport(async (one) => {
        if (one.kind !== 'guest' || !one.host.startsWith('ordered')) return;
        heard.push(one);
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (heard.length === 1) throw new Error('no');
      });
      const sent = Array.from({ length: 20 }, () => report('ordered', randomUUID()));
      for (const one of sent) await world.server.report(one);
      assert.ok(heard.length < sent.length, 'a report does not wait for its listener');
      await arrives(heard, sent.length);
      assert.deepEqual(heard, sent);
      await stop();
    });

    it('takes reports that nobody wants', async () => {
      await world.server.report(report('lonely', 'u'));
    });

    it('has no problem while it works', () => {
      assert.equal(world.client.problem(), null);
    });

    it('ends calls under way when it is closed, and refuses new ones', async () => {
      const other = await make({ inspect: 60_000 });
      const host = `host-${randomUUID()}`;
      await other.server.serveAgent(host, handlerOf({ inspect: () => new Promise(() => undefined) }));
      const pending = kindOf(other.client.call(host, 'inspect', { uuid: 'u' }));
      await new Promise((resolve) => setTimeout(resolve, 10));
      await other.close();
      assert.equal(await pending, 'unavailable');
      assert.equal(await kindOf(other.client.call(host, 'inspect', { uuid: 'u' })), 'unavailable');
      assert.notEqual(other.client.problem(), null);
    });
  });
}
