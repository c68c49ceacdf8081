// A live migration that does not come to an end is given up after its time; and where the host does not even do that, both hosts
// keep the server's place, since nobody knows on which its guest will be.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import type { LiveProgress, LiveState } from '../../src/domain/servers/guests.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const NONE = { total: 0, processed: 0, remaining: 0 };
const UNKNOWN = { total: null, processed: null, remaining: null };

for (const engine of engines) {
  describe(`live migrations that are late on ${engine}`, () => {
    let servers: Servers;
    let aheadMs = 0;
    let givesUp = true;
    /** Others of its host leave before it. */
    let waits = false;
    let steered = false;
    let state: LiveState = 'running';
    let awaited = Promise.withResolvers<void>();
    const progress = async (): Promise<LiveProgress> => ({
      ...{ state, memory: waits ? UNKNOWN : NONE, disk: waits ? UNKNOWN : NONE },
    });
    /** Never gets anywhere by itself. */
    const endless = (driver: FakeDriver): FakeDriver => ({
      ...driver,
      liveMigrate: progress,
      liveProgress() {
        awaited.resolve();
        return progress();
      },
      async steerLive() {
        steered = true;
        if (givesUp) state = 'cancelled';
        return null;
      },
    });
    before(async () => {
      servers = await startServers({
        engine,
        hosts: ['host-1', 'host-2'].map((name) => ({ name, wrap: endless })),
        clock: { ...systemClock, now: () => Date.now() + aheadMs },
        config: { hostDownMs: 10 * limits.liveMigrationMs },
      });
    });
    after(() => servers.close());

    const moveOf = async (id: string) =>
      (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body.migrations.at(-1);
    /** Until it is waited for, with a time to wait that is set. */
    const begin = async () => {
      const id = await servers.create();
      state = 'running';
      awaited = Promise.withResolvers();
      const body = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
      assert.equal((await servers.act(id, body, { as: 'admin', version: '2.80' })).status, 202);
      await awaited.promise;
      assert.equal((await moveOf(id)).status, 'running');
      return { id, home: (await servers.world.server(id)).host as string };
    };
    const whatFailed = async (id: string) => {
      const list = `/servers/${id}/os-instance-actions`;
      const [{ request_id: last }] = (await servers.request('GET', list)).body.instanceActions;
      const { events } = (await servers.request('GET', `${list}/${last}`, { version: '2.84' })).body.instanceAction;
      return events.find((event: { result: string }) => event.result === 'Error')?.details;
    };
    const claimsOf = (id: string) => servers.world.database.read('held_claims').where({ migration_id: id });

    it('are given up: the server stays, and its action says why', async () => {
      const { id, home } = await begin();
      aheadMs += limits.liveMigrationMs + 1;
      await servers.world.settled();
      const shown = await servers.show(id, { as: 'admin' });
      assert.deepEqual([shown.status, shown['OS-EXT-SRV-ATTR:host']], ['ACTIVE', home]);
      const move = await moveOf(id);
      assert.deepEqual([move.status, (await claimsOf(move.id)).length], ['failed', 0]);
      const why = `The live migration was not over after ${limits.liveMigrationMs / 1000} s and was given up.`;
      assert.equal(await whatFailed(id), why);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('are not late while others of their host go first', async () => {
      waits = true;
      const { id } = await begin();
      steered = false;
      aheadMs += limits.liveMigrationMs + 1;
      awaited = Promise.withResolvers();
      await awaited.promise;
      assert.ok(!steered, 'it is not given up');
      waits = false;
      state = 'cancelled';
      await servers.world.settled();
      assert.equal((await moveOf(id)).status, 'failed');
    });

    it('that their host gives up by itself fail, and were not asked to', async () => {
      const { id, home } = await begin();
      state = 'cancelled';
      await servers.world.settled();
      const shown = await servers.show(id, { as: 'admin' });
      assert.deepEqual([shown.status, shown['OS-EXT-SRV-ATTR:host']], ['ACTIVE', home]);
      assert.equal((await moveOf(id)).status, 'failed');
      assert.match(await whatFailed(id), new RegExp(`^Host ${home} gave the live migration up: it took longer than`));
    });

    it('that their host does not give up leave the server in ERROR, with its place on both hosts', async () => {
      givesUp = false;
      const { id, home } = await begin();
      aheadMs += limits.liveMigrationMs + limits.liveAbortMs + 1;
      const giveUpAt = Date.now() + 60_000;
      for (;;) {
        // its undoing waits as long again
        const { state: at } = (await servers.world.database
          .read('instance_actions')
          .where({ server_uuid: id })
          .orderBy('id', 'desc')
          .first('state')) as { state: string };
        if (at === 'done') break;
        assert.ok(Date.now() < giveUpAt, at);
        if (at === 'undoing') aheadMs += limits.liveAbortMs + 1;
        await systemClock.sleep(20);
      }
      const shown = await servers.show(id, { as: 'admin' });
      assert.deepEqual([shown.status, shown['OS-EXT-SRV-ATTR:host']], ['ERROR', home]);
      assert.equal(shown.fault.message, 'The host could not carry out the request (migration.stillMoving).');
      assert.match(shown.fault.details, new RegExp(`^Host ${home} does not give its live migration up`));
      const move = await moveOf(id);
      assert.deepEqual([move.status, (await claimsOf(move.id)).length], ['error', 1]);
      // and goes when it is deleted
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    });
  });
}
