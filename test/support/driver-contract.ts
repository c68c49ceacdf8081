// Why: what a driver is, said as tests. Every driver passes this one suite; what only its environment can do (break a spawn, pull
// the plug inside a guest) it brings along.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault, type FaultKind } from '../../src/base/errors.ts';
import type {
  AdjustOutcome,
  DiskCopy,
  GuestEvent,
  GuestSpec,
  GuestView,
  PartOutcome,
} from '../../src/domain/servers/guests.ts';
import type { ImageFacts } from '../../src/domain/machines/images.ts';
import { optionalVerbs } from '../../src/domain/placement/hosts.ts';
import { type AgentMethod, methodNames, methodTraits } from '../../src/domain/servers/agent-methods.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { plainInterface } from '../../src/domain/networks/interface-plan.ts';
import type { NicSpec } from '../../src/domain/networks/server-nics.ts';
import type { ConsoleEndpoint } from '../../src/domain/servers/console-endpoint.ts';
import type { Size } from '../../src/domain/adjustment/size.ts';
import type { Driver } from '../../src/virt/driver.ts';
import { imageFacts } from './guest-spec.ts';
import { CANNOT } from './not-run.ts';

const HOUR_MS = 3_600_000;

/** One hypervisor with its driver, for the length of one run of the suite. */
export interface DriverWorld {
  readonly driver: Driver;
  /** A guest that this hypervisor can really run, of a new uuid, 1 to 4 vCPUs and 256 to 1024 MiB, booting at 1 and 256. */
  spec(): GuestSpec;
  /** A spec whose spawn fails after some of the work is done. */
  doomed(): GuestSpec;
  /** Resolves when the guest is up and can confirm what is done to it. */
  ready(uuid: string): Promise<void>;
  powerOffFromInside(uuid: string): Promise<void>;
  /** Kills the guest as a fault of the hypervisor or the kernel would. */
  crash(uuid: string): Promise<void>;
  /** The names of whatever is left of a guest: domains, disks, files. Empty after destroy. */
  leftovers(uuid: string): Promise<readonly string[]>;
  /** vCPUs online as the guest itself says, by a way of the test's own; null where there is none. */
  onlineInside(uuid: string): Promise<number | null>;
  /** The first twelve bytes that a console says to whoever connects to it. */
  greetingOf(console: ConsoleEndpoint): Promise<string>;
  /** Has the guest write to its root disk, and returns words that an image of it then contains. */
  mark(uuid: string): Promise<string>;
  /** The bytes of an image that the driver brought; undefined: none came. */
  stored(imageId: string): Buffer | undefined;
  /** SHA-256 of the password that a user of the guest was given last, in hex. */
  passwordInside(uuid: string, user: string): Promise<string | null>;
  /** Sets the clock inside a guest wrong, by so many milliseconds. */
  spoilClock(uuid: string, byMs: number): Promise<void>;
  /** How far the clock inside is from the host's, in milliseconds. */
  clockOffMs(uuid: string): Promise<number>;
  /** A port that can be plugged into a guest here, on a network of its own. */
  nic(): NicSpec;
  /** What is plugged into a guest: the addresses that it may use, by MAC address. */
  interfaces(uuid: string): Promise<ReadonlyMap<string, readonly string[]>>;
  close(): Promise<void>;
}

export interface DriverTraits {
  /** What comes of taking vCPUs away: unplugged, only offline in the guest (held), or refused. */
  readonly vcpuShrink: 'hotplug' | 'guest-offline' | 'refused';
  /** Whether an agent in the guest does what it is told. */
  readonly agent: boolean;
  /** What the console of a guest that is ready contains. */
  readonly consoleMark: RegExp;
  /** How many guests the concurrency test starts at once. */
  readonly atOnce: number;
  /** MiB by which a balloon that counts as arrived may miss its target. */
  readonly memoryToleranceMb: number;
  /** Milliseconds: one verb; the guest's answer to an adjustment; its answer to the power button; an event. */
  readonly verbMs: number;
  readonly confirmMs: number;
  readonly shutdownMs: number;
  readonly eventMs: number;
}

/** Between two looks, in milliseconds: at first and at most. A guest that boots is not to be slowed down by who waits for it. */
const [FIRST_LOOK_MS, LOOK_MS] = [20, 250];

/** Resolves when `probe` gives something, or fails after `ms`. */
async function eventually<T>(what: string, ms: number, probe: () => Promise<T | null> | T | null): Promise<T> {
  const end = Date.now() + ms;
  for (let everyMs = FIRST_LOOK_MS; ; everyMs = Math.min(1.5 * everyMs, LOOK_MS)) {
    const found = await probe();
    if (found !== null) return found;
    assert.ok(Date.now() < end, `${what} within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function refuses(work: Promise<unknown>, kind: FaultKind): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof Fault, `a Fault, not ${String(error)}`);
    assert.equal(error.kind, kind, error.message);
    return true;
  });
}

const order = (path: string) => ({ path, quiesce: false, mark: null, changes: null });

/** What the image service would say of an image that came from here. */
const cameFromHere = (id: string, { format }: DiskCopy, bytes: Buffer, of: ImageFacts | null): ImageFacts => {
  const osHashValue = createHash('sha512').update(bytes).digest('hex');
  const { properties = {} } = of ?? {};
  return imageFacts({ id, diskFormat: format, sizeBytes: bytes.length, osHashAlgo: 'sha512', osHashValue, properties });
};

/** What must be true of every answer to an adjustment, whatever came of it. */
function checkOutcome(outcome: AdjustOutcome, target: Size): void {
  assert.equal(outcome.vcpus.target, target.vcpus);
  assert.equal(outcome.memoryMb.target, target.memoryMb);
  for (const part of [outcome.vcpus, outcome.memoryMb]) {
    assert.ok(part.held >= part.reached, `held ${part.held} covers reached ${part.reached}`);
    if (part.problem === null) continue;
    assert.notEqual(part.reached, part.target, 'a problem is told only where the target was missed');
    assert.ok(part.problem.length > 0);
  }
  assert.ok(outcome.view.size.vcpus <= outcome.vcpus.held, 'what is plugged is held');
}

export function driverContract(name: string, traits: DriverTraits, make: () => Promise<DriverWorld>): void {
  const { verbMs, confirmMs, shutdownMs, eventMs, memoryToleranceMb } = traits;
  const timeout = 4 * verbMs + 2 * confirmMs + 2 * shutdownMs + eventMs;

  describe(`driver contract: ${name}`, { concurrency: 1 }, () => {
    let world: DriverWorld;
    let driver: Driver;
    /** The guest that most tests share, in order. */
    let spec: GuestSpec;
    /** What the guest wrote to its disk last. */
    let marked = '';
    const events: GuestEvent[] = [];
    let unsubscribe: () => void = () => undefined;

    const heard = (kind: GuestEvent['kind'], uuid: string, from: number): Promise<GuestEvent> =>
      eventually(`event '${kind}'`, eventMs, () => {
        return events.slice(from).find((event) => event.kind === kind && event.uuid === uuid) ?? null;
      });

    const adjust = (target: Size, persist = true): Promise<AdjustOutcome> =>
      driver.adjust({ uuid: spec.uuid, request: { actionId: randomUUID(), target, persist, timeoutMs: confirmMs } });

    const near = (mb: number, targetMb: number, what: string): void => {
      assert.ok(Math.abs(mb - targetMb) <= memoryToleranceMb, `${what}: ${mb} MiB is near ${targetMb} MiB`);
    };

    const arrived = (part: PartOutcome): void => {
      assert.equal(part.problem, null);
      assert.notEqual(part.confirmedBy, 'none');
    };

    const inspect = async (): Promise<GuestView> => {
      const view = await driver.inspect({ uuid: spec.uuid });
      assert.ok(view !== null, 'the guest is there');
      return view;
    };

    /** The balloon of a fresh guest takes its time to come down to the size that it boots with. */
    const settledAt = (size: Size): Promise<GuestView> =>
      eventually(`${size.vcpus} vCPUs and ${size.memoryMb} MiB`, confirmMs, async () => {
        const view = await inspect();
        const there =
          view.size.vcpus === size.vcpus && Math.abs(view.size.memoryMb - size.memoryMb) <= memoryToleranceMb;
        return there ? view : null;
      });

    before(async () => {
      world = await make();
      driver = world.driver;
      spec = world.spec();
      unsubscribe = driver.onEvent((event) => events.push(event));
    });

    after(async () => {
      unsubscribe();
      await driver.destroy({ uuid: spec.uuid }).catch(() => undefined);
      await world.close();
    });

    it('says what the host has', { timeout }, async () => {
      const [first, second] = [await driver.inventory(), await driver.inventory()];
      assert.equal(first.hypervisorHostname, second.hypervisorHostname);
      assert.ok(first.hypervisorHostname.length > 0);
      for (const amount of [first.vcpus, first.memoryMb, first.diskGb]) {
        assert.ok(Number.isSafeInteger(amount) && amount > 0, String(amount));
      }
      const { capabilities, numaCells } = first.facts;
      assert.ok(capabilities.guests.length > 0);
      assert.ok(capabilities.diskFormats.length > 0);
      assert.ok(capabilities.maxVcpus >= spec.maximum.vcpus);
      assert.ok(numaCells.length > 0);
      assert.doesNotThrow(() => structuredClone(first), 'plain data');
    });

    it('lacks only what a driver may lack, and tells of the rest', { timeout }, async () => {
      const lacks = (name: AgentMethod): boolean => driver[name] === undefined;
      for (const name of methodNames.filter(lacks)) assert.ok(methodTraits[name].optional, name);
      for (const name of methodNames) {
        const { optional } = methodTraits[name];
        const whole = methodNames.find((other) => other === optional);
        if (whole !== undefined) assert.equal(lacks(name), lacks(whole), `${name} comes with ${whole}`);
      }
      const { capabilities } = (await driver.inventory()).facts;
      assert.deepEqual(
        capabilities.verbs,
        optionalVerbs.filter((name) => !lacks(name)),
      );
    });

    it('knows nothing of a guest that is not there', { timeout }, async () => {
      const unknown = world.spec();
      assert.equal(await driver.inspect({ uuid: unknown.uuid }), null);
      await driver.destroy({ uuid: unknown.uuid });
      await refuses(driver.powerOff({ uuid: unknown.uuid, timeoutMs: 0 }), 'notFound');
      await refuses(driver.powerOn({ spec: unknown }), 'notFound');
      await refuses(driver.reboot({ spec: unknown, type: 'HARD', timeoutMs: 0 }), 'notFound');
      await refuses(driver.console({ uuid: unknown.uuid, maxBytes: 1024 }), 'notFound');
      const target = { vcpus: 2, memoryMb: 512 };
      const request = { actionId: randomUUID(), target, persist: true, timeoutMs: confirmMs };
      await refuses(driver.adjust({ uuid: unknown.uuid, request }), 'notFound');
      assert.deepEqual(await world.leftovers(unknown.uuid), []);
    });

    it('spawns a guest at its boot size, and tells', { timeout }, async () => {
      const from = events.length;
      const view = await driver.spawn({ spec });
      assert.equal(view.uuid, spec.uuid);
      assert.equal(view.powerState, power.running);
      assert.deepEqual(view.maximum, spec.maximum);
      await heard('started', spec.uuid, from);
      await world.ready(spec.uuid);
      await settledAt(spec.boot);
    });

    it('spawns the same guest twice as one', { timeout }, async () => {
      const view = await driver.spawn({ spec });
      assert.equal(view.powerState, power.running);
      const found = (await driver.list({})).filter((guest) => guest.uuid === spec.uuid);
      assert.equal(found.length, 1);
      assert.equal(found[0]?.powerState, power.running);
    });

    it('reads the end of the console', { timeout }, async () => {
      await eventually('the console', confirmMs, async () =>
        traits.consoleMark.test(await driver.console({ uuid: spec.uuid, maxBytes: 100_000 })) ? true : null,
      );
      const tail = await driver.console({ uuid: spec.uuid, maxBytes: 20 });
      assert.ok(tail.length > 0 && Buffer.byteLength(tail) <= 20, JSON.stringify(tail));
    });

    it('refuses what is above the ceiling and changes nothing', { timeout }, async () => {
      await refuses(adjust({ vcpus: spec.maximum.vcpus + 1, memoryMb: 256 }), 'badRequest');
      await refuses(adjust({ vcpus: 1, memoryMb: spec.maximum.memoryMb + 1 }), 'badRequest');
      await settledAt(spec.boot);
    });

    it('grows both, and the guest has it', { timeout }, async () => {
      const target = { vcpus: 3, memoryMb: 768 };
      const outcome = await adjust(target);
      checkOutcome(outcome, target);
      arrived(outcome.vcpus);
      arrived(outcome.memoryMb);
      assert.equal(outcome.vcpus.reached, 3);
      near(outcome.memoryMb.reached, 768, 'reached');
      const view = await settledAt(target);
      if (view.onlineVcpus !== null) assert.equal(view.onlineVcpus, 3);
      const inside = await world.onlineInside(spec.uuid);
      if (inside !== null) assert.equal(inside, 3, 'the guest itself sees three');
    });

    it('does the same again as nothing', { timeout }, async () => {
      const target = { vcpus: 3, memoryMb: 768 };
      const outcome = await adjust(target);
      checkOutcome(outcome, target);
      assert.equal(outcome.vcpus.method, 'none');
      assert.equal(outcome.vcpus.problem, null);
      assert.equal(outcome.memoryMb.problem, null);
      await settledAt(target);
    });

    it('shrinks memory alone', { timeout }, async () => {
      const target = { vcpus: 3, memoryMb: 384 };
      const outcome = await adjust(target);
      checkOutcome(outcome, target);
      arrived(outcome.memoryMb);
      near(outcome.memoryMb.reached, 384, 'reached');
      assert.equal(outcome.vcpus.method, 'none');
      assert.equal(outcome.vcpus.reached, 3);
      await settledAt(target);
    });

    it(`shrinks vCPUs: ${traits.vcpuShrink}`, { timeout }, async () => {
      const target = { vcpus: 2, memoryMb: 384 };
      const outcome = await adjust(target);
      checkOutcome(outcome, target);
      if (traits.vcpuShrink === 'refused') {
        assert.notEqual(outcome.vcpus.problem, null);
        assert.equal(outcome.vcpus.held, 3, 'what was not given back is held');
        return;
      }
      arrived(outcome.vcpus);
      assert.equal(outcome.vcpus.reached, 2);
      assert.equal(outcome.vcpus.method, traits.vcpuShrink);
      assert.equal(outcome.vcpus.held, traits.vcpuShrink === 'hotplug' ? 2 : 3);
      const inside = await world.onlineInside(spec.uuid);
      if (inside !== null) assert.equal(inside, 2, 'the guest itself sees two');
    });

    it('comes back from a soft reboot as the spec says: what was not to persist is gone', { timeout }, async () => {
      const boot = { vcpus: 2, memoryMb: 384 };
      const grown = { vcpus: 3, memoryMb: 512 };
      checkOutcome(await adjust(grown, false), grown);
      const view = await driver.reboot({ spec: { ...spec, boot }, type: 'SOFT', timeoutMs: shutdownMs });
      assert.equal(view.powerState, power.running);
      await world.ready(spec.uuid);
      const settled = await settledAt(boot);
      if (settled.onlineVcpus !== null) assert.equal(settled.onlineVcpus, 2);
    });

    it('comes back from a hard reboot as the spec says', { timeout }, async () => {
      const boot = { vcpus: 2, memoryMb: 384 };
      const view = await driver.reboot({ spec: { ...spec, boot }, type: 'HARD', timeoutMs: 0 });
      assert.equal(view.powerState, power.running);
      await world.ready(spec.uuid);
      const settled = await settledAt(boot);
      if (settled.onlineVcpus !== null) assert.equal(settled.onlineVcpus, 2);
    });

    it('freezes and lets run again, and tells: twice is once', { timeout }, async (t) => {
      if (driver.pause === undefined || driver.unpause === undefined) return t.skip(CANNOT);
      const from = events.length;
      for (const _ of [1, 2]) assert.equal((await driver.pause({ uuid: spec.uuid })).powerState, power.paused);
      await heard('paused', spec.uuid, from);
      for (const _ of [1, 2]) assert.equal((await driver.unpause({ uuid: spec.uuid })).powerState, power.running);
      await heard('resumed', spec.uuid, from);
    });

    it('brings an image once: of a guest that runs it is there', { timeout }, async (t) => {
      if (driver.cacheImage === undefined || spec.disks.image === null) return t.skip(CANNOT);
      assert.equal(await driver.cacheImage({ image: spec.disks.image }), false);
    });

    it('says where the screen of a guest listens, which speaks VNC', { timeout }, async (t) => {
      if (driver.remoteConsole === undefined) return t.skip(CANNOT);
      const screen = await driver.remoteConsole({ uuid: spec.uuid, protocol: 'vnc' });
      assert.ok(screen !== null && (screen.port > 0 || screen.host.startsWith('/')));
      const greeting = await world.greetingOf(screen);
      assert.match(greeting, /^RFB 003\.\d{3}\n$/);
      assert.equal(await driver.remoteConsole({ uuid: spec.uuid, protocol: 'mks' }), null);
    });

    it('says where its serial line listens, on which the guest speaks', { timeout }, async (t) => {
      if (driver.remoteConsole === undefined) return t.skip(CANNOT);
      const line = await driver.remoteConsole({ uuid: spec.uuid, protocol: 'serial' });
      assert.ok(line !== null);
      assert.notEqual((await world.greetingOf(line)).trim(), '');
      assert.deepEqual(await driver.remoteConsole({ uuid: spec.uuid, protocol: 'serial' }), line);
    });

    it('counts what a running guest uses', { timeout }, async (t) => {
      if (driver.diagnostics === undefined) return t.skip(CANNOT);
      const found = await driver.diagnostics({ uuid: spec.uuid });
      assert.equal(found.maximumKib, spec.maximum.memoryMb * 1024);
      assert.deepEqual(
        found.nics.map(({ mac }) => mac),
        spec.nics.map(({ mac }) => mac),
      );
      assert.ok(found.disks.some(({ device }) => device === 'vda'));
      const { size } = await inspect();
      assert.ok(found.cpus.length >= size.vcpus, `${found.cpus.length} vCPUs are counted, ${size.vcpus} are there`);
      const again = await driver.diagnostics({ uuid: spec.uuid });
      const total = (one: typeof found) => one.cpus.reduce((sum, cpu) => sum + cpu.timeNs, 0);
      assert.ok(total(again) >= total(found));
      const { usage } = again;
      assert.ok(usage !== undefined && usage.seconds > 0.9, 'it is looked at twice');
      assert.ok(usage.cpu <= usage.vcpus + 0.5, `${usage.cpu} of ${usage.vcpus} processors`);
      const { host, guests } = await driver.measure();
      assert.deepEqual(
        guests.map(({ uuid }) => uuid).filter((uuid) => uuid === spec.uuid),
        [spec.uuid],
      );
      assert.ok(host.cpus > 0 && host.availableMb <= host.memoryMb && host.pools.length > 0, JSON.stringify(host));
    });

    it(`sets a password inside, or says that nobody there can: agent ${traits.agent}`, { timeout }, async (t) => {
      if (driver.setAdminPassword === undefined) return t.skip(CANNOT);
      const password = 'a new: password';
      const set = driver.setAdminPassword({ uuid: spec.uuid, user: 'root', password });
      if (!traits.agent) return refuses(set, 'notImplemented');
      await set;
      const digest = createHash('sha256').update(password).digest('hex');
      const inside = () => world.passwordInside(spec.uuid, 'root');
      assert.equal(await eventually('the password', verbMs, inside), digest);
    });

    it(`sets the clock inside, or says that nobody there can: agent ${traits.agent}`, { timeout }, async (t) => {
      const { uuid } = spec;
      if (driver.syncGuest === undefined) return t.skip(CANNOT);
      if (!traits.agent) return refuses(driver.syncGuest({ uuid }), 'notImplemented');
      await world.spoilClock(uuid, -HOUR_MS);
      assert.ok((await world.clockOffMs(uuid)) < -HOUR_MS / 2);
      const { onlineVcpus } = await driver.syncGuest({ uuid });
      assert.ok(Math.abs(await world.clockOffMs(uuid)) < verbMs);
      assert.equal(onlineVcpus, await world.onlineInside(uuid));
    });

    it(`reads what cloud-init left, or says that nobody there can: agent ${traits.agent}`, { timeout }, async (t) => {
      if (driver.cloudInit === undefined) return t.skip(CANNOT);
      const files = await driver.cloudInit({ uuid: spec.uuid });
      assert.equal(files !== null, traits.agent);
      if (files === null) return;
      for (const text of Object.values(files)) assert.ok(text === null || typeof text === 'string');
    });

    it('interrupts the guest, which goes on', { timeout }, async (t) => {
      if (driver.injectNmi === undefined) return t.skip(CANNOT);
      await driver.injectNmi({ uuid: spec.uuid });
      assert.equal((await inspect()).powerState, power.running);
    });

    it('stores its memory and goes on where it was: twice is once', { timeout }, async (t) => {
      if (driver.suspend === undefined || driver.resume === undefined) return t.skip(CANNOT);
      const before = await inspect();
      const from = events.length;
      for (const _ of [1, 2]) assert.equal((await driver.suspend({ uuid: spec.uuid })).powerState, power.suspended);
      await heard('stopped', spec.uuid, from);
      assert.equal((await inspect()).powerState, power.suspended);
      for (const _ of [1, 2]) assert.equal((await driver.resume({ uuid: spec.uuid })).powerState, power.running);
      await heard('started', spec.uuid, from);
      await settledAt(before.size);
    });

    it('starts anew from stored memory, which is thrown away', { timeout }, async (t) => {
      if (driver.suspend === undefined || driver.resume === undefined) return t.skip(CANNOT);
      await driver.suspend({ uuid: spec.uuid });
      const boot = { vcpus: 2, memoryMb: 384 };
      assert.equal(
        (await driver.reboot({ spec: { ...spec, boot }, type: 'HARD', timeoutMs: 0 })).powerState,
        power.running,
      );
      await world.ready(spec.uuid);
      await settledAt(boot);
    });

    it('plugs a port into a running guest and takes it away: twice is once', { timeout }, async (t) => {
      if (driver.attachNic === undefined || driver.detachNic === undefined) return t.skip(CANNOT);
      const before = await world.interfaces(spec.uuid);
      const nic = world.nic();
      for (const _ of [1, 2]) await driver.attachNic({ uuid: spec.uuid, nic, plan: plainInterface });
      const [first = ''] = nic.fixedIps.map((ip) => ip.address);
      assert.deepEqual(await world.interfaces(spec.uuid), new Map([...before, [nic.mac, [first]]]));
      const subnetId = nic.network.subnets[0]?.id ?? '';
      const address = first.replace(/\d+$/, '199');
      const more = { ...nic, fixedIps: [...nic.fixedIps, { address, subnetId }] };
      await driver.attachNic({ uuid: spec.uuid, nic: more, plan: plainInterface });
      assert.deepEqual((await world.interfaces(spec.uuid)).get(nic.mac)?.toSorted(), [first, address].toSorted());
      for (const _ of [1, 2]) await driver.detachNic({ uuid: spec.uuid, portId: nic.portId });
      assert.deepEqual(await world.interfaces(spec.uuid), before);
      await refuses(driver.attachNic({ uuid: randomUUID(), nic, plan: plainInterface }), 'notFound');
      await refuses(driver.detachNic({ uuid: randomUUID(), portId: nic.portId }), 'notFound');
    });

    it('copies the disk of a guest that runs or is frozen, which goes on: twice is once', { timeout }, async (t) => {
      const { snapshot, uploadSnapshot, dropSnapshot } = driver;
      if (!snapshot || !uploadSnapshot || !dropSnapshot) return t.skip(CANNOT);
      const { uuid } = spec;
      const imageId = randomUUID();
      const words = await world.mark(spec.uuid);
      const copy = await snapshot({ uuid, imageId, quiesce: false });
      const later = await world.mark(spec.uuid);
      marked = later;
      assert.deepEqual(await snapshot({ uuid, imageId, quiesce: false }), copy);
      assert.equal((await inspect()).powerState, power.running);
      for (const _ of [1, 2]) await uploadSnapshot({ uuid, imageId });
      const image = world.stored(imageId) ?? assert.fail('no image came');
      assert.ok(image.includes(words), 'what the guest wrote is in the image');
      // the fake guest's words are always the same
      if (later !== words) assert.ok(!image.includes(later), 'what it wrote afterwards is not');

      const made = cameFromHere(imageId, copy, image, spec.disks.image);
      const other = { ...world.spec(), disks: { ...spec.disks, image: made } };
      assert.equal((await driver.spawn({ spec: other })).powerState, power.running);
      await world.ready(other.uuid);
      await driver.destroy({ uuid: other.uuid });

      const dropped = randomUUID();
      if (driver.pause !== undefined) await driver.pause({ uuid: spec.uuid });
      await snapshot({ uuid, imageId: dropped, quiesce: false });
      if (driver.pause !== undefined) assert.equal((await inspect()).powerState, power.paused);
      if (driver.unpause !== undefined) await driver.unpause({ uuid: spec.uuid });
      for (const _ of [1, 2]) await dropSnapshot({ uuid, imageId: dropped });
      await refuses(uploadSnapshot({ uuid, imageId: dropped }), 'notFound');
      assert.equal(world.stored(dropped), undefined);
      await refuses(snapshot({ uuid: randomUUID(), imageId: dropped, quiesce: false }), 'notFound');
      assert.ok(!(await world.leftovers(spec.uuid)).some((name) => name.includes(dropped)));
    });

    it('copies its root disk to a file, or what changed since, while the guest goes on', { timeout }, async (t) => {
      const { copyDisk, dropDiskCopy, replaceDisk } = driver;
      if (!copyDisk || !dropDiskCopy || !replaceDisk) return t.skip(CANNOT);
      const { uuid } = spec;
      const directory = await mkdtemp(join(tmpdir(), 'xloud-copies-'));
      t.after(() => rm(directory, { recursive: true }));
      await chmod(directory, 0o711);
      const take = (name: string, since: string | null, more = 0) =>
        copyDisk({
          ...{ uuid, path: join(directory, name), quiesce: false, mark: name },
          changes: since === null ? null : { since, virtualBytes: whole.virtualBytes + more },
        });
      let whole = { virtualBytes: 0 };
      const first = await take('first', null);
      whole = first;
      assert.deepEqual([first.incremental, first.live], [false, true]);
      const { ino } = await stat(join(directory, 'first'));
      assert.deepEqual(await take('first', null), first, 'twice is once');
      assert.equal((await stat(join(directory, 'first'))).ino, ino);
      marked = await world.mark(uuid);
      assert.equal((await take('second', 'first')).incremental, true);
      assert.ok(
        (await readFile(join(directory, 'second'))).length <= (await readFile(join(directory, 'first'))).length,
      );
      assert.equal((await take('third', 'never')).incremental, false, 'since a copy that nobody made');
      assert.equal((await take('fourth', 'third', 512)).incremental, false, 'of a disk of another size');
      for (const name of ['second', 'none']) await dropDiskCopy({ uuid, path: join(directory, name) });
      await refuses(replaceDisk({ spec, chain: [join(directory, 'first')] }), 'conflict');
      await refuses(copyDisk({ ...order(join(directory, 'away', 'x')), uuid }), 'conflict');
      await refuses(copyDisk({ ...order(join(directory, 'x')), uuid: randomUUID() }), 'notFound');
      assert.deepEqual((await readdir(directory)).filter((name) => !name.endsWith('.made')).toSorted(), [
        'first',
        'fourth',
        'third',
      ]);
      assert.equal((await inspect()).powerState, power.running);
    });

    it('forgets at the next start what was not to persist', { timeout }, async () => {
      const target = { vcpus: 3, memoryMb: 512 };
      const outcome = await adjust(target, false);
      checkOutcome(outcome, target);
      arrived(outcome.vcpus);
      await driver.powerOff({ uuid: spec.uuid, timeoutMs: 0 });
      const off = await inspect();
      assert.deepEqual(off.size, { vcpus: 2, memoryMb: 384 }, 'a guest that is off: what it boots with');
    });

    it('is off: twice is once, and nothing can be adjusted', { timeout }, async () => {
      const view = await driver.powerOff({ uuid: spec.uuid, timeoutMs: shutdownMs });
      assert.equal(view.powerState, power.shutdown);
      assert.equal((await inspect()).powerState, power.shutdown);
      assert.equal((await driver.list({})).find((guest) => guest.uuid === spec.uuid)?.powerState, power.shutdown);
      await refuses(adjust({ vcpus: 2, memoryMb: 512 }), 'conflict');
      if (driver.setAdminPassword)
        await refuses(driver.setAdminPassword({ uuid: spec.uuid, user: 'root', password: 'x' }), 'conflict');
      if (driver.injectNmi) await refuses(driver.injectNmi({ uuid: spec.uuid }), 'conflict');
      if (driver.diagnostics !== undefined) await refuses(driver.diagnostics({ uuid: spec.uuid }), 'conflict');
      if (driver.cloudInit !== undefined) await refuses(driver.cloudInit({ uuid: spec.uuid }), 'conflict');
      for (const protocol of ['vnc', 'serial'] as const) {
        if (driver.remoteConsole) assert.equal(await driver.remoteConsole({ uuid: spec.uuid, protocol }), null);
      }
    });

    it('copies the disk of a guest that is off', { timeout }, async (t) => {
      if (!driver.snapshot || !driver.uploadSnapshot) return t.skip(CANNOT);
      const imageId = randomUUID();
      await driver.snapshot({ uuid: spec.uuid, imageId, quiesce: false });
      assert.equal((await inspect()).powerState, power.shutdown);
      await driver.uploadSnapshot({ uuid: spec.uuid, imageId });
      assert.ok(world.stored(imageId)?.includes(marked), 'what the guest wrote while it ran is in the image');
    });

    it('takes the disk of a copy while it is off', { timeout }, async (t) => {
      const { copyDisk, replaceDisk } = driver;
      if (!copyDisk || !replaceDisk) return t.skip(CANNOT);
      const { uuid } = spec;
      const directory = await mkdtemp(join(tmpdir(), 'xloud-copies-'));
      t.after(() => rm(directory, { recursive: true }));
      const path = join(directory, 'copy');
      assert.equal((await copyDisk({ ...order(path), uuid })).live, false);
      for (const _ of [1, 2]) assert.equal((await replaceDisk({ spec, chain: [path] })).powerState, power.shutdown);
      await refuses(replaceDisk({ spec, chain: [path, join(directory, 'none')] }), 'conflict');
      const imageId = randomUUID();
      if (!driver.snapshot || !driver.uploadSnapshot) return;
      await driver.snapshot({ uuid, imageId, quiesce: false });
      await driver.uploadSnapshot({ uuid, imageId });
      assert.ok(world.stored(imageId)?.includes(marked), 'what the guest wrote is on it');
    });

    it('plugs a port into a guest that is off, for its next start', { timeout }, async (t) => {
      if (driver.attachNic === undefined || driver.detachNic === undefined) return t.skip(CANNOT);
      const nic = world.nic();
      for (const _ of [1, 2]) await driver.attachNic({ uuid: spec.uuid, nic, plan: plainInterface });
      await driver.powerOn({ spec: { ...spec, nics: [...spec.nics, nic] } });
      assert.ok((await world.interfaces(spec.uuid)).has(nic.mac));
      await driver.powerOff({ uuid: spec.uuid, timeoutMs: 0 });
      for (const _ of [1, 2]) await driver.detachNic({ uuid: spec.uuid, portId: nic.portId });
      assert.ok(!(await world.interfaces(spec.uuid)).has(nic.mac));
    });

    it('powers on with the size of the spec: twice is once', { timeout }, async () => {
      const from = events.length;
      const first = await driver.powerOn({ spec });
      assert.equal(first.powerState, power.running);
      await heard('started', spec.uuid, from);
      const again = await driver.powerOn({ spec });
      assert.equal(again.powerState, power.running);
      await world.ready(spec.uuid);
      await settledAt(spec.boot);
    });

    it('powers off through the guest, and tells', { timeout }, async () => {
      const from = events.length;
      const view = await driver.powerOff({ uuid: spec.uuid, timeoutMs: shutdownMs });
      assert.equal(view.powerState, power.shutdown);
      await heard('stopped', spec.uuid, from);
    });

    it('boots from a rescue image and back from its own disk: twice is once', { timeout }, async (t) => {
      if (driver.rescue === undefined || driver.unrescue === undefined) return t.skip(CANNOT);
      const image = spec.disks.image ?? imageFacts();
      const from = events.length;
      for (const _ of [1, 2]) {
        assert.equal((await driver.rescue({ spec: { ...spec, rescue: image } })).powerState, power.running);
      }
      await heard('started', spec.uuid, from);
      await world.ready(spec.uuid);
      for (const _ of [1, 2]) assert.equal((await driver.unrescue({ spec })).powerState, power.running);
      await world.ready(spec.uuid);
      await settledAt(spec.boot);
    });

    it('tells of a guest that powers itself off', { timeout }, async () => {
      // it runs where the driver can rescue: from its own disk again
      await driver.powerOn({ spec });
      await world.ready(spec.uuid);
      const from = events.length;
      await world.powerOffFromInside(spec.uuid);
      await heard('stopped', spec.uuid, from);
      assert.equal((await inspect()).powerState, power.shutdown);
    });

    it('tells of a crash, and starts the guest again', { timeout }, async () => {
      await driver.powerOn({ spec });
      const from = events.length;
      await world.crash(spec.uuid);
      await heard('crashed', spec.uuid, from);
      const { powerState } = await inspect();
      assert.ok(powerState === power.crashed || powerState === power.shutdown, `power state ${powerState}`);
      assert.equal((await driver.powerOn({ spec })).powerState, power.running);
    });

    it('makes new disks, and what was on the old ones is gone: twice is as good as once', { timeout }, async (t) => {
      if (driver.rebuild === undefined) return t.skip(CANNOT);
      const from = events.length;
      const boot = { vcpus: 2, memoryMb: 384 };
      for (const _ of [1, 2]) {
        assert.equal(
          (await driver.rebuild({ spec: { ...spec, boot }, preserveEphemeral: false })).powerState,
          power.running,
        );
      }
      await heard('started', spec.uuid, from);
      await world.ready(spec.uuid);
      await settledAt(boot);
    });

    it('destroys a running guest and leaves nothing: twice is once', { timeout }, async () => {
      await driver.destroy({ uuid: spec.uuid });
      assert.equal(await driver.inspect({ uuid: spec.uuid }), null);
      assert.ok(!(await driver.list({})).some((guest) => guest.uuid === spec.uuid));
      assert.deepEqual(await world.leftovers(spec.uuid), []);
      await driver.destroy({ uuid: spec.uuid });
    });

    it('plugs memory where the spec asks for it, and takes it back', { timeout: 2 * timeout }, async (t) => {
      const { memoryMethods } = (await driver.inventory()).facts.capabilities;
      if (!memoryMethods.includes('virtio-mem')) return t.skip(CANNOT);
      const own = world.spec();
      const boot = { vcpus: 1, memoryMb: 512 };
      const plugging: GuestSpec = {
        ...own,
        boot,
        extraSpecs: { ...own.extraSpecs, 'xloud:memory_method': 'virtio-mem' },
      };
      spec = plugging;
      const view = await driver.spawn({ spec: plugging });
      assert.deepEqual(view.maximum, plugging.maximum);
      await world.ready(plugging.uuid);
      await settledAt(boot);
      for (const target of [
        { vcpus: 2, memoryMb: 770 },
        { vcpus: 2, memoryMb: 770 },
        { vcpus: 2, memoryMb: 384 },
      ]) {
        const before = await inspect();
        const outcome = await adjust(target);
        checkOutcome(outcome, target);
        arrived(outcome.memoryMb);
        // plugged memory is counted, where a balloon is only near
        assert.equal(outcome.memoryMb.reached, target.memoryMb);
        const moves = before.size.memoryMb !== target.memoryMb;
        assert.equal(outcome.memoryMb.method, moves ? 'virtio-mem' : 'none');
        assert.equal((await inspect()).size.memoryMb, target.memoryMb);
      }
      await driver.powerOff({ uuid: plugging.uuid, timeoutMs: 0 });
      assert.equal((await inspect()).size.memoryMb, 384, 'a guest that is off: what it boots with');
      await driver.powerOn({ spec: { ...plugging, boot: { vcpus: 2, memoryMb: 640 } } });
      await world.ready(plugging.uuid);
      await settledAt({ vcpus: 2, memoryMb: 640 });
      await driver.destroy({ uuid: plugging.uuid });
      assert.deepEqual(await world.leftovers(plugging.uuid), []);
    });

    it('leaves nothing of a spawn that fails', { timeout }, async () => {
      const doomed = world.doomed();
      await assert.rejects(driver.spawn({ spec: doomed }), (error: unknown) => error instanceof Fault);
      assert.equal(await driver.inspect({ uuid: doomed.uuid }), null);
      assert.deepEqual(await world.leftovers(doomed.uuid), []);
    });

    it('serves different guests at once', { timeout: timeout * traits.atOnce }, async () => {
      const specs = Array.from({ length: traits.atOnce }, () => world.spec());
      try {
        const views = await Promise.all(specs.map((one) => driver.spawn({ spec: one })));
        assert.deepEqual(
          views.map((view) => [view.uuid, view.powerState]),
          specs.map((one) => [one.uuid, power.running]),
        );
        const listed = new Set((await driver.list({})).map((guest) => guest.uuid));
        assert.ok(specs.every((one) => listed.has(one.uuid)));
      } finally {
        await Promise.all(specs.map((one) => driver.destroy({ uuid: one.uuid })));
      }
      for (const one of specs) assert.deepEqual(await world.leftovers(one.uuid), []);
    });

    it('tells nothing to those who left', { timeout }, async () => {
      const late: GuestEvent[] = [];
      driver.onEvent((event) => late.push(event))();
      const one = world.spec();
      const from = events.length;
      await driver.spawn({ spec: one });
      await heard('started', one.uuid, from);
      await driver.destroy({ uuid: one.uuid });
      assert.deepEqual(late, []);
    });
  });
}
