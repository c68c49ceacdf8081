// An action that waits for a guest on its way takes no place from others: a worker with one place does both.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { listHosts } from '../../src/db/hosts.ts';
import { startWorker } from '../../src/ops/engine/worker.ts';
import type { LiveProgress, LiveState } from '../../src/domain/servers/guests.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { eventually } from '../support/serve.ts';
import { adminOp, createRequest, makeOp, makeWorld } from '../support/world.ts';

const NONE = { total: 0, processed: 0, remaining: 0 };
const WAIT_MS = 20_000;

it('a live migration that lasts holds up nobody', async () => {
  let state: LiveState = 'running';
  const progress = async (): Promise<LiveProgress> => ({ state, memory: NONE, disk: NONE });
  const lasting = (driver: FakeDriver): FakeDriver => ({
    ...driver,
    liveMigrate: progress,
    liveProgress: progress,
    async steerLive() {
      state = 'cancelled';
      return null;
    },
  });
  const hosts = ['host-1', 'host-2'].map((name) => ({ name, wrap: lasting }));
  const world = await makeWorld({ hosts, worker: false });
  const { database, deps, ops } = world;
  const worker = await startWorker(deps, { name: 'small', takeOver: true, concurrency: 1, reconcileMs: 0, pollMs: 50 });
  try {
    for (const agent of world.agents.values()) await agent.reportNow();
    await eventually('both hosts', WAIT_MS, async () => ((await listHosts(database.read)).length === 2 ? true : null));
    const flavorRef = await world.flavor({ specs: { minimum_cpu: '1', minimum_memory: '256' } });
    const create = async (): Promise<string> => {
      const { servers } = await ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
      const uuid = servers[0]?.uuid ?? '';
      const isActive = async () => ((await world.server(uuid)).vmState === 'active' ? true : null);
      await eventually('an ACTIVE server', WAIT_MS, isActive);
      return uuid;
    };
    const uuid = await create();
    const wish = { host: null, forced: false, blockMigration: null, checkFirst: false };
    await ops.liveMigrateServer(adminOp(), { uuid }, wish);
    const status = async () => (await database.read('migrations').where({ server_uuid: uuid }).first('status'))?.status;
    await eventually('a guest on its way', WAIT_MS, async () => ((await status()) === 'running' ? true : null));
    await create();
    assert.equal(await status(), 'running');
    assert.equal(worker.running(), 1);
    state = 'cancelled';
    await eventually('its end', WAIT_MS, async () => ((await world.server(uuid)).taskState === null ? true : null));
  } finally {
    await worker.close();
    await world.close();
  }
});
