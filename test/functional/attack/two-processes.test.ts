// Two processes on one database: each takes over what its own dead predecessor left, at once, and nothing of the other's before its
// lease is over.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openActions } from '../../../src/db/instance-actions.ts';
import { workerName } from '../../../src/main/worker-name.ts';
import { startWorker } from '../../../src/ops/index.ts';
import { engines } from '../../support/database.ts';
import { scratchDir } from '../../support/scratch.ts';
import { makeOp, makeWorld, type World } from '../../support/world.ts';
import { requestOf } from '../../support/request-of.ts';

describe('the name of a worker', () => {
  const base = mkdtempSync(join(scratchDir(), 'xloud-names-'));
  after(() => rmSync(base, { recursive: true }));

  it('is that of its data directory', () => {
    const [one, two] = [mkdtempSync(join(base, 'one-')), mkdtempSync(join(base, 'two-'))];
    const name = workerName(one);
    assert.equal(workerName(one), name);
    assert.notEqual(workerName(two), name);
  });

  it('is another for a copy of the directory', () => {
    const one = mkdtempSync(join(base, 'one-'));
    const name = workerName(one);
    cpSync(one, join(base, 'copy'), { recursive: true });
    assert.notEqual(workerName(join(base, 'copy')), name);
  });
});

for (const engine of engines) {
  describe(`two workers on ${engine}`, () => {
    let world: World;
    before(async () => {
      world = await makeWorld({ engine });
    });
    after(() => world.close());

    it('leave each other what they work on', async () => {
      const [server] = await world.create();
      assert.ok(server);
      await world.gated(['powerOff'], async (gate) => {
        await world.ops.requestAction(makeOp(), server, requestOf('os-stop'));
        await gate.reached('powerOff');
        const [held] = await openActions(world.database.read, server.uuid);
        const second = await startWorker(world.deps, { name: 'serve@other', takeOver: true, reconcileMs: 0 });
        const [still] = await openActions(world.database.read, server.uuid);
        assert.deepEqual([still?.leaseOwner, still?.attempts], [held?.leaseOwner, 1]);
        await second.close();
      });
      await world.settled();
      assert.equal((await world.server(server.uuid)).vmState, 'stopped');
    });
  });
}
