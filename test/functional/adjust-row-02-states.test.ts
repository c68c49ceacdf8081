// Row 2 of the table of live adjustment. The old way looked at no state, task or lock, and failed with 500 for a server without host.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

const MANY = 20;

for (const engine of engines) {
  describe(`row 2: states, locks and tasks, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('is 409 in a state that does not allow it', async () => {
      const id = await kit.elastic();
      const grow = { current_vcpus: 2 };
      for (const state of ['building', 'suspended', 'error', 'rescued', 'shelved']) {
        await servers.set(id, { vm_state: state });
        refused(await kit.adjust(id, grow), 409, `Cannot 'adjust' instance ${id} while it is in vm_state ${state}`);
      }
      for (const task of ['rebooting', 'powering-off', 'adjusting', 'deleting']) {
        await servers.set(id, { vm_state: 'active', task_state: task });
        refused(await kit.adjust(id, grow), 409, `Cannot 'adjust' instance ${id} while it is in task_state ${task}`);
      }
      await servers.set(id, { task_state: null, host: null });
      refused(await kit.adjust(id, grow), 409, `Instance ${id} is not ready`);
      await servers.set(id, { host: 'host-1', locked_by: 'owner' });
      refused(await kit.adjust(id, grow), 409, `Instance ${id} is locked`);
      assert.equal((await kit.adjust(id, grow, 'admin')).status, 202);
      await servers.world.settled();
      await servers.set(id, { locked_by: null });
      await kit.remove(id);
    });

    it('is 409 for a server without a host, not 500', async () => {
      const id = await kit.elastic('', { availability_zone: 'nova' });
      const broken = await servers.create({ metadata: { xloud_fake: 'fail:spawn' } });
      refused(await kit.adjust(broken, { current_vcpus: 1 }), 409, `Instance ${broken} is not ready`);
      const shown = await kit.look(broken);
      assert.deepEqual([shown.vcpus.claimed, shown.status], [0, 'idle']);
      await kit.remove(id, broken);
    });

    it('shows a task while it runs, and stays ACTIVE', async () => {
      const id = kit.slow(await kit.elastic());
      assert.equal((await kit.adjust(id, { current_vcpus: 4, current_memory_mb: 512 })).status, 202);
      const during = await servers.show(id, { version: 'latest' });
      assert.deepEqual([during.status, during['OS-EXT-STS:task_state']], ['ACTIVE', 'adjusting']);
      const under = await kit.look(id);
      assert.deepEqual([under.status, under.vcpus.current, under.vcpus.target], ['adjusting', 1, 4]);
      await servers.world.settled();
      const after = await servers.show(id, { version: 'latest' });
      assert.deepEqual([after.status, after['OS-EXT-STS:task_state']], ['ACTIVE', null]);
      await kit.remove(id);
    });

    it('needs a member to change it, a reader to look', async () => {
      const id = await kit.elastic();
      refused(await kit.adjust(id, { current_vcpus: 2 }, 'reader'), 403, /os_compute_api:xloud:adjust/);
      refused(await kit.adjust(id, { current_vcpus: 2 }, 'other'), 404, `Instance ${id} could not be found.`);
      assert.equal((await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'other' })).status, 404);
      assert.equal((await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'none' })).status, 401);
      await kit.remove(id);
    });

    it('lets one of many win at a time', async () => {
      const id = await kit.elastic();
      // the guest takes until everybody has an answer, however busy the machine is
      const { promise: answered, resolve } = Promise.withResolvers<void>();
      const driver = kit.driver();
      const adjust = driver.adjust.bind(driver);
      driver.adjust = async (...words) => {
        await answered;
        return adjust(...words);
      };
      const answers = await Promise.all(
        Array.from({ length: MANY }, (_, index) => kit.adjust(id, { current_vcpus: 2 + (index % 3) })),
      );
      resolve();
      driver.adjust = adjust;
      const won = answers.filter(({ status }) => status === 202);
      assert.equal(won.length, 1);
      for (const answer of answers.filter(({ status }) => status !== 202)) {
        refused(answer, 409, `Cannot 'adjust' instance ${id} while it is in task_state adjusting`);
      }
      await servers.world.settled();
      const after = await kit.look(id);
      assert.deepEqual([after.vcpus.current, after.vcpus.claimed], [won[0]?.body.vcpus.target, after.vcpus.target]);
      await kit.remove(id);
    });
  });
}
