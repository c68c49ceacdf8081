// What somebody was shown that they owe is never taken back: whatever happens to a server, however long its host takes, and
// whatever the clock does, usage only grows.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { verbs } from '../../../src/virt/fake/behaviour.ts';
import type { FakeDriver } from '../../../src/virt/fake.ts';
import { callers } from '../../support/callers.ts';
import { engines } from '../../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../../support/servers.ts';

const project = callers.member.projectId as string;
/** What each call of a host takes, by the clock of these tests. */
const CALL_MS = 50_000;

/** Of each sum, the most that these servers have of it. */
const most = { total_hours: 1, total_vcpus_usage: 4, total_memory_mb_usage: 4_096, total_local_gb_usage: 1 };
/**
 * Whoever looks between the moment that a change is noted for and its commit sees the old size for that much longer. It is less than
 * what any call takes.
 */
const COMMIT_MS = 5_000;

const actions = {
  grow: { current_vcpus: 4, current_memory_mb: 2048 },
  shrink: { current_vcpus: 1, current_memory_mb: 256 },
  stop: { 'os-stop': null },
  start: { 'os-start': null },
  migrate: { migrate: null },
  confirm: { confirmResize: null },
  revert: { revertResize: null },
  shelve: { shelve: null },
  unshelve: { unshelve: null },
  rebuild: { rebuild: {} },
} as const;
type Action = keyof typeof actions;

for (const engine of engines) {
  describe(`usage that was shown on ${engine}`, () => {
    let aheadMs = 0;
    const clock: Clock = { now: () => systemClock.now() + aheadMs, sleep: (...args) => systemClock.sleep(...args) };
    let servers: Servers;
    let beganAt = '';
    let shown: Record<string, number> = {};
    let deletedWith = 0;

    const usage = async (): Promise<Record<string, number>> => {
      const answer = await servers.request('GET', `/os-simple-tenant-usage/${project}?start=${beganAt}`, {
        as: 'member',
      });
      assert.equal(answer.status, 200, answer.text);
      return answer.body.tenant_usage;
    };

    let looking: Promise<unknown> = Promise.resolve();
    /** Two that look at once would each hold the other's answer against a later one: they look one after another. */
    const look = (what: string): Promise<void> => {
      const one = looking.then(() => lookOnce(what));
      looking = one.catch(() => undefined);
      return one;
    };

    async function lookOnce(what: string): Promise<void> {
      const now = await usage();
      for (const [sum, amount] of Object.entries(most)) {
        const [before, after] = [shown[sum] ?? 0, now[sum] ?? 0];
        const seenAhead = (amount * COMMIT_MS) / 3_600_000;
        assert.ok(after >= before - seenAhead, `${what}: ${sum} fell from ${before} to ${after}`);
      }
      shown = now;
    }

    const faults: unknown[] = [];
    const slowly = (driver: FakeDriver): FakeDriver =>
      new Proxy(driver, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function' || !(verbs as readonly string[]).includes(String(name))) return value;
          return async (...words: unknown[]) => {
            aheadMs += CALL_MS;
            await look(String(name)).catch((error: unknown) => faults.push(error));
            return (value as (...words: unknown[]) => unknown)(...words);
          };
        },
      });

    before(async () => {
      servers = await startServers({
        engine,
        clock,
        hosts: [
          { name: 'host-1', wrap: slowly },
          { name: 'host-2', wrap: slowly },
        ],
      });
      beganAt = new Date(clock.now() - 60_000).toISOString().slice(0, 19);
    });
    after(() => servers.close());

    const act = (id: string, name: Action) =>
      'current_vcpus' in actions[name]
        ? servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body: actions[name] })
        : servers.request('POST', `/servers/${id}/action`, {
            as: 'admin',
            body: name === 'rebuild' ? { rebuild: { imageRef: servers.imageId } } : actions[name],
          });

    it('only grows, whatever is done to a server', async () => {
      const names = fc.array(fc.constantFrom(...(Object.keys(actions) as Action[])), { minLength: 2, maxLength: 5 });
      const accepted = new Set<Action>();
      const property = fc.asyncProperty(names, async (chosen) => {
        const id = await servers.create({ flavorRef: ELASTIC });
        for (const name of chosen) {
          // what its state refuses is no matter here
          const { status, text } = await act(id, name);
          assert.ok(status === 202 || status === 204 || status === 409, `${name}: ${status} ${text}`);
          if (status < 300) accepted.add(name);
          await servers.world.settled();
          await look(name);
        }
        const calls = (await usage())['total_vcpus_usage'] as number;
        assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
        await servers.world.settled();
        await look('delete');
        deletedWith += ((await usage())['total_vcpus_usage'] as number) - calls;
        assert.deepEqual(faults.splice(0), []);
      });
      // whatever the seed is, these are done
      const examples: [Action[]][] = [
        [['grow', 'shrink', 'stop', 'start']],
        [['migrate', 'confirm', 'shelve', 'unshelve']],
      ];
      await fc.assert(property, { numRuns: 8, seed: Number(process.env['XLOUD_FUZZ_SEED'] ?? 7), examples });
      for (const name of ['grow', 'shrink', 'stop', 'migrate', 'shelve'] as const)
        assert.ok(accepted.has(name), `${name}: never accepted`);
      // a deletion that takes its time is billed for it
      assert.ok(deletedWith > 0);
    });

    it('is no negative time where the clock was set back', async () => {
      const id = await servers.create();
      aheadMs -= 30_000;
      assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
      await servers.world.settled();
      const { server_usages: list } = (await usage()) as unknown as { server_usages: Record<string, unknown>[] };
      const one = list.find(({ instance_id: of }) => of === id);
      // one that seems not to have lived is not in the report, or lived for no time
      assert.ok(one === undefined || ((one['uptime'] as number) >= 0 && (one['hours'] as number) >= 0));
      const row = await servers.world.server(id);
      assert.ok((row.terminatedAt as number) >= (row.launchedAt as number));
    });
  });
}
