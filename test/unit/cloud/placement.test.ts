import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makePlacement, type PlacementService } from '../../../src/cloud/placement.ts';
import { type PlacementDouble, startPlacementDouble } from '../../support/placement-double.ts';

const [HOST, SERVER] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const one = { total: 4, reserved: 0, min_unit: 1, max_unit: 4, step_size: 1, allocation_ratio: 1 };
const owner = { projectId: 'p', userId: 'u', type: 'INSTANCE' };

describe('the client of Placement', () => {
  let double: PlacementDouble;
  let service: PlacementService;
  let tokens: boolean[] = [];
  beforeEach(async () => {
    double = await startPlacementDouble();
    tokens = [];
    service = makePlacement({
      endpoint: `${double.endpoint}/`,
      serviceToken: async (renew) => {
        tokens.push(renew);
        return 'token';
      },
      timeoutMs: 300,
    });
  });
  afterEach(async () => {
    await service.close();
    await double.close();
  });
  const calls = () => service.during(new AbortController().signal);

  it('speaks the newest version that both know, and tells types of consumers where there are any', async () => {
    for (const [newest, spoken, type] of [
      ['1.39', '1.38', 'INSTANCE'],
      ['1.30', '1.30', undefined],
    ] as const) {
      double.newest = newest;
      const other = makePlacement({ endpoint: double.endpoint, serviceToken: async () => 'token' });
      const placement = other.during(new AbortController().signal);
      await placement.addProvider(HOST, newest);
      const { generation } = (await placement.inventories(HOST)) ?? { generation: -1 };
      await placement.setInventories(HOST, generation, { VCPU: one });
      const state = await placement.consumer(SERVER);
      const allocations = { [HOST]: { VCPU: 1 } };
      const done = await placement.setAllocations(SERVER, { allocations, generation: state.generation, owner });
      assert.deepEqual(done, { kind: 'done' });
      assert.equal(double.consumers.get(SERVER)?.consumer_type, type);
      assert.equal(double.versions.at(-1), `placement ${spoken}`);
      await other.close();
    }
  });

  it('does not speak with one that is too old, or with what is none', async () => {
    for (const newest of ['1.27', 'none']) {
      double.newest = newest;
      await assert.rejects(calls().name(HOST), /The placement service is too old/);
    }
    assert.ok(double.asked.every((request) => request === 'GET /'));
  });

  it('tells what came of a change apart', async () => {
    const placement = calls();
    assert.equal(await placement.name(HOST), null);
    assert.equal(await placement.inventories(HOST), null);
    assert.deepEqual(await placement.setInventories(HOST, 0, {}), { kind: 'gone' });
    const allocate = (vcpus: number, generation: number | null = null) =>
      placement.setAllocations(SERVER, { allocations: { [HOST]: { VCPU: vcpus } }, generation, owner });
    assert.deepEqual(await allocate(1), { kind: 'gone' });
    assert.deepEqual(await placement.addProvider(HOST, 'node'), { kind: 'done' });
    const taken = await placement.addProvider(SERVER, 'node');
    assert.equal(taken.kind === 'refused' && taken.why, 'taken');
    assert.equal(await placement.providerNamed('node'), HOST);
    assert.deepEqual(await placement.setInventories(HOST, 7, { VCPU: one }), { kind: 'stale' });
    assert.deepEqual(await placement.setInventories(HOST, 0, { VCPU: one }), { kind: 'done' });
    const full = await allocate(5);
    assert.equal(full.kind === 'refused' && full.why, 'full');
    assert.deepEqual(await allocate(4), { kind: 'done' });
    assert.deepEqual(await allocate(3), { kind: 'stale' });
    assert.deepEqual(await placement.allocationsOn(HOST), { [SERVER]: { VCPU: 4 } });
    for (const refused of [await placement.removeProvider(HOST), await placement.setInventories(HOST, 2, {})])
      assert.equal(refused.kind === 'refused' && refused.why, 'used');
    const { generation } = await placement.consumer(SERVER);
    assert.deepEqual(await placement.setAllocations(SERVER, { allocations: {}, generation, owner }), { kind: 'done' });
    assert.deepEqual(await placement.removeProvider(HOST), { kind: 'done' });
  });

  it('ends with its signal, and in time', async () => {
    await calls().name(HOST);
    double.mishap = () => 'mute';
    await assert.rejects(calls().name(HOST), /is not available now/);
    const end = new AbortController();
    const asked = service.during(end.signal).name(HOST);
    end.abort();
    const began = performance.now();
    await assert.rejects(asked, /is not available now/);
    assert.ok(performance.now() - began < 250);
  });
});
