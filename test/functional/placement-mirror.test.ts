// A real Placement, Debian's, is told what hosts have and what servers have of them, and says so to whoever asks: after each thing that
// happens to a server its numbers are read back there. What others wrote there stays, and what did not change is not asked for.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { makePlacement, type PlacementService } from '../../src/cloud/placement.ts';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { loadConfig } from '../../src/main/config.ts';
import { placementCheck } from '../../src/main/doctor/placement-mirror.ts';
import { tx } from '../../src/db/tx.ts';
import { updateMirror } from '../../src/db/placement-mirror.ts';
import { reconcileAll } from '../../src/ops/reconcile/index.ts';
import { makePlacementMirror } from '../../src/ops/reconcile/placement-mirror.ts';
import {
  NO_KEYSTONE_TOKEN,
  placementMissing,
  startPlacement,
  type TestPlacement,
} from '../support/placement-server.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { adminOp } from '../support/world.ts';

const HOSTS = [
  { name: 'host-1', offers: { traits: ['CUSTOM_GOLD'], resources: { CUSTOM_LICENSE: 4 } } },
  { name: 'host-2' },
];
const [OTHER, SOMEBODY] = ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', '5f2504e0-4f89-41d3-9a0c-0305e82c3305'];

const missing = placementMissing();

describe("an operator's Placement", { skip: missing ?? false }, () => {
  let placement: TestPlacement;
  let service: PlacementService;
  let servers: Servers;
  /** Requests since the last count. */
  let asked: string[] = [];
  const placementMirror = makePlacementMirror();
  const outcomes: string[] = [];

  before(async () => {
    placement = await startPlacement();
    service = makePlacement({
      endpoint: placement.endpoint,
      serviceToken: async () => NO_KEYSTONE_TOKEN,
      answered: (method, status) => asked.push(`${method} ${status}`),
    });
    const observer = {
      ...{ adjusted() {}, acted() {}, reported() {} },
      reconciled: ({ outcome }: { outcome: string }) => void outcomes.push(outcome),
    };
    servers = await startServers({ hosts: HOSTS, placement: service, observer });
    await servers.world.flavor({ id: 'plain-2', vcpus: 2, memoryMb: 1024, rootGb: 2 });
    await servers.world.flavor({ id: 'licensed', vcpus: 1, memoryMb: 256, specs: { 'resources:CUSTOM_LICENSE': '2' } });
  });
  after(async () => {
    await servers?.close();
    await service?.close();
    await placement?.stop();
  });

  /** A turn of the reconciler; the requests that it made. */
  const turn = async (): Promise<readonly string[]> => {
    asked = [];
    await reconcileAll(servers.world.deps, { placementMirror });
    return asked;
  };
  const told = async (): Promise<void> => {
    outcomes.length = 0;
    await turn();
    assert.deepEqual(outcomes, ['success']);
  };
  const compared = async (): Promise<void> => {
    await tx(servers.world.database, (t) => updateMirror(t, { roundAt: 1, afterHost: 0 }));
    await told();
  };
  const got = async (path: string) => {
    const { status, body } = await placement.ask('GET', path);
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
    return body;
  };
  const uuidOf = async (host: string): Promise<string> => {
    const { body } = await servers.request('GET', '/os-hypervisors/detail', { as: 'admin', version: '2.53' });
    return body.hypervisors.find((one: { hypervisor_hostname: string }) => one.hypervisor_hostname === host).id;
  };
  const usages = async (host: string) => (await got(`/resource_providers/${await uuidOf(host)}/usages`)).usages;
  const allocations = async (consumer: string) => {
    const { allocations: found } = await got(`/allocations/${consumer}`);
    return Object.fromEntries(
      Object.entries(found as Record<string, { resources: object }>).map(([uuid, { resources }]) => [uuid, resources]),
    );
  };
  const hostOf = async (id: string): Promise<string> =>
    (await servers.show(id, { as: 'admin', version: '2.100' }))['OS-EXT-SRV-ATTR:host'];
  const done = async (id: string, body: object, as: 'member' | 'admin' = 'member') => {
    const answer = await servers.act(id, body, { as });
    assert.ok(answer.status < 300, answer.text);
    await servers.world.settled();
  };
  const adjusted = async (id: string, size: object) => {
    const path = `/os-xloud-adjust/${id}`;
    const answer = await servers.request('POST', path, { as: 'member', body: size });
    assert.equal(answer.status, 202, answer.text);
    await servers.world.settled();
  };
  const gone = async (id: string) => {
    assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
    await servers.world.settled();
  };

  it('has each host under its hypervisor’s uuid and name, with inventories, traits and aggregates', async () => {
    const made = await servers.request('POST', '/os-aggregates', {
      as: 'admin',
      version: '2.41',
      body: { aggregate: { name: 'racks', availability_zone: null } },
    });
    const { id, uuid: aggregate } = made.body.aggregate;
    const body = { add_host: { host: 'host-1' } };
    assert.equal((await servers.request('POST', `/os-aggregates/${id}/action`, { as: 'admin', body })).status, 200);
    await told();
    const { resource_providers: providers } = await got('/resource_providers');
    const byName = Object.fromEntries(providers.map(({ uuid, name }: { uuid: string; name: string }) => [name, uuid]));
    assert.deepEqual(byName, { 'host-1': await uuidOf('host-1'), 'host-2': await uuidOf('host-2') });
    const uuid = await uuidOf('host-1');
    const { inventories } = await got(`/resource_providers/${uuid}/inventories`);
    assert.deepEqual(Object.keys(inventories).toSorted(), ['CUSTOM_LICENSE', 'DISK_GB', 'MEMORY_MB', 'VCPU']);
    const { body: shown } = await servers.request('GET', '/os-hypervisors/detail', { as: 'admin', version: '2.53' });
    const [first] = shown.hypervisors;
    assert.deepEqual(
      [
        inventories.VCPU.total,
        inventories.VCPU.allocation_ratio,
        inventories.MEMORY_MB.total,
        inventories.DISK_GB.total,
      ],
      [first.vcpus, 4, first.memory_mb, first.local_gb],
    );
    assert.equal(inventories.CUSTOM_LICENSE.total, 4);
    const { traits } = await got(`/resource_providers/${uuid}/traits`);
    for (const trait of ['COMPUTE_NODE', 'CUSTOM_GOLD']) assert.ok(traits.includes(trait), trait);
    assert.ok(!traits.includes('COMPUTE_STATUS_DISABLED'));
    assert.deepEqual((await got(`/resource_providers/${uuid}/aggregates`)).aggregates, [aggregate]);
  });

  it('says what a server has after each thing that happens to it, and nothing when it is deleted', async () => {
    const id = await servers.create({ flavorRef: ELASTIC });
    await told();
    const first = await hostOf(id);
    const uuid = await uuidOf(first);
    const has = (vcpus: number, memoryMb: number) => ({ VCPU: vcpus, MEMORY_MB: memoryMb, DISK_GB: 1 });
    assert.deepEqual(await allocations(id), { [uuid]: has(1, 256) });
    const consumer = await got(`/allocations/${id}`);
    const server = await servers.show(id);
    assert.deepEqual(
      [consumer.project_id, consumer.user_id, consumer.consumer_type],
      [server.tenant_id, server.user_id, 'INSTANCE'],
    );

    await adjusted(id, { current_vcpus: 3, current_memory_mb: 2048 });
    await told();
    assert.deepEqual(await allocations(id), { [uuid]: has(3, 2048) });
    const { CUSTOM_LICENSE: _, ...used } = await usages(first);
    assert.deepEqual(used, has(3, 2048));
    await adjusted(id, { current_vcpus: 1, current_memory_mb: 512 });
    await told();
    assert.deepEqual(await allocations(id), { [uuid]: has(1, 512) });

    await done(id, { resize: { flavorRef: 'plain-2' } });
    await told();
    const second = await hostOf(id);
    assert.notEqual(second, first);
    const { body } = await servers.request('GET', '/os-migrations', { as: 'admin', version: '2.59' });
    const migration = body.migrations[0].uuid;
    assert.deepEqual(await allocations(id), { [await uuidOf(second)]: { VCPU: 2, MEMORY_MB: 1024, DISK_GB: 2 } });
    assert.deepEqual(await allocations(migration), { [uuid]: has(1, 512) });
    assert.equal((await got(`/allocations/${migration}`)).consumer_type, 'MIGRATION');
    await done(id, { confirmResize: null });
    await told();
    assert.deepEqual(await allocations(migration), {});
    assert.equal((await usages(first)).VCPU, 0);

    const live = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
    assert.equal((await servers.act(id, live, { as: 'admin', version: '2.25' })).status, 202);
    await servers.world.settled();
    assert.equal(await hostOf(id), first);
    await told();
    assert.deepEqual(await allocations(id), { [uuid]: { VCPU: 2, MEMORY_MB: 1024, DISK_GB: 2 } });
    assert.equal((await usages(second)).VCPU, 0);

    await done(id, { shelve: null });
    await told();
    assert.deepEqual(await allocations(id), {}, 'a server that is shelved and offloaded has nothing');
    await done(id, { unshelve: null });
    await told();
    assert.equal(Object.keys(await allocations(id)).length, 1);

    await gone(id);
    await told();
    assert.deepEqual(await allocations(id), {});
    assert.equal((await usages(first)).VCPU, 0);
  });

  it('counts what its operator counts', async () => {
    const id = await servers.create({ flavorRef: 'licensed' });
    await told();
    assert.equal(await hostOf(id), 'host-1');
    assert.equal((await usages('host-1')).CUSTOM_LICENSE, 2);
    await gone(id);
    await told();
    assert.equal((await usages('host-1')).CUSTOM_LICENSE, 0);
  });

  it('says which hosts take no servers', async () => {
    const uuid = await uuidOf('host-2');
    const traits = async () => (await got(`/resource_providers/${uuid}/traits`)).traits as string[];
    const service_ = { host: 'host-2', binary: 'nova-compute' };
    for (const status of ['disable', 'enable']) {
      await servers.request('PUT', `/os-services/${status}`, { as: 'admin', body: service_ });
      await told();
      assert.equal((await traits()).includes('COMPUTE_STATUS_DISABLED'), status === 'disable');
    }
  });

  it('leaves what is not ours, and mends what is', async () => {
    const id = await servers.create({ flavorRef: PLAIN });
    await told();
    const uuid = await uuidOf(await hostOf(id));
    const owner = { project_id: 'blazar', user_id: 'blazar' };
    const put = async (consumer: string, vcpus: number, generation: number | null, more: object = owner) => {
      const { status, body } = await placement.ask('PUT', `/allocations/${consumer}`, {
        allocations: { [uuid]: { resources: { VCPU: vcpus } } },
        ...{ consumer_generation: generation, consumer_type: 'LEASE', ...more },
      });
      assert.equal(status, 204, JSON.stringify(body));
    };
    await put(SOMEBODY, 1, null);
    // somebody's own trait and class on our provider, and another amount for our server
    await placement.ask('PUT', '/traits/CUSTOM_THEIRS');
    await placement.ask('PUT', '/resource_classes/CUSTOM_SEATS');
    const { traits, resource_provider_generation } = await got(`/resource_providers/${uuid}/traits`);
    await placement.ask('PUT', `/resource_providers/${uuid}/traits`, {
      resource_provider_generation,
      traits: [...traits, 'CUSTOM_THEIRS'],
    });
    const has = await got(`/resource_providers/${uuid}/inventories`);
    const changed = await placement.ask('PUT', `/resource_providers/${uuid}/inventories`, {
      resource_provider_generation: has.resource_provider_generation,
      inventories: {
        ...has.inventories,
        VCPU: { ...has.inventories.VCPU, total: 99 },
        CUSTOM_SEATS: { ...has.inventories.MEMORY_MB, total: 7, max_unit: 7 },
      },
    });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    await put(id, 2, (await got(`/allocations/${id}`)).consumer_generation, { project_id: 'x', user_id: 'y' });
    await compared();
    assert.deepEqual(await allocations(SOMEBODY), { [uuid]: { VCPU: 1 } });
    assert.deepEqual(await allocations(id), { [uuid]: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 } });
    const { inventories } = await got(`/resource_providers/${uuid}/inventories`);
    assert.deepEqual(inventories, { ...has.inventories, CUSTOM_SEATS: inventories.CUSTOM_SEATS });
    assert.equal(inventories.CUSTOM_SEATS.total, 7);
    assert.ok((await got(`/resource_providers/${uuid}/traits`)).traits.includes('CUSTOM_THEIRS'));
    await gone(id);
    await told();
    assert.deepEqual(await allocations(SOMEBODY), { [uuid]: { VCPU: 1 } });
    await placement.ask('DELETE', `/allocations/${SOMEBODY}`);
  });

  it('says what our books hold though it is more than a host has by its own count', async () => {
    const id = await servers.create({ flavorRef: PLAIN });
    await told();
    const uuid = await uuidOf(await hostOf(id));
    const held = await got(`/resource_providers/${uuid}/inventories`);
    const { VCPU } = held.inventories;
    const rest = VCPU.total * VCPU.allocation_ratio - 1;
    const taken = await placement.ask('PUT', `/allocations/${SOMEBODY}`, {
      allocations: { [uuid]: { resources: { VCPU: rest } } },
      ...{ consumer_generation: null, consumer_type: 'LEASE', project_id: 'blazar', user_id: 'blazar' },
    });
    assert.equal(taken.status, 204, JSON.stringify(taken.body));
    const more = await servers.create(
      { flavorRef: PLAIN, availability_zone: `nova:${await hostOf(id)}` },
      { as: 'admin' },
    );
    assert.equal(await hostOf(more), await hostOf(id));
    await told();
    assert.equal((await usages(await hostOf(id))).VCPU, rest + 2);
    assert.deepEqual((await got(`/resource_providers/${uuid}/inventories`)).inventories, held.inventories);
    for (const one of [id, more]) {
      assert.equal((await servers.request('DELETE', `/servers/${one}`, { as: 'admin' })).status, 204);
    }
    await servers.world.settled();
    await told();
    await placement.ask('DELETE', `/allocations/${SOMEBODY}`);
  });

  it('is caught up with after it was away, which disturbs nobody', async () => {
    await placement.pause();
    outcomes.length = 0;
    const id = await servers.create({ flavorRef: PLAIN });
    await turn();
    await turn();
    assert.deepEqual(outcomes, ['error', 'error']);
    assert.equal((await servers.show(id)).status, 'ACTIVE');
    await placement.resume();
    await told();
    assert.equal(Object.keys(await allocations(id)).length, 1);
    await gone(id);
    await told();
  });

  it('keeps a name that another provider has, says so, and takes it when that has another', async () => {
    const world = servers.world;
    const uuid = await uuidOf('host-2');
    // Nova's own of before, with a server that was taken over since
    await placement.ask('DELETE', `/resource_providers/${uuid}`);
    await placement.ask('POST', '/resource_providers', { uuid: OTHER, name: 'host-2' });
    const old = { ...(await got(`/resource_providers/${await uuidOf('host-1')}/inventories`)).inventories.VCPU };
    await placement.ask('PUT', `/resource_providers/${OTHER}/inventories`, {
      resource_provider_generation: 0,
      inventories: { VCPU: old },
    });
    const id = await servers.create({ flavorRef: PLAIN, availability_zone: 'nova:host-2' }, { as: 'admin' });
    const { status } = await placement.ask('PUT', `/allocations/${id}`, {
      allocations: { [OTHER]: { resources: { VCPU: 1 } } },
      ...{ consumer_generation: null, consumer_type: 'INSTANCE', project_id: 'p', user_id: 'u' },
    });
    assert.equal(status, 204);
    await told();
    const [row] = await world.database.read('placement_providers').whereNotNull('problem');
    assert.match(row.problem, new RegExp(`resource provider ${OTHER} is called host-2: give it another name`));
    const flags = [`placement.endpoint=${placement.endpoint}`, 'identity.auth_url=http://127.0.0.1:1'];
    const found = await placementCheck.look({
      ...{ config: loadConfig({ flags }), database: world.database, clock: systemClock },
      ...{ configFile: null, dataDir: '', databaseUrl: '' },
    });
    const texts = [found].flat().map(({ level, text }) => `${level}: ${text}`);
    assert.ok(
      texts.some((text) => text.startsWith(`problem: host-2: the resource provider ${OTHER} is called host-2`)),
      texts.join('\n'),
    );
    assert.deepEqual(await allocations(id), { [OTHER]: { VCPU: 1 } });
    assert.equal((await placement.ask('PUT', `/resource_providers/${OTHER}`, { name: 'host-2-before' })).status, 200);
    await world.database.write('placement_providers').where({ uuid }).update({ due_at: 0 });
    await told();
    assert.deepEqual(await allocations(id), { [uuid]: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 } });
    assert.equal((await placement.ask('DELETE', `/resource_providers/${OTHER}`)).status, 204, 'it is empty');
    assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'admin' })).status, 204);
    await world.settled();
    await told();
  });

  it('is asked nothing while nothing changes, however many servers there are', async () => {
    assert.deepEqual(await turn(), []);
    const { body } = await servers.request('GET', '/os-services?binary=nova-compute', { as: 'admin', version: '2.53' });
    const count = 20;
    for (let one = 0; one < count; one += 1) await servers.world.create({ flavorRef: PLAIN });
    const first = await turn();
    assert.ok(first.length >= count && first.length <= 2 * count + 10, String(first.length));
    assert.deepEqual(await turn(), []);
    await compared();
    assert.ok(asked.length <= 6 * body.services.length, `a comparison of two hosts: ${asked.join(', ')}`);
    assert.ok(!asked.some((one) => !one.startsWith('GET')), 'it found nothing to change');
    assert.ok(limits.placementComparedAtOnce >= 2);
  });

  it('has no provider of a host that was removed', async () => {
    for (const { uuid } of await servers.world.database.read('servers').where({ deleted: 0 }).select('uuid'))
      await servers.world.ops.deleteServer(adminOp(), await servers.world.server(uuid));
    await servers.world.settled();
    await servers.world.killHost('host-2');
    const uuid = await uuidOf('host-2');
    const { body } = await servers.request('GET', '/os-services?host=host-2', { as: 'admin', version: '2.53' });
    for (const { id } of body.services)
      assert.equal(
        (await servers.request('DELETE', `/os-services/${id}`, { as: 'admin', version: '2.53' })).status,
        204,
      );
    await told();
    assert.equal((await placement.ask('GET', `/resource_providers/${uuid}`)).status, 404);
    assert.equal((await got('/resource_providers')).resource_providers.length, 1);
  });
});
