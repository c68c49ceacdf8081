// The whole product as it is run, on a real hypervisor: `xloud serve` as a process, a libvirtd of its own, real guests, one at a
// time. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConsoleLog } from '../support/guest.ts';
import type { Libvirtd } from '../support/libvirtd.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';
import { type Death, eventually, type Service } from '../support/serve.ts';

const BOOT_MS = 180_000;
/** How long a start may settle: more than a boot takes anywhere; and for a guest that will never settle. */
const [SETTLE_S, NEVER_SETTLES_S] = [180, 10];
/** From an event of libvirt's to what the API says, where a boot takes no longer. */
const EVENT_MS = 2_000;
/** Between two looks: each is a request to a service that shares the processors with its guest. */
const LOOK_MS = 250;

interface Part {
  readonly current: number;
  readonly target: number;
  readonly claimed: number;
}
interface Adjustment {
  readonly status: string;
  readonly message: string | null;
  readonly vcpus: Part & { readonly guest_online: number | null };
  readonly memory_mb: Part;
}
interface ActionEvent {
  readonly event: string;
  readonly result: string | null;
  readonly details: string | null;
}
interface Action {
  readonly action: string;
  readonly message: string | null;
  readonly request_id: string;
  /** Without a zone, which means UTC. */
  readonly start_time: string;
  readonly events: readonly ActionEvent[];
}

describe('xloud serve on libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  let libvirtd: Libvirtd;
  let service: Service;

  before(async () => {
    world = await startGuestService({
      flavor: { vcpus: 4, ram: 1024 },
      env: { XLOUD_COMPUTE__START_SETTLE_SECONDS: String(SETTLE_S) },
    });
    ({ libvirtd, service } = world);
  });
  after(() => world?.close());

  const ask = (method: string, path: string, body?: unknown) => service.request('xloud', method, path, body);
  const compute = (method: string, path: string, body?: unknown) => ask(method, `/compute/v2.1${path}`, body);
  const virsh: GuestService['virsh'] = (...words) => world.virsh(...words);

  const order = async (metadata: Record<string, string> = {}): Promise<string> => {
    const server = {
      name: 'one',
      imageRef: world.imageRef,
      flavorRef: world.flavorRef,
      networks: 'auto',
      metadata,
    };
    const { status, body } = await compute('POST', '/servers', { server });
    assert.equal(status, 202, JSON.stringify(body));
    return body.server.id as string;
  };

  const statusOf = async (id: string): Promise<string> => {
    const { status, body } = await compute('GET', `/servers/${id}`);
    return status === 404 ? 'gone' : (body.server.status as string);
  };
  const reaches = (id: string, status: string): Promise<true> =>
    eventually(
      `${id} ${status}`,
      BOOT_MS,
      async () => {
        const now = await statusOf(id);
        assert.ok(now !== 'ERROR' || status === 'ERROR', `${id} is in ERROR: ${service.log().slice(-2_000)}`);
        return now === status ? true : null;
      },
      LOOK_MS,
    );

  const adjustment = async (id: string): Promise<Adjustment> =>
    (await compute('GET', `/os-xloud-adjust/${id}`)).body as Adjustment;
  const settled = (id: string): Promise<Adjustment> =>
    eventually(
      'the sizes',
      BOOT_MS,
      async () => {
        const now = await adjustment(id);
        return now.status === 'adjusting' ? null : now;
      },
      LOOK_MS,
    );
  const adjust = async (id: string, vcpus: number, memoryMb: number): Promise<void> => {
    const body = { current_vcpus: vcpus, current_memory_mb: memoryMb };
    const answer = await compute('POST', `/os-xloud-adjust/${id}`, body);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
  };
  const sizesOf = ({ status, vcpus, memory_mb: memory }: Adjustment) => [status, vcpus.current, memory.current];

  const consoleOf = (id: string): ConsoleLog =>
    new ConsoleLog(async () => {
      const { body } = await compute('POST', `/servers/${id}/action`, { 'os-getConsoleOutput': {} });
      return (body.output as string | undefined) ?? '';
    });
  /** What the guest itself says in a line newer than now. */
  const inside = async (id: string, cpus: number): Promise<void> => {
    const console = consoleOf(id);
    const seq = (await console.last())?.seq ?? -1;
    await console.until((status) => status.seq > seq && status.cpus === cpus, BOOT_MS);
  };

  const actionsOf = async (id: string): Promise<Action[]> => {
    const { body } = await compute('GET', `/servers/${id}/os-instance-actions`);
    const named = body.instanceActions as Action[];
    return await Promise.all(
      named.map(async (one) => {
        const path = `/servers/${id}/os-instance-actions/${one.request_id}`;
        return (await compute('GET', path)).body.instanceAction as Action;
      }),
    );
  };

  /** In the version that still shows sums. */
  const hypervisor = async (): Promise<{ running_vms: number; vcpus_used: number }> => {
    const headers = { 'OpenStack-API-Version': 'compute 2.87' };
    const { body } = await service.request('xloud', 'GET', '/compute/v2.1/os-hypervisors/detail', undefined, headers);
    return (body.hypervisors as [{ running_vms: number; vcpus_used: number }])[0];
  };

  /** Everything of a server that is anywhere: the hypervisor, the disk, the network service, the claims. */
  const leftovers = async (id: string): Promise<string[]> => {
    const found: string[] = [];
    if ((await virsh('list', '--all', '--uuid')).includes(id)) found.push('domain');
    const networks = await virsh('net-list', '--all', '--name');
    if (networks !== '') found.push(`network ${networks}`);
    const instances = join(service.dataDir, 'instances');
    if (existsSync(join(instances, id))) found.push(`files ${readdirSync(join(instances, id)).join(' ')}`);
    const { body } = await ask('GET', `/network/v2.0/ports?device_id=${id}`);
    if (body.ports.length > 0) found.push(`${body.ports.length} ports`);
    const usage = await compute('GET', '/limits');
    if (usage.body.limits.absolute.totalInstancesUsed !== 0) found.push('quota');
    const { running_vms: guests, vcpus_used: vcpus } = await hypervisor();
    if (guests !== 0 || vcpus !== 0) found.push(`claim of ${vcpus} vCPUs by ${guests} guests`);
    return found;
  };
  const remove = async (id: string): Promise<void> => {
    assert.equal((await compute('DELETE', `/servers/${id}`)).status, 204);
    await reaches(id, 'gone');
    assert.deepEqual(await leftovers(id), []);
  };

  describe('one guest through its life', () => {
    let id: string;
    /** What this machine takes to boot a guest. */
    let bootMs: number;

    it('is ACTIVE at once, and settles when its balloon is down', async () => {
      id = await order();
      await reaches(id, 'ACTIVE');
      const from = Date.now();
      const born = await adjustment(id);
      assert.deepEqual(sizesOf(born), ['adjusting', 1, 1024]);
      assert.deepEqual([born.memory_mb.target, born.memory_mb.claimed], [256, 256]);
      assert.match(born.message ?? '', /balloon driver/);
      const end = await settled(id);
      assert.deepEqual(sizesOf(end), ['idle', 1, 256]);
      assert.deepEqual([end.memory_mb.claimed, end.message], [256, null]);
      await inside(id, 1);
      bootMs = Date.now() - from;
    });

    it('was told who it is by a config drive that nobody asked for', async () => {
      const { body } = await compute('GET', `/servers/${id}`);
      assert.equal(body.server.config_drive, 'True');
      const output = await compute('POST', `/servers/${id}/action`, { 'os-getConsoleOutput': {} });
      assert.match(output.body.output, new RegExp(`config drive=/dev/\\w+ uuid=${id} hostname=one `));
    });

    it('grows, and the guest itself says so', async () => {
      await adjust(id, 3, 768);
      const grown = await settled(id);
      assert.deepEqual(sizesOf(grown), ['idle', 3, 768]);
      assert.deepEqual([grown.vcpus.claimed, grown.memory_mb.claimed, grown.vcpus.guest_online], [3, 768, 3]);
      await inside(id, 3);
      const [latest] = await actionsOf(id);
      assert.deepEqual([latest?.action, latest?.message], ['adjust', null]);
      assert.deepEqual(
        latest?.events.map(({ event, result }) => [event, result]),
        [['adjust_guest', 'Success']],
      );
    });

    it('goes on when libvirtd is killed and comes back', async () => {
      await libvirtd.signal('SIGKILL');
      await adjust(id, 2, 512);
      const after = await settled(id);
      assert.deepEqual(sizesOf(after), ['idle', 2, 512]);
      assert.equal(await statusOf(id), 'ACTIVE');
      await inside(id, 2);
    });

    it('is SHUTOFF within two seconds of powering itself off, or sooner than it boots', async () => {
      const shutdown = JSON.stringify({ execute: 'guest-shutdown', arguments: { mode: 'powerdown' } });
      // the agent is gone before it can answer
      void virsh('qemu-agent-command', id, shutdown).catch(() => undefined);
      const off = await eventually('libvirt to say so', BOOT_MS, async () =>
        (await virsh('domstate', id)) === 'shut off' ? Date.now() : null,
      );
      await reaches(id, 'SHUTOFF');
      const [latest] = await actionsOf(id);
      // when the service knew it, not when this test heard
      const lateMs = Date.parse(`${latest?.start_time}Z`) - off;
      assert.ok(lateMs <= Math.max(EVENT_MS, bootMs), `${lateMs} ms`);
      assert.deepEqual([latest?.action, latest?.message], ['stop', null]);
    });

    it('starts again at the size that it was given, and its crash is recorded', async () => {
      assert.equal((await compute('POST', `/servers/${id}/action`, { 'os-start': null })).status, 202);
      await reaches(id, 'ACTIVE');
      assert.deepEqual((await adjustment(id)).memory_mb.target, 512);
      assert.deepEqual(sizesOf(await settled(id)), ['idle', 2, 512]);
      await libvirtd.exec('sh', '-c', 'kill -9 "$(cat "/run/libvirt/qemu/xloud-$0.pid")"', id);
      const killed = Date.now();
      await reaches(id, 'SHUTOFF');
      const { body } = await compute('GET', `/servers/${id}`);
      assert.equal(body.server['OS-EXT-STS:power_state'], 6);
      const [latest] = await actionsOf(id);
      assert.deepEqual([latest?.action, latest?.message], ['stop', 'Error']);
      const lateMs = Date.parse(`${latest?.start_time}Z`) - killed;
      assert.ok(lateMs <= Math.max(EVENT_MS + 1_000, bootMs), `${lateMs} ms`);
      const [event] = latest?.events ?? [];
      assert.equal(event?.result, 'Error');
      // the event says why; a host's regular report that comes before it sees only that
      assert.match(
        event?.details ?? '',
        /^The guest crashed: (its QEMU process failed|the guest changed its state by itself)/,
      );
      await remove(id);
    });
  });

  it('tells the truth of a guest without a balloon driver', async () => {
    await service.kill('SIGTERM');
    await service.start(undefined, { XLOUD_COMPUTE__START_SETTLE_SECONDS: String(NEVER_SETTLES_S) });
    const id = await order({ xloud_guest: 'noballoon' });
    await reaches(id, 'ACTIVE');
    const { body } = await compute('GET', `/servers/${id}`);
    const started = Date.parse(`${body.server['OS-SRV-USG:launched_at']}Z`);
    const end = await settled(id);
    assert.ok(Date.now() - started > (NEVER_SETTLES_S - 1) * 1000, 'not before its time');
    assert.deepEqual(sizesOf(end), ['partial', 1, 1024]);
    assert.deepEqual([end.memory_mb.target, end.memory_mb.claimed], [256, 1024]);
    assert.equal(end.message, 'memory: 1024 MiB of 256 MiB reached: the guest seems to have no balloon driver');
    await remove(id);
  });

  describe('kill -9 of the service', () => {
    /**
     * The service dies where it is told to, while `what` is under way, and a new one takes over. The workers begin at the commit,
     * so the answer to `what` may come too late to be heard: whoever asked must look what became of it.
     */
    const dying = async (death: Death, what: () => Promise<unknown>): Promise<void> => {
      await service.kill('SIGTERM');
      await service.start(death);
      await what().catch((error: unknown) => {
        if (!(error instanceof TypeError)) throw error;
      });
      assert.equal(await service.ended(BOOT_MS), 'SIGKILL', 'it passed that point');
      await service.start();
    };

    // between the steps, where no host is asked, every point is tried with the fake driver (test/functional/crash.test.ts)
    for (const [name, creating, adjusting, deleting] of [
      [
        'while the host works',
        { point: 'create.build.asked', delayMs: 400 },
        { point: 'adjust.guest.asked', delayMs: 150 },
        { point: 'delete.guest.asked', delayMs: 50 },
      ],
      [
        'when the host has done it',
        { point: 'create.build.after' },
        { point: 'adjust.guest.after' },
        { point: 'delete.guest.after' },
      ],
    ] as const) {
      it(`${name} of create, adjust and delete ends as asked`, async () => {
        await dying(creating, () => order());
        const { servers } = (await compute('GET', '/servers')).body as { servers: { id: string }[] };
        assert.equal(servers.length, 1);
        const id = servers[0]?.id ?? '';
        await reaches(id, 'ACTIVE');
        assert.equal(await virsh('list', '--name'), `xloud-${id}`);
        await settled(id);
        await dying(adjusting, () => adjust(id, 3, 768));
        const end = await settled(id);
        assert.deepEqual(sizesOf(end), ['idle', 3, 768]);
        assert.deepEqual([end.vcpus.claimed, end.memory_mb.claimed], [3, 768]);
        await inside(id, 3);
        await dying(deleting, () => compute('DELETE', `/servers/${id}`));
        await reaches(id, 'gone');
        assert.deepEqual(await leftovers(id), []);
      });
    }
  });
});
