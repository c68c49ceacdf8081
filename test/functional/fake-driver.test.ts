// Why: the fake hypervisor keeps the contract that libvirt's driver keeps, and does on demand what real guests do wrong.

import { connect } from 'node:net';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/errors.ts';
import type { AdjustOutcome, GuestEvent } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Size } from '../../src/domain/adjustment/size.ts';
import { directoryStore, memoryStore } from '../../src/virt/fake/store.ts';
import { type FakeDriver, makeFakeDriver } from '../../src/virt/fake.ts';
import { greetingOf } from '../support/consoles.ts';
import { driverContract } from '../support/driver-contract.ts';
import { memorySink } from '../support/memory-sink.ts';
import { imageFacts, networkFacts, nicSpec, subnetFacts } from '../support/guest-spec.ts';
import { aSpec } from '../support/samples.ts';

function contractOf(name: string, words: string, vcpuShrink: 'hotplug' | 'guest-offline'): void {
  const traits = {
    vcpuShrink,
    agent: !words.includes('mute'),
    consoleMark: /login:/,
    atOnce: 20,
    memoryToleranceMb: 0,
    verbMs: 1_000,
    confirmMs: 1_000,
    shutdownMs: 100,
    eventMs: 1_000,
  };
  driverContract(name, traits, async () => {
    const stored = new Map<string, Buffer>();
    const driver = makeFakeDriver({ clock: systemClock, sink: memorySink(stored) });
    const metadata = { xloud_fake: words };
    const subnet = subnetFacts();
    const network = networkFacts([subnet]);
    return {
      driver,
      spec: () => aSpec({ metadata }),
      doomed: () => aSpec({ metadata: { xloud_fake: 'fail:spawn' } }),
      ready: async () => undefined,
      powerOffFromInside: async (uuid) => driver.powerOffFromInside(uuid),
      crash: async (uuid) => driver.crashFromInside(uuid),
      leftovers: async (uuid) => (driver.store.get(uuid) === undefined ? [] : [uuid]),
      greetingOf: ({ host, port }) => greetingOf(connect({ host, port })),
      // its image says whose it is
      mark: async (uuid) => uuid,
      stored: (imageId) => stored.get(imageId),
      onlineInside: async (uuid) => driver.store.get(uuid)?.size.vcpus ?? null,
      passwordInside: async (uuid, user) => {
        const password = driver.store.get(uuid)?.passwords?.[user];
        return password === undefined ? null : createHash('sha256').update(password).digest('hex');
      },
      spoilClock: async (uuid, byMs) => {
        const guest = driver.store.get(uuid);
        if (guest !== undefined) driver.store.put({ ...guest, clockOffMs: byMs });
      },
      clockOffMs: async (uuid) => driver.store.get(uuid)?.clockOffMs ?? 0,
      nic: () => nicSpec(network, [[subnet, '10.0.0.9']]),
      interfaces: async (uuid) =>
        new Map(driver.store.get(uuid)?.spec.nics.map((nic) => [nic.mac, nic.fixedIps.map((ip) => ip.address)]) ?? []),
      close: () => driver.close(),
    };
  });
}

describe('the images of a fake host', () => {
  it('are read once, whoever asks', async () => {
    const reads: string[] = [];
    const read = async (id: string) => {
      reads.push(id);
      return (async function* () {
        yield Buffer.from('bytes');
      })();
    };
    const driver = makeFakeDriver({ clock: systemClock, images: { read } });
    const image = imageFacts();
    assert.equal(await driver.cacheImage?.({ image }), true);
    assert.equal(await driver.cacheImage?.({ image }), false);
    await driver.spawn({ spec: aSpec({ disks: { image, rootGb: 1, ephemeralGb: 0, swapMb: 0 } }) });
    assert.deepEqual(reads, [image.id]);
    await driver.close();
  });
});

contractOf('fake', '', 'hotplug');
contractOf('fake, vCPUs go offline in the guest only', 'offline', 'guest-offline');
contractOf('fake, nobody inside answers', 'mute, deaf', 'hotplug');

const adjustTo = (driver: FakeDriver, uuid: string, target: Size, persist = true): Promise<AdjustOutcome> =>
  driver.adjust({ uuid, request: { actionId: 'a', target, persist, timeoutMs: 1_000 } });

async function spawned(words: string): Promise<{ driver: FakeDriver; uuid: string }> {
  const driver = makeFakeDriver({ clock: systemClock });
  const spec = aSpec({ metadata: { xloud_fake: words }, boot: { vcpus: 2, memoryMb: 512 } });
  await driver.spawn({ spec });
  return { driver, uuid: spec.uuid };
}

describe('fake guests on demand', () => {
  it('keeps a password that was set, and says on its console that it was interrupted', async () => {
    const { driver, uuid } = await spawned('');
    await driver.setAdminPassword?.({ uuid, user: 'root', password: 'secret' });
    assert.deepEqual(driver.store.get(uuid)?.passwords, { root: 'secret' });
    await driver.injectNmi?.({ uuid });
    assert.match(driver.store.get(uuid)?.console ?? '', /NMI/);
  });

  it('refuses both parts', async () => {
    const { driver, uuid } = await spawned('refuse');
    const { vcpus, memoryMb } = await adjustTo(driver, uuid, { vcpus: 4, memoryMb: 1024 });
    assert.deepEqual([vcpus.reached, memoryMb.reached], [2, 512]);
    assert.match(memoryMb.problem ?? '', /refused/);
    assert.match(vcpus.problem ?? '', /not tried/);
  });

  it('puts the first part back when the second refuses', async () => {
    const { driver, uuid } = await spawned('refuse:vcpus');
    const { vcpus, memoryMb, view } = await adjustTo(driver, uuid, { vcpus: 4, memoryMb: 1024 });
    assert.deepEqual([vcpus.reached, memoryMb.reached], [2, 512]);
    assert.match(vcpus.problem ?? '', /refused/);
    assert.match(memoryMb.problem ?? '', /put back/);
    assert.deepEqual(view.size, { vcpus: 2, memoryMb: 512 });
  });

  it('moves one part alone though the other would refuse', async () => {
    const { driver, uuid } = await spawned('refuse:vcpus');
    const { vcpus, memoryMb } = await adjustTo(driver, uuid, { vcpus: 2, memoryMb: 1024 });
    assert.deepEqual([vcpus.problem, memoryMb.problem], [null, null]);
    assert.equal(memoryMb.reached, 1024);
  });

  it('goes a part of the way, up and down', async () => {
    const { driver, uuid } = await spawned('partial:50');
    const up = await adjustTo(driver, uuid, { vcpus: 4, memoryMb: 1024 });
    assert.deepEqual([up.vcpus.reached, up.memoryMb.reached], [3, 768]);
    const down = await adjustTo(driver, uuid, { vcpus: 1, memoryMb: 256 });
    assert.deepEqual([down.vcpus.reached, down.memoryMb.reached], [2, 512]);
    for (const part of [up.vcpus, up.memoryMb, down.vcpus, down.memoryMb]) assert.match(part.problem ?? '', /part/);
  });

  it('takes back vCPUs that were only offline without plugging more', async () => {
    const { driver, uuid } = await spawned('offline');
    const down = await adjustTo(driver, uuid, { vcpus: 1, memoryMb: 512 });
    assert.deepEqual([down.vcpus.reached, down.vcpus.held, down.view.size.vcpus], [1, 2, 2]);
    assert.equal(down.view.onlineVcpus, 1);
    const up = await adjustTo(driver, uuid, { vcpus: 2, memoryMb: 512 });
    assert.deepEqual([up.vcpus.reached, up.vcpus.held], [2, 2]);
  });

  it('changes its behaviour while it runs', async () => {
    const { driver, uuid } = await spawned('refuse');
    driver.behave(uuid, '');
    assert.equal((await adjustTo(driver, uuid, { vcpus: 3, memoryMb: 512 })).vcpus.reached, 3);
    driver.behave(uuid, 'fail:adjust');
    await assert.rejects(adjustTo(driver, uuid, { vcpus: 4, memoryMb: 512 }), /as it was told/);
  });

  it('crashes right after its start', async () => {
    const driver = makeFakeDriver({ clock: systemClock });
    const events: GuestEvent[] = [];
    driver.onEvent((event) => events.push(event));
    const view = await driver.spawn({ spec: aSpec({ metadata: { xloud_fake: 'crash' } }) });
    assert.equal(view.powerState, power.crashed);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['started', 'crashed'],
    );
  });

  it('takes no word that it does not know', async () => {
    for (const words of ['explode', 'partial:101', 'partial:x', 'slow:', 'fail:everything']) {
      const spec = aSpec({ metadata: { xloud_fake: words } });
      const driver = makeFakeDriver({ clock: systemClock });
      await assert.rejects(
        driver.spawn({ spec }),
        (error) => error instanceof Fault && error.kind === 'badRequest',
        words,
      );
      assert.equal(await driver.inspect({ uuid: spec.uuid }), null);
    }
  });

  it('shows its size on the console', async () => {
    const { driver, uuid } = await spawned('');
    await adjustTo(driver, uuid, { vcpus: 3, memoryMb: 768 });
    const text = await driver.console({ uuid, maxBytes: 10_000 });
    assert.match(text, /online_vcpus=2 memory_mb=512[^]*online_vcpus=3 memory_mb=768/);
  });
});

describe('fake hypervisor', () => {
  it('is found again by the next driver, in memory', async () => {
    const store = memoryStore();
    const spec = aSpec();
    await makeFakeDriver({ clock: systemClock, store }).spawn({ spec });
    const next = makeFakeDriver({ clock: systemClock, store });
    assert.equal((await next.inspect({ uuid: spec.uuid }))?.powerState, power.running);
    await next.spawn({ spec });
    assert.equal(store.get(spec.uuid)?.starts, 1);
  });

  it('is found again by the next process, in a directory', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'xloud-fake-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const first = makeFakeDriver({ clock: systemClock, store: directoryStore(directory) });
    const [kept, gone] = [aSpec({ name: 'kept ☃' }), aSpec()];
    await first.spawn({ spec: kept });
    await first.spawn({ spec: gone });
    await adjustTo(first, kept.uuid, { vcpus: 3, memoryMb: 768 });
    await first.destroy({ uuid: gone.uuid });
    // what a process that was killed while writing leaves
    writeFileSync(join(directory, `${gone.uuid}.json.new`), '{"spec":');
    const second = makeFakeDriver({ clock: systemClock, store: directoryStore(directory) });
    const [guest, ...others] = await second.list({});
    assert.deepEqual(others, []);
    assert.deepEqual([guest?.uuid, guest?.size], [kept.uuid, { vcpus: 3, memoryMb: 768 }]);
    assert.deepEqual(readdirSync(directory), [`${kept.uuid}.json`]);
    await second.destroy({ uuid: kept.uuid });
    assert.deepEqual(readdirSync(directory), []);
  });

  it('reads an image once, and leaves nothing when it cannot be had', async () => {
    const asked: string[] = [];
    const images = {
      async read(id: string): Promise<AsyncIterable<Uint8Array>> {
        asked.push(id);
        if (id === 'missing') throw new Fault('notFound', 'Image missing could not be found.');
        return (async function* () {
          yield new Uint8Array(3);
        })();
      },
    };
    const driver = makeFakeDriver({ clock: systemClock, images });
    const image = {
      id: 'cirros',
      name: null,
      status: 'active',
      owner: null,
      visibility: 'public',
      diskFormat: 'raw',
      containerFormat: 'bare',
      minDiskGb: 0,
      minRamMb: 0,
      sizeBytes: 3,
      virtualSizeBytes: null,
      checksum: null,
      osHashAlgo: null,
      osHashValue: null,
      properties: {},
    };
    const disks = { image, rootGb: 1, ephemeralGb: 0, swapMb: 0 };
    await driver.spawn({ spec: aSpec({ disks }) });
    await driver.spawn({ spec: aSpec({ disks }) });
    assert.deepEqual(asked, ['cirros']);
    const doomed = aSpec({ disks: { ...disks, image: { ...image, id: 'missing' } } });
    await assert.rejects(driver.spawn({ spec: doomed }), /could not be found/);
    assert.equal(await driver.inspect({ uuid: doomed.uuid }), null);
  });

  it('counts what its guests use', async () => {
    const driver = makeFakeDriver({ clock: systemClock, inventory: { memoryMb: 4096, diskGb: 10 }, hostname: 'h1' });
    await driver.spawn({ spec: aSpec({ boot: { vcpus: 1, memoryMb: 1024 } }) });
    const inventory = await driver.inventory();
    assert.equal(inventory.hypervisorHostname, 'h1');
    assert.deepEqual([inventory.facts.freeMemoryMb, inventory.facts.freeDiskGb], [3072, 9]);
  });

  it('takes the time that it is told to', async () => {
    const slept: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const driver = makeFakeDriver({ clock, timing: { spawn: 700 } });
    await driver.spawn({ spec: aSpec({ metadata: { xloud_fake: 'slow:30' } }) });
    assert.deepEqual(slept, [730]);
  });
});
