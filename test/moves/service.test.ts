// Servers that move between two real hosts by the whole product: resized up and down, there and on their own host, confirmed and taken
// back; moved switched off and as they run; given up, and with the process killed on the way. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readQcow2File } from '../../src/base/qcow2.ts';
import { eventually } from '../support/serve.ts';
import { type HostName, startTwoHostService, type TwoHostService } from '../support/two-host-service.ts';

const MOVE_MS = 300_000;
const GIB = 1024 ** 3;

const otherOf = (host: HostName): HostName => (host === 'host-a' ? 'host-b' : 'host-a');

describe('servers between two hosts', { concurrency: 1 }, () => {
  let world: TwoHostService;
  let small: string;
  let large: string;

  before(async () => {
    // slow enough for what is done on the way
    world = await startTwoHostService({
      XLOUD_COMPUTE__ALLOW_RESIZE_TO_SAME_HOST: 'yes',
      XLOUD_COMPUTE__LIVE_MIGRATION_BANDWIDTH: '12',
    });
    small = await world.flavor('small', { vcpus: 4, ram: 1024, disk: 1 });
    large = await world.flavor('large', { vcpus: 6, ram: 1536, disk: 2 });
  });
  after(() => world?.close());

  const rootGb = async (id: string, host: HostName): Promise<number> =>
    ((await readQcow2File(join(world.instancesDir(host), id, 'disk')))?.virtualBytes ?? 0) / GIB;

  const remove = async (id: string): Promise<void> => {
    await world.compute('DELETE', `/servers/${id}`);
    await eventually(`${id} gone`, MOVE_MS, async () =>
      (await world.compute('GET', `/servers/${id}`)).status === 404 ? true : null,
    );
    for (const host of ['host-a', 'host-b'] as const) assert.deepEqual(await world.leftovers(id, host), []);
  };

  const enabled = async (host: HostName, is: boolean): Promise<void> => {
    const { body } = await world.compute('GET', `/os-services?host=${host}&binary=nova-compute`);
    const id = body.services[0].id as string;
    const status = is ? 'enabled' : 'disabled';
    assert.equal((await world.compute('PUT', `/os-services/${id}`, { status })).status, 200);
  };

  const lastMove = async (id: string) => {
    const { body } = await world.compute('GET', `/os-migrations?instance_uuid=${id}`);
    const found = body.migrations as { id: number; status: string }[];
    return found.toSorted((a, b) => a.id - b.id).at(-1) ?? assert.fail('no migration');
  };

  it('grow with their disk on another host, and keep what is on it', async () => {
    const id = await world.create(small);
    const home = await world.hostOf(id);
    const words = await world.mark(id, home);
    await enabled(home, false);
    await world.act(id, { resize: { flavorRef: large } });
    await world.reaches(id, 'VERIFY_RESIZE');
    const there = await world.hostOf(id);
    assert.equal(there, otherOf(home));
    await world.up(id, there);
    assert.equal(await world.marked(id, there), words);
    assert.equal(await rootGb(id, there), 2);
    assert.deepEqual(await world.running(id), [there]);
    assert.deepEqual(await world.leftovers(id, home), ['aside']);
    await world.act(id, { confirmResize: null });
    await world.reaches(id, 'ACTIVE');
    assert.deepEqual(await world.leftovers(id, home), []);
    await enabled(home, true);
    await remove(id);
  });

  it('grow on their own host, and go back to what they were', async () => {
    const id = await world.create(small);
    const home = await world.hostOf(id);
    const words = await world.mark(id, home);
    await enabled(otherOf(home), false);
    await world.act(id, { resize: { flavorRef: large } });
    await world.reaches(id, 'VERIFY_RESIZE');
    assert.deepEqual([await world.hostOf(id), await rootGb(id, home)], [home, 2]);
    await world.up(id, home);
    const later = await world.mark(id, home);
    assert.notEqual(later, words);
    await world.act(id, { revertResize: null });
    await world.reaches(id, 'ACTIVE');
    await world.up(id, home);
    assert.deepEqual([await world.marked(id, home), await rootGb(id, home)], [words, 1]);
    await enabled(otherOf(home), true);
    await remove(id);
  });

  it('do not shrink their disk: they stay, and run', async () => {
    const id = await world.create(large);
    const home = await world.hostOf(id);
    await world.act(id, { resize: { flavorRef: small } });
    await world.reaches(id, 'ACTIVE');
    assert.deepEqual([await world.hostOf(id), await rootGb(id, home)], [home, 2]);
    assert.equal((await lastMove(id)).status, 'error');
    await world.up(id, home);
    await remove(id);
  });

  it('are moved switched off, and shrink', async () => {
    const less = await world.flavor('less', { vcpus: 2, ram: 512, disk: 1 });
    const id = await world.create(small);
    const home = await world.hostOf(id);
    const words = await world.mark(id, home);
    await world.act(id, { migrate: null });
    await world.reaches(id, 'VERIFY_RESIZE');
    const there = await world.hostOf(id);
    assert.equal(there, otherOf(home));
    await world.act(id, { confirmResize: null });
    await world.reaches(id, 'ACTIVE');
    await world.act(id, { resize: { flavorRef: less } });
    await world.reaches(id, 'VERIFY_RESIZE');
    const last = await world.hostOf(id);
    await world.up(id, last);
    assert.equal(await world.marked(id, last), words);
    assert.match(await world.virsh(last, 'vcpucount', id), /maximum +live +2/);
    await world.act(id, { confirmResize: null });
    await world.reaches(id, 'ACTIVE');
    await remove(id);
  });

  it('are moved as they run, with the size that they have', async () => {
    const id = await world.create(small);
    const home = await world.hostOf(id);
    const there = otherOf(home);
    const words = await world.mark(id, home);
    const size = { current_vcpus: 2, current_memory_mb: 512 };
    assert.equal((await world.compute('POST', `/os-xloud-adjust/${id}`, size)).status, 202);
    await eventually('its size', MOVE_MS, async () => {
      const { body } = await world.compute('GET', `/os-xloud-adjust/${id}`);
      return body.status === 'idle' && body.vcpus.current === 2 ? true : null;
    });
    const before = (await world.consoleOf(id, home).last()) ?? assert.fail('it says nothing');
    await world.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    const refused = await world.compute('POST', `/os-xloud-adjust/${id}`, { current_vcpus: 3 });
    assert.equal(refused.status, 409, JSON.stringify(refused.body));
    const seen = await eventually('its progress', MOVE_MS, async () => {
      const { body } = await world.compute('GET', `/servers/${id}/migrations`);
      const [move] = body.migrations as { memory_processed_bytes: number | null }[];
      return move?.memory_processed_bytes ? move : null;
    });
    assert.ok(Number(seen.memory_processed_bytes) > 0);
    await world.reaches(id, 'ACTIVE');
    assert.equal(await world.hostOf(id), there);
    assert.deepEqual(await world.running(id), [there]);
    assert.deepEqual(await world.leftovers(id, home), []);
    const after_ = await world.consoleOf(id, there).until(({ seq }) => seq > before.seq + 1, MOVE_MS);
    assert.ok(after_.upS > before.upS, 'it runs on');
    assert.equal(after_.cpus, 2);
    const { body } = await world.compute('GET', `/os-xloud-adjust/${id}`);
    assert.deepEqual(
      [body.vcpus.current, body.memory_mb.current, body.vcpus.claimed, body.memory_mb.claimed],
      [2, 512, 2, 512],
    );
    assert.equal(await world.marked(id, there), words);
    assert.equal((await lastMove(id)).status, 'completed');
    await remove(id);
  });

  it('stay where they are when their move is given up', async () => {
    const id = await world.create(small);
    const home = await world.hostOf(id);
    await world.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    const move = await eventually('its move', MOVE_MS, async () => {
      const { body } = await world.compute('GET', `/servers/${id}/migrations`);
      const [found] = body.migrations as { id: number; status: string; memory_processed_bytes: number | null }[];
      return found?.status === 'running' && found.memory_processed_bytes ? found : null;
    });
    assert.equal((await world.compute('DELETE', `/servers/${id}/migrations/${move.id}`)).status, 202);
    await world.reaches(id, 'ACTIVE');
    assert.equal((await lastMove(id)).status, 'cancelled');
    assert.deepEqual([await world.hostOf(id), await world.running(id)], [home, [home]]);
    assert.deepEqual(await world.leftovers(id, otherOf(home)), []);
    await world.up(id, home);
    await remove(id);
  });

  it('are on one host when the process is killed while they move', async () => {
    const id = await world.create(small);
    const home = await world.hostOf(id);
    const before = (await world.consoleOf(id, home).last()) ?? assert.fail('it says nothing');
    await world.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    await eventually('its move', MOVE_MS, async () => {
      const { body } = await world.compute('GET', `/servers/${id}/migrations`);
      const [found] = body.migrations as { memory_processed_bytes: number | null }[];
      return found?.memory_processed_bytes ? found : null;
    });
    await world.service.kill('SIGKILL');
    assert.match(await world.virsh(home, 'domjobinfo', id), /Job type: +Unbounded/, 'libvirtd goes on');
    await world.service.start();
    await world.reaches(id, 'ACTIVE');
    const there = await world.hostOf(id);
    assert.equal(there, otherOf(home));
    assert.deepEqual(await world.running(id), [there]);
    assert.deepEqual(await world.leftovers(id, home), []);
    const after_ = await world.consoleOf(id, there).until(({ seq }) => seq > before.seq + 1, MOVE_MS);
    assert.ok(after_.upS > before.upS, 'it runs on');
    await remove(id);
  });
});
