// An adjustment may be done though its answer is lost, and then nobody may be able to look. What the guest has is seen later, even
// where nobody in it tells of its vCPUs; and what is known to be offline in it stays so.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { conflict, unavailable } from '../../src/base/errors.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { type Adjusting, HOST, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import type { Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`an adjustment of which nobody saw what came of it, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    /** What becomes of what the host is asked. */
    let trouble: 'none' | 'before' | 'after' = 'none';

    const wrap = (driver: FakeDriver): FakeDriver => ({
      ...driver,
      async adjust(args) {
        const lost = conflict('The answer is lost.');
        if (trouble === 'before') throw lost;
        const outcome = await driver.adjust(args);
        if (trouble === 'after') throw lost;
        return outcome;
      },
      async inspect(args) {
        if (trouble !== 'none') throw unavailable('Nobody can look.');
        return driver.inspect(args);
      },
    });

    before(async () => {
      ({ servers, kit } = await startAdjusting(engine, [{ name: HOST, wrap }]));
    });
    after(() => servers.close());
    beforeEach(() => {
      trouble = 'none';
    });

    /** Asks for so many vCPUs while there is trouble. */
    async function lose(id: string, when: 'before' | 'after', vcpus: number): Promise<void> {
      trouble = when;
      const { status, vcpus: shown, message } = await kit.settled(id, { current_vcpus: vcpus });
      assert.deepEqual([status, shown.target, message], ['error', vcpus, 'The answer is lost.']);
      trouble = 'none';
    }
    const seen = async (id: string) => {
      for (let rounds = 0; rounds < 2; rounds += 1) {
        await kit.report();
        await servers.world.settled();
      }
      const { status, vcpus, message } = await kit.look(id);
      return [status, vcpus.current, vcpus.claimed, message];
    };
    const actions = async (id: string) =>
      (await servers.request('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions.map(
        ({ action }: { readonly action: string }) => action,
      );

    it('counts what is plugged, where nobody in the guest tells', async () => {
      const id = await kit.elastic('mute');
      await lose(id, 'after', 3);
      assert.equal(kit.guest(id).pluggedVcpus, 3);
      assert.deepEqual(await seen(id), ['error', 3, 3, 'The answer is lost.']);
      assert.deepEqual(await actions(id), ['adjust', 'create'], 'no hand past us');
      await kit.remove(id);
    });

    it('counts it for a guest that was frozen by hand, too', async () => {
      const id = await kit.elastic();
      await lose(id, 'after', 3);
      kit.driver().outOfBand.suspend(id);
      await kit.until(id, ({ vmState }) => vmState === 'paused');
      assert.deepEqual((await seen(id)).slice(0, 3), ['error', 3, 3]);
      await kit.remove(id);
    });

    it('gives the claim back where nothing was done', async () => {
      const id = await kit.elastic('mute');
      await lose(id, 'before', 3);
      assert.deepEqual(await seen(id), ['error', 1, 1, 'The answer is lost.']);
      await kit.remove(id);
    });

    it('believes who tells of it inside', async () => {
      const id = await kit.elastic('offline');
      await kit.settled(id, { current_vcpus: 3 });
      await lose(id, 'after', 2);
      assert.deepEqual(await seen(id), ['error', 2, 3, 'The answer is lost.']);
      // what is known to be offline stays so when nobody tells any more
      kit.driver().behave(id, 'mute');
      assert.deepEqual((await seen(id)).slice(0, 3), ['error', 2, 3]);
      await kit.remove(id);
    });
  });
}
