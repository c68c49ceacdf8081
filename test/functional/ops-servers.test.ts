// Why: the verbs on servers against a whole cloud in one process: what they refuse, what they promise, how it ends.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { conflict, Fault, unavailable } from '../../src/base/errors.ts';
import { findClaim } from '../../src/db/claims.ts';
import { findHost } from '../../src/db/hosts.ts';
import { findAction, listActions, listEvents, readInput } from '../../src/db/instance-actions.ts';
import { allDetails, loadDetail, loadDetails } from '../../src/db/server-details.ts';
import { tx } from '../../src/db/tx.ts';
import type { CreateServersRequest } from '../../src/domain/servers/create-request.ts';
import { power, type Server } from '../../src/domain/servers/servers.ts';
import { handleReport, startWorker } from '../../src/ops/index.ts';
import { startAgent } from '../../src/agent/agent.ts';
import { engines } from '../support/database.ts';
import { testImage, uuidOf } from '../support/neighbours.ts';
import { adminOp, createRequest, makeOp, makeWorld, memberCaller, type World } from '../support/world.ts';
import { requestOf } from '../support/request-of.ts';
import { OwnStatements } from '../support/statements.ts';

const isFault =
  (kind: Fault['kind'], text: RegExp | string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.kind, kind, error.message);
    if (typeof text === 'string') assert.equal(error.message, text);
    else assert.match(error.message, text);
    return true;
  };

const eventsOf = async (world: World, uuid: string): Promise<string[]> => {
  const actions = (await listActions(world.database.read, uuid)).toReversed();
  const events = await listEvents(
    world.database.read,
    actions.map((action) => action.id),
  );
  return events.map(({ event, result }) => `${event} ${result}`);
};

/** Waits until something is so. */
async function until(what: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!(await what())) {
    assert.ok(Date.now() < giveUpAt, 'it never came');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const engine of engines) {
  describe(`servers on ${engine}`, () => {
    let world: World;
    before(async () => {
      world = await makeWorld({
        engine,
        hosts: [
          { name: 'host-1', inventory: { vcpus: 16, memoryMb: 65_536, diskGb: 1_000 } },
          { name: 'host-2', inventory: { vcpus: 8, memoryMb: 16_384, diskGb: 1_000 } },
        ],
      });
    });
    after(() => world.close());

    const one = async (request: Partial<CreateServersRequest> = {}): Promise<Server> => {
      const [server] = await world.create(request);
      assert.ok(server);
      return server;
    };

    describe('create', () => {
      it('ends ACTIVE with the flavor as its maximum and the minimum claimed', async () => {
        const op = makeOp();
        const [server] = await world.create(
          {
            name: 'Web Server',
            description: 'd',
            metadata: { a: 'b', __proto__: 'x' },
            tags: ['t1', 't2'],
            userData: 'eA==',
          },
          op,
        );
        assert.ok(server);
        const { nics, metadata, tags } = await loadDetail(world.database.read, server);
        assert.equal(server.vmState, 'active');
        assert.equal(server.powerState, power.running);
        assert.equal(server.hostname, 'web-server');
        assert.equal(server.node, server.host);
        assert.equal(server.availabilityZone, 'nova');
        assert.equal(server.rootDeviceName, '/dev/vda');
        assert.equal(server.userData, 'eA==');
        assert.ok(server.launchedAt);
        assert.deepEqual([server.currentVcpus, server.currentMemoryMb], [1, 256]);
        assert.deepEqual([server.flavor.vcpus, server.flavor.memoryMb], [4, 4096]);
        assert.deepEqual(tags, ['t1', 't2']);
        assert.equal(metadata['a'], 'b');
        assert.equal(nics.length, 1);
        const claim = await findClaim(world.database.read, server.id);
        assert.deepEqual([claim?.vcpus, claim?.memoryMb, claim?.diskGb], [1, 256, 1]);
        const action = await findAction(world.database.read, server.uuid, op.requestId);
        assert.deepEqual([action?.action, action?.message, action?.state], ['create', null, 'done']);
        assert.deepEqual(await eventsOf(world, server.uuid), [
          'conductor_schedule_and_build_instances Success',
          'create_ports Success',
          'compute__do_build_and_run_instance Success',
        ]);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('forgets the password when it is over', async () => {
        const op = makeOp();
        const [server] = await world.create({ adminPass: 'hunter2-hunter2' }, op);
        const action = await findAction(world.database.read, server?.uuid ?? '', op.requestId);
        const input = await readInput(world.database.read, action?.id ?? 0);
        assert.equal(JSON.stringify(input).includes('hunter2'), false);
      });

      it('numbers the servers of one request', async () => {
        const servers = await world.create({ name: 'many', minCount: 2, maxCount: 3 });
        assert.deepEqual(
          servers.map((server) => [server.displayName, server.hostname, server.launchIndex]),
          [
            ['many-1', 'many-1', 0],
            ['many-2', 'many-2', 1],
            ['many-3', 'many-3', 2],
          ],
        );
        assert.equal(new Set(servers.map((server) => server.reservationId)).size, 1);
      });

      it('ends in ERROR with a fault and the reasons when no host fits', async () => {
        const flavorRef = await world.flavor({ memoryMb: 1_000_000 });
        const op = makeOp({ ...memberCaller, projectId: 'rich' });
        await tx(world.database, (t) =>
          t('quota_limits').insert({ scope: 'project', scope_id: 'rich', resource: 'ram', hard_limit: -1 }),
        );
        const [server] = await world.create({ flavorRef }, op);
        assert.ok(server);
        assert.equal(server.vmState, 'error');
        const { fault } = await loadDetail(world.database.read, server);
        assert.equal(fault?.message, 'No valid host was found. There are not enough hosts available.');
        assert.equal(fault?.code, 500);
        assert.match(fault?.details ?? '', /host-1 \(\w+Filter\): .*host-2/);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('builds on another host when the first breaks', async () => {
        const driver = world.drivers.get('host-1');
        assert.ok(driver);
        const spawn = driver.spawn.bind(driver);
        Object.assign(driver, {
          spawn: async () => {
            throw conflict('libvirt says no', { code: 'libvirt.1' });
          },
        });
        const server = await one().finally(() => Object.assign(driver, { spawn }));
        assert.equal(server.vmState, 'active');
        assert.equal(server.host, 'host-2');
        assert.deepEqual(await eventsOf(world, server.uuid), [
          'conductor_schedule_and_build_instances Success',
          'create_ports Success',
          'compute__do_build_and_run_instance Error',
          'conductor_schedule_and_build_instances Success',
          'create_ports Success',
          'compute__do_build_and_run_instance Success',
        ]);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('ends in ERROR with the last reason when every host breaks', async () => {
        const server = await one({ metadata: { xloud_fake: 'fail:spawn' } });
        assert.equal(server.vmState, 'error');
        const { fault } = await loadDetail(world.database.read, server);
        assert.match(fault?.message ?? '', /^Exceeded maximum number of retries/);
        assert.match(fault?.details ?? '', /The fake guest fails at spawn/);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('tries again when a neighbour is away', async () => {
        world.networks.failNext('allocate', unavailable('The network service does not answer.'));
        const server = await one();
        assert.equal(server.vmState, 'active');
        assert.deepEqual((await eventsOf(world, server.uuid)).length, 3);
      });

      it('fails for good when a neighbour refuses', async () => {
        world.networks.failNext('allocate', conflict('No more IP addresses available on network.'));
        const server = await one();
        assert.equal(server.vmState, 'error');
        const { fault } = await loadDetail(world.database.read, server);
        assert.equal(fault?.message, 'No more IP addresses available on network.');
        assert.deepEqual(await world.leftovers(), []);
      });

      it('is made on another host where a neighbour refuses that one alone', async () => {
        const unbound = conflict('Binding failed.', { code: 'PortBindingFailed' });
        world.networks.failNext('allocate', unbound);
        const server = await one();
        assert.equal(server.vmState, 'active');
        assert.equal(world.networks.ports().find(({ serverUuid }) => serverUuid === server.uuid)?.host, server.host);
        world.networks.failNext('allocate', unbound, unbound);
        const other = await one();
        assert.equal(other.vmState, 'error');
        assert.match((await loadDetail(world.database.read, other)).fault?.details ?? '', /Binding failed/);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('never claims more than a host has, however many come at once', async () => {
        // 16 GiB of host-2 alone: the zone of the request is forced to it
        const flavorRef = await world.flavor({ vcpus: 1, memoryMb: 2048, rootGb: 0 });
        const before = await findHost(world.database.read, { host: 'host-2' });
        const free = Math.floor((16_384 - (before?.claimed.memoryMb ?? 0)) / 2048);
        const request = { flavorRef, forcedHost: 'host-2', networks: 'none' as const };
        const made = await Promise.all(
          Array.from({ length: free + 5 }, () =>
            world.ops.createServers(makeOp(), { ...createRequest(flavorRef, world.imageId), ...request }),
          ),
        );
        await world.settled();
        const servers = await Promise.all(made.map(({ servers: [server] }) => world.server(server?.uuid ?? '')));
        assert.equal(servers.filter((server) => server.vmState === 'active').length, free);
        assert.equal(servers.filter((server) => server.vmState === 'error').length, 5);
        assert.deepEqual(await world.leftovers(), []);
        await Promise.all(servers.map((server) => world.ops.deleteServer(makeOp(), server)));
        await world.settled();
        assert.deepEqual((await findHost(world.database.read, { host: 'host-2' }))?.claimed, before?.claimed);
      });

      type Wish = Partial<CreateServersRequest>;
      const refusals: readonly [string, (w: World) => Wish | Promise<Wish>, Fault['kind'], RegExp | string][] = [
        ['a flavor that is not there', () => ({ flavorRef: 'x' }), 'badRequest', 'Flavor x could not be found.'],
        [
          'an image that is not there',
          () => ({ imageRef: uuidOf('no') }),
          'badRequest',
          'Can not find requested image',
        ],
        ['a key that is not there', () => ({ keyName: 'no' }), 'badRequest', 'Invalid key_name provided.'],
        [
          'a zone that is not there',
          () => ({ zone: 'no' }),
          'badRequest',
          'The requested availability zone is not available',
        ],
        [
          'a host that is not there',
          () => ({ requestedHost: 'no' }),
          'badRequest',
          'Compute host no could not be found.',
        ],
        [
          'an image that is not active',
          async (w) => {
            await w.images.add(testImage({ id: uuidOf('queued'), status: 'queued' }));
            return { imageRef: uuidOf('queued') };
          },
          'badRequest',
          /is not active\.$/,
        ],
        [
          'an image larger than the disk',
          async (w) => {
            await w.images.add(testImage({ id: uuidOf('large'), virtualSizeBytes: 2 * 1024 ** 3 }));
            return { imageRef: uuidOf('large') };
          },
          'badRequest',
          "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes.",
        ],
        [
          'more metadata than the quota',
          () => ({ metadata: Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, 'v'])) }),
          'forbidden',
          'Maximum number of metadata items exceeds 128',
        ],
        [
          'one port for two servers',
          () => ({ maxCount: 2, networks: [{ networkId: null, portId: uuidOf('p'), fixedIp: null, tag: null }] }),
          'badRequest',
          /single configured port ID/,
        ],
      ];
      for (const [name, request, kind, text] of refusals) {
        it(`refuses ${name}`, async () => {
          await assert.rejects(world.create(await request(world)), isFault(kind, text));
        });
      }

      it('counts the quota by what is claimed, and as many as fit', async () => {
        const op = makeOp({ ...memberCaller, projectId: 'poor' });
        await tx(world.database, (t) =>
          t('quota_limits').insert([
            { scope: 'project', scope_id: 'poor', resource: 'instances', hard_limit: 3 },
            { scope: 'project', scope_id: 'poor', resource: 'cores', hard_limit: 6 },
          ]),
        );
        assert.equal((await world.create({ minCount: 1, maxCount: 10 }, op)).length, 3);
        await assert.rejects(
          world.create({}, op),
          isFault('forbidden', 'Quota exceeded for instances: Requested 1, but already used 3 of 3 instances'),
        );
        const flavorRef = await world.flavor({ vcpus: 4 });
        await assert.rejects(
          world.create({ flavorRef }, op),
          isFault(
            'forbidden',
            'Quota exceeded for cores, instances: Requested 4, 1, but already used 3, 3 of 6, 3 cores, instances',
          ),
        );
        // growth counts too
        const [row] = await world.database.read('servers').where({ project_id: 'poor' }).select('uuid');
        await assert.rejects(
          world.ops.adjustServer(op, { ...row, projectId: 'poor' } as Server, {
            vcpus: 5,
            memoryMb: null,
            persist: true,
          }),
          isFault('badRequest', /at most 4 vCPUs/),
        );
        await world.ops.adjustServer(op, { ...row, projectId: 'poor' } as Server, {
          vcpus: 4,
          memoryMb: null,
          persist: true,
        });
        await world.settled();
        const [, second] = await world.database.read('servers').where({ project_id: 'poor' }).select('uuid');
        await assert.rejects(
          world.ops.adjustServer(op, { ...second, projectId: 'poor' } as Server, {
            vcpus: 2,
            memoryMb: null,
            persist: true,
          }),
          isFault('forbidden', 'Quota exceeded for cores: Requested 1, but already used 6 of 6 cores'),
        );
      });

      it('two at once cannot both take the last place of a quota', async () => {
        const op = makeOp({ ...memberCaller, projectId: 'tight' });
        await tx(world.database, (t) =>
          t('quota_limits').insert({ scope: 'project', scope_id: 'tight', resource: 'instances', hard_limit: 1 }),
        );
        const flavorRef = await world.flavor();
        const tries = await Promise.allSettled(
          Array.from({ length: 4 }, () => world.ops.createServers(op, createRequest(flavorRef, world.imageId))),
        );
        assert.equal(tries.filter((result) => result.status === 'fulfilled').length, 1);
        await world.settled();
      });
    });

    describe('delete', () => {
      it('leaves the row, marked, and nothing else', async () => {
        const server = await one();
        await world.held(async () => {
          await world.ops.deleteServer(makeOp(), server);
          assert.equal((await world.server(server.uuid)).taskState, 'deleting');
        });
        await world.settled();
        const gone = await world.server(server.uuid);
        assert.deepEqual([gone.deleted, gone.vmState, gone.taskState], [true, 'deleted', null]);
        assert.ok(gone.deletedAt && gone.terminatedAt);
        assert.deepEqual(await world.leftovers(), []);
        await assert.rejects(world.ops.deleteServer(makeOp(), server), isFault('notFound', /could not be found/));
      });

      it('overtakes a build under way', async () => {
        const flavorRef = await world.flavor();
        const uuid = await world.gated(['spawn'], async (gate) => {
          const { servers } = await world.ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
          const made = servers[0]?.uuid ?? '';
          await gate.reached('spawn');
          assert.equal((await world.server(made)).taskState, 'spawning');
          await world.ops.deleteServer(makeOp(), { uuid: made });
          await world.ops.deleteServer(makeOp(), { uuid: made });
          return made;
        });
        await world.settled();
        assert.equal((await world.server(uuid)).deleted, true);
        const actions = await listActions(world.database.read, uuid);
        assert.deepEqual(
          actions.map(({ action, message }) => [action, message]),
          [
            ['delete', null],
            ['create', 'Error'],
          ],
        );
        assert.deepEqual(await world.leftovers(), []);
      });

      it('is refused on a locked server, but to administrators', async () => {
        const server = await one();
        await world.database.write('servers').where({ id: server.id }).update({ locked_by: 'owner' });
        await assert.rejects(
          world.ops.deleteServer(makeOp(), server),
          isFault('conflict', `Instance ${server.uuid} is locked`),
        );
        await world.ops.deleteServer(adminOp(), server);
        await world.settled();
        assert.equal((await world.server(server.uuid)).deleted, true);
      });
    });

    describe('start, stop, reboot', () => {
      it('go through their states and refuse the wrong ones', async () => {
        const server = await one();
        await assert.rejects(
          world.ops.requestAction(makeOp(), server, requestOf('os-start')),
          isFault('conflict', `Cannot 'start' instance ${server.uuid} while it is in vm_state active`),
        );
        await world.held(async () => {
          await world.ops.requestAction(makeOp(), server, requestOf('os-stop'));
          await assert.rejects(
            world.ops.requestAction(makeOp(), server, requestOf('os-stop')),
            isFault('conflict', `Cannot 'stop' instance ${server.uuid} while it is in task_state powering-off`),
          );
        });
        await world.settled();
        const stopped = await world.server(server.uuid);
        assert.deepEqual([stopped.vmState, stopped.powerState], ['stopped', power.shutdown]);
        await world.ops.requestAction(makeOp(), server, requestOf('os-start'));
        await world.settled();
        assert.equal((await world.server(server.uuid)).vmState, 'active');
        for (const type of ['SOFT', 'HARD'] as const) {
          await world.ops.rebootServer(makeOp(), server, type);
          await world.settled();
          assert.equal((await world.server(server.uuid)).vmState, 'active');
        }
        const actions = await listActions(world.database.read, server.uuid);
        assert.deepEqual(actions.map(({ action }) => action).toReversed(), [
          'create',
          'stop',
          'start',
          'reboot',
          'reboot',
        ]);
      });

      it('a failure leaves the state as it is and says why', async () => {
        const server = await one({ metadata: { xloud_fake: 'fail:powerOff' } });
        await world.ops.requestAction(makeOp(), server, requestOf('os-stop'));
        await world.settled();
        const after = await world.server(server.uuid);
        assert.deepEqual([after.vmState, after.taskState], ['active', null]);
        const [action] = await listActions(world.database.read, server.uuid);
        assert.equal(action?.message, 'Error');
      });
    });

    describe('adjust', () => {
      const wish = (vcpus: number | null, memoryMb: number | null, persist = true) => ({ vcpus, memoryMb, persist });

      it('grows and shrinks, and the claim follows', async () => {
        const server = await one();
        const before = await findHost(world.database.read, { host: server.host ?? '' });
        const { server: asked } = await world.ops.adjustServer(makeOp(), server, wish(3, 1024));
        assert.deepEqual(
          [asked.taskState, asked.adjustStatus, asked.targetVcpus, asked.currentVcpus],
          ['adjusting', 'adjusting', 3, 1],
        );
        await world.settled();
        const grown = await world.server(server.uuid);
        assert.deepEqual([grown.currentVcpus, grown.currentMemoryMb, grown.adjustStatus], [3, 1024, 'idle']);
        assert.deepEqual([grown.bootVcpus, grown.bootMemoryMb, grown.guestOnlineVcpus], [3, 1024, 3]);
        const host = await findHost(world.database.read, { host: server.host ?? '' });
        assert.equal(host?.claimed.memoryMb, (before?.claimed.memoryMb ?? 0) + 768);
        await world.ops.adjustServer(makeOp(), server, wish(2, 512));
        await world.settled();
        const claim = await findClaim(world.database.read, server.id);
        assert.deepEqual([claim?.vcpus, claim?.memoryMb], [2, 512]);
        await world.ops.rebootServer(makeOp(), server, 'HARD');
        await world.settled();
        assert.deepEqual((await world.server(server.uuid)).currentVcpus, 2);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('without persist lasts until the next power cycle', async () => {
        const server = await one();
        await world.ops.adjustServer(makeOp(), server, wish(3, null, false));
        await world.settled();
        assert.equal((await world.server(server.uuid)).currentVcpus, 3);
        await world.ops.rebootServer(makeOp(), server, 'HARD');
        await world.settled();
        const after = await world.server(server.uuid);
        assert.deepEqual([after.currentVcpus, after.bootVcpus], [1, 1]);
        assert.equal((await findClaim(world.database.read, server.id))?.vcpus, 1);
      });

      it('is refused with the free amounts when the host has no room, and claims nothing', async () => {
        const flavorRef = await world.flavor({
          vcpus: 2,
          memoryMb: 15_000,
          rootGb: 0,
          specs: { minimum_memory: '256' },
        });
        const server = await one({ flavorRef, forcedHost: 'host-2' });
        const host = await findHost(world.database.read, { host: 'host-2' });
        const filler = await one({
          flavorRef: await world.flavor({
            vcpus: 1,
            rootGb: 0,
            memoryMb: 16_384 - (host?.claimed.memoryMb ?? 0) - 1000,
          }),
          forcedHost: 'host-2',
        });
        await assert.rejects(
          world.ops.adjustServer(makeOp(), server, wish(null, 2256)),
          isFault('conflict', 'The host has no room for 2000 MiB more memory (1000 MiB free).'),
        );
        assert.equal((await world.server(server.uuid)).taskState, null);
        await world.ops.adjustServer(makeOp(), server, wish(null, 1256));
        await world.settled();
        assert.equal((await world.server(server.uuid)).currentMemoryMb, 1256);
        for (const one of [server, filler]) await world.ops.deleteServer(makeOp(), one);
        await world.settled();
      });

      it('says partial where the guest went a part of the way, and keeps only that', async () => {
        const server = await one({ metadata: { xloud_fake: 'partial:50' } });
        const op = makeOp();
        await world.ops.adjustServer(op, server, wish(3, 1280));
        await world.settled();
        const after = await world.server(server.uuid);
        assert.deepEqual([after.currentVcpus, after.currentMemoryMb, after.adjustStatus], [2, 768, 'partial']);
        assert.match(after.adjustMessage ?? '', /vCPUs: 2 of 3 reached/);
        const action = await findAction(world.database.read, server.uuid, op.requestId);
        assert.equal(action?.message, 'Error');
        const [event] = await listEvents(world.database.read, [action?.id ?? 0]);
        assert.deepEqual([event?.result, event?.details], ['Error', after.adjustMessage]);
        const claim = await findClaim(world.database.read, server.id);
        assert.deepEqual([claim?.vcpus, claim?.memoryMb], [2, 768]);
      });

      it('keeps claimed what a guest could take back by itself', async () => {
        const server = await one({ metadata: { xloud_fake: 'offline' } });
        await world.ops.adjustServer(makeOp(), server, wish(3, null));
        await world.settled();
        await world.ops.adjustServer(makeOp(), server, wish(1, null));
        await world.settled();
        assert.equal((await world.server(server.uuid)).currentVcpus, 1);
        assert.equal((await findClaim(world.database.read, server.id))?.vcpus, 3);
        // a report of the host changes neither
        await world.agents.get(server.host ?? '')?.reportNow();
        await world.settled();
        assert.equal((await world.server(server.uuid)).currentVcpus, 1);
        assert.equal((await findClaim(world.database.read, server.id))?.vcpus, 3);
      });

      it('is kept for the next boot of a server that is off, and is over at once', async () => {
        const server = await one();
        await world.ops.requestAction(makeOp(), server, requestOf('os-stop'));
        await world.settled();
        const op = makeOp();
        const { server: stored, claimed } = await world.ops.adjustServer(op, server, wish(2, 512));
        assert.deepEqual(stored, await world.server(server.uuid), 'what is told is what is written');
        const kept = await findClaim(world.database.read, server.id);
        assert.deepEqual(claimed, { vcpus: kept?.vcpus, memoryMb: kept?.memoryMb });
        assert.deepEqual([stored.taskState, stored.adjustStatus, stored.bootVcpus], [null, 'pending_reboot', 2]);
        const action = await findAction(world.database.read, server.uuid, op.requestId);
        assert.deepEqual([action?.state, action?.message], ['done', null]);
        await world.ops.requestAction(makeOp(), server, requestOf('os-start'));
        await world.settled();
        const started = await world.server(server.uuid);
        assert.deepEqual([started.currentVcpus, started.currentMemoryMb, started.adjustStatus], [2, 512, 'idle']);
      });

      it('refuses what is out of bounds, and a server that something runs for', async () => {
        const server = await one();
        await assert.rejects(
          world.ops.adjustServer(makeOp(), server, wish(9, null)),
          isFault('badRequest', /at most 4/),
        );
        await assert.rejects(
          world.ops.adjustServer(makeOp(), server, wish(null, 1)),
          isFault('badRequest', /at least 256/),
        );
        await world.held(async () => {
          await world.ops.rebootServer(makeOp(), server, 'HARD');
          await assert.rejects(
            world.ops.adjustServer(makeOp(), server, wish(2, null)),
            isFault('conflict', /while it is in task_state rebooting_hard$/),
          );
        });
        await world.settled();
      });
    });

    describe('what guests do by themselves', () => {
      it('a guest that powers itself off is SHUTOFF, with a record', async () => {
        const server = await one();
        world.drivers.get(server.host ?? '')?.powerOffFromInside(server.uuid);
        await until(async () => (await world.server(server.uuid)).vmState === 'stopped');
        const [action] = await listActions(world.database.read, server.uuid);
        assert.deepEqual([action?.action, action?.message], ['stop', null]);
        assert.deepEqual(await world.leftovers(), []);
      });

      it('a guest that crashes is SHUTOFF, and the crash is recorded', async () => {
        const server = await one();
        world.drivers.get(server.host ?? '')?.crashFromInside(server.uuid);
        await until(async () => (await world.server(server.uuid)).vmState === 'stopped');
        const after = await world.server(server.uuid);
        assert.equal(after.powerState, power.crashed);
        const [action] = await listActions(world.database.read, server.uuid);
        assert.equal(action?.message, 'Error');
        const [event] = await listEvents(world.database.read, [action?.id ?? 0]);
        assert.match(event?.details ?? '', /^The guest crashed: /);
        await world.ops.requestAction(makeOp(), server, requestOf('os-start'));
        await world.settled();
        assert.equal((await world.server(server.uuid)).vmState, 'active');
      });

      it('an old report decides nothing', async () => {
        const server = await one();
        const view = await world.bus.call(server.host ?? '', 'inspect', { uuid: server.uuid });
        const inventory = await world.drivers.get(server.host ?? '')?.inventory();
        assert.ok(view && inventory);
        const guests = [{ ...view, powerState: power.shutdown }];
        await handleReport(world.deps, { kind: 'inventory', host: server.host ?? '', inventory, guests });
        assert.equal((await world.server(server.uuid)).vmState, 'active');
      });
    });

    describe('lists and details', () => {
      it('gives every part with a few queries', async () => {
        const servers = await world.create({ minCount: 3, maxCount: 3, tags: ['x'], metadata: { k: 'v' } });
        let details: Awaited<ReturnType<typeof loadDetails>> = [];
        const { read } = world.database;
        const load = async () => void (details = await loadDetails(read, servers, allDetails));
        const { length } = await new OwnStatements(world.database).of(load);
        assert.ok(length <= 5, `${length} queries`);
        assert.ok(
          details.every(({ tags, metadata, nics }) => tags[0] === 'x' && metadata['k'] === 'v' && nics.length === 1),
        );
      });
    });
  });

  describe(`hosts that fail on ${engine}`, () => {
    it('a server is deleted without its host, and its guest goes when the host is back', async () => {
      // time jumps instead of passing: a busy machine would make a short limit run out too early
      let aheadMs = 0;
      const clock: Clock = { now: () => Date.now() + aheadMs, sleep: (ms, signal) => systemClock.sleep(ms, signal) };
      const world = await makeWorld({ engine, clock });
      try {
        const [server] = await world.create();
        assert.ok(server);
        await world.killHost('host-1');
        aheadMs = 10 * world.deps.config.hostDownMs;
        await world.ops.deleteServer(makeOp(), server);
        await world.settled();
        assert.equal((await world.server(server.uuid)).deleted, true);
        assert.equal(world.networks.ports().length, 0);
        const driver = world.drivers.get('host-1');
        assert.ok(driver);
        assert.ok(driver.store.get(server.uuid));
        const { bus, log } = world.deps;
        const agent = await startAgent({ host: 'host-1', bus, driver, clock, log });
        await until(async () => driver.store.get(server.uuid) === undefined);
        await agent.close(0);
        assert.deepEqual(await world.leftovers(), []);
      } finally {
        await world.close();
      }
    });

    it('a host that never answers leaves an ERROR that still holds its claim, and a later delete ends it', async () => {
      // a hundred times faster than life, for the pauses between the attempts
      const began = Date.now();
      const clock: Clock = {
        now: () => began + (Date.now() - began) * 100,
        sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
      };
      const world = await makeWorld({ engine, clock, config: { hostDownMs: 500_000 } });
      try {
        const flavorRef = await world.flavor();
        await world.killHost('host-1');
        const [server] = await world.create({ flavorRef });
        assert.ok(server);
        assert.equal(server.vmState, 'error');
        // nobody knows whether the guest is there: its place stays taken
        assert.equal(server.host, 'host-1');
        assert.ok(await findClaim(world.database.read, server.id));
        const { fault } = await loadDetail(world.database.read, server);
        assert.equal(fault?.message, 'The host could not carry out the request (bus.nobody).');
        assert.match(fault?.details ?? '', /^No agent serves host host-1/);
        assert.deepEqual(await world.leftovers(), []);
        await world.ops.deleteServer(makeOp(), server);
        await world.settled();
        assert.equal((await world.server(server.uuid)).deleted, true);
        assert.deepEqual(await world.leftovers(), []);
      } finally {
        await world.close();
      }
    });

    it('two workers share the work, and each thing is done once', async () => {
      const world = await makeWorld({ engine, hosts: [{ name: 'host-1', inventory: { memoryMb: 262_144 } }] });
      const second = await startWorker(world.deps, { name: 'other', takeOver: true, reconcileMs: 0, pollMs: 20 });
      try {
        const servers = await world.create({ minCount: 20, maxCount: 20 });
        assert.ok(servers.every((server) => server.vmState === 'active'));
        assert.ok(
          world.drivers
            .get('host-1')
            ?.store.all()
            .every((guest) => guest.starts === 1),
        );
        assert.deepEqual(await world.leftovers(), []);
      } finally {
        await second.close();
        await world.close();
      }
    });

    it('an action whose worker is gone is resumed when its lease lapses', async () => {
      const world = await makeWorld({ engine, worker: false });
      try {
        const dead = await startWorker(world.deps, { name: 'dead', takeOver: true, reconcileMs: 0, leaseMs: 200 });
        await world.agents.get('host-1')?.reportNow();
        await until(async () => (await findHost(world.database.read, { host: 'host-1' })) !== null);
        await dead.close();
        const flavorRef = await world.flavor();
        const { servers } = await world.ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
        // as if a worker had taken it and died
        await world.database
          .write('instance_actions')
          .update({ lease_owner: 'dead#1', lease_until: Date.now() + 200, state: 'running' });
        await world.startWorker();
        assert.equal((await world.server(servers[0]?.uuid ?? '')).vmState, 'building');
        await world.settled();
        assert.equal((await world.server(servers[0]?.uuid ?? '')).vmState, 'active');
      } finally {
        await world.close();
      }
    });

    it('reconcilers mend sums and free servers that nothing runs for', async () => {
      const world = await makeWorld({ engine });
      try {
        const [server] = await world.create();
        assert.ok(server);
        await world.database.write('hosts').update({ claimed_vcpus: 99, running_vms: 7 });
        await world.database.write('servers').where({ id: server.id }).update({ task_state: 'rebooting' });
        assert.equal((await world.leftovers()).length, 3);
        await world.worker().reconcile();
        assert.deepEqual(await world.leftovers(), []);
        const freed = await world.server(server.uuid);
        assert.deepEqual([freed.vmState, freed.taskState], ['active', null]);
      } finally {
        await world.close();
      }
    });
  });
}
