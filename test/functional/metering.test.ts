// Why: people pay by these records. A month of servers that grow and shrink, with outages of whoever records, comes to exactly what they
// held, and to the same on both engines; and a clock that is wrong charges nothing twice.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim, moveClaim, releaseClaim, setClaim } from '../../src/db/claims.ts';
import type { Database } from '../../src/db/engine.ts';
import { findHost } from '../../src/db/hosts.ts';
import { setPrices } from '../../src/db/priced-spans.ts';
import { insertServer, updateServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { type CostLine, listCosts } from '../../src/db/usage-costs.ts';
import { deleteVolumeRow, insertVolume, updateVolume } from '../../src/db/volumes.ts';
import type { Size } from '../../src/domain/adjustment/size.ts';
import type { OpsDeps } from '../../src/ops/deps.ts';
import { metering } from '../../src/ops/reconcile/metering.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { newServer, reportHost } from '../support/rows.ts';
import { aFlavor } from '../support/samples.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BEGIN = Date.UTC(2026, 10, 1);
const END = Date.UTC(2026, 11, 1);
const PROJECTS = ['p', 'q'] as const;

const flavor = aFlavor({
  ...{ vcpus: 8, memoryMb: 8_192 },
  extraSpecs: {
    ...{ minimum_cpu: '1', minimum_memory: '512' },
    ...{ 'price:hour': '0.0050', 'price:vcpu_hour': '0.001111', 'price:memory_gb_hour': '0.000777' },
  },
});

/** What that comes to, reckoned by hand: parts of a millionth for each millisecond, 3,686,400,000 to one. */
const serverRate = ({ vcpus, memoryMb }: Size): bigint =>
  1_024n * 5_000n + 1_024n * 1_111n * BigInt(vcpus - 1) + 777n * BigInt(memoryMb - 512);
const PARTS = 1_024n * 3_600_000n;

/** Random numbers below a bound, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Something that is paid for, as the test's own books have it. */
interface Held {
  readonly project: string;
  rate: bigint;
  since: number;
}

/** A small cloud whose time is the test's, with books of its own. */
function makeMonth(database: Database, hostId: number, seed: number) {
  const number = numbers(seed);
  const books = new Map<string, bigint>();
  const servers = new Map<number, Held>();
  const volumes = new Map<string, Held & { gb: number }>();
  let volumePrice = 0n;
  let nowMs = BEGIN;

  /** From now on it costs so much. */
  const costs = (held: Held, rate: bigint): void => {
    books.set(held.project, (books.get(held.project) ?? 0n) + held.rate * BigInt(nowMs - held.since));
    Object.assign(held, { rate, since: nowMs });
  };
  const one = <K, V>(of: Map<K, V>): [K, V] | undefined => [...of][number(of.size)];
  const claim = (serverId: number, size: Size) => ({
    ...{ serverId, hostId, ...size, diskGb: 0, maximum: size, numa: null, resources: null, pci: null },
  });
  const born = { rate: 0n, since: 0 };

  const deeds = {
    async create() {
      const project = PROJECTS[number(2)] as string;
      const size = { vcpus: 1, memoryMb: 512 };
      const id = await tx(database, async (t) => {
        const row = newServer({ projectId: project, flavor, vmState: 'active', createdAt: nowMs, launchedAt: nowMs });
        const made = await insertServer(t, row);
        await setClaim(t, claim(made, size));
        await updateServer(t, made, {}, nowMs);
        return made;
      });
      servers.set(id, { project, ...born });
      costs(servers.get(id) as Held, serverRate(size));
    },
    async adjust() {
      const [id, held] = one(servers) ?? [];
      if (id === undefined || held === undefined) return;
      const size = { vcpus: 1 + number(8), memoryMb: 512 + number(7_681) };
      await tx(database, async (t) => {
        await updateServer(t, id, {}, nowMs);
        const before = await findClaim(t, id);
        if (before === null) await setClaim(t, claim(id, size));
        else await moveClaim(t, before, size);
      });
      costs(held, serverRate(size));
    },
    async shelve() {
      const [id, held] = one(servers) ?? [];
      if (id === undefined || held === undefined) return;
      await tx(database, (t) => releaseClaim(t, id, nowMs));
      costs(held, 0n);
    },
    async delete() {
      const [id, held] = one(servers) ?? [];
      if (id === undefined || held === undefined) return;
      const gone = { deleted: true, vmState: 'deleted', taskState: null, terminatedAt: nowMs } as const;
      await tx(database, async (t) => {
        await releaseClaim(t, id, nowMs);
        await updateServer(t, id, gone, nowMs);
      });
      costs(held, 0n);
      servers.delete(id);
    },
    async volume() {
      const project = PROJECTS[number(2)] as string;
      const [id, sizeGb] = [`v-${volumes.size}-${nowMs}`, 1 + number(50)];
      await tx(database, (t) =>
        insertVolume(t, {
          ...{ id, projectId: project, userId: 'u', name: null, description: null, sizeGb, status: 'available' },
          ...{ previousStatus: null, zone: 'nova', typeId: 'type', bootable: false, readonly: false },
          ...{ snapshotId: null, sourceVolumeId: null, metadata: {}, imageMetadata: null },
          ...{ createdAt: nowMs, updatedAt: nowMs },
        }),
      );
      volumes.set(id, { project, gb: sizeGb, ...born });
      costs(volumes.get(id) as Held, 1_024n * volumePrice * BigInt(sizeGb));
    },
    async extend() {
      const [id, held] = one(volumes) ?? [];
      if (id === undefined || held === undefined) return;
      held.gb += 1 + number(10);
      await tx(database, (t) => updateVolume(t, id, { sizeGb: held.gb, updatedAt: nowMs }));
      costs(held, 1_024n * volumePrice * BigInt(held.gb));
    },
    async drop() {
      const [id, held] = one(volumes) ?? [];
      if (id === undefined || held === undefined) return;
      await tx(database, (t) => deleteVolumeRow(t, id, nowMs));
      costs(held, 0n);
      volumes.delete(id);
    },
    async prices() {
      const price = number(3) * 37;
      await tx(database, (t) => setPrices(t, { volume: price }, nowMs));
      volumePrice = BigInt(price);
      for (const held of volumes.values()) costs(held, 1_024n * volumePrice * BigInt(held.gb));
    },
  };

  return {
    books,
    deeds,
    number,
    now: () => nowMs,
    pass: (ms: number): void => void (nowMs += ms),
    /** Everything there is is paid for up to now. */
    close(): void {
      for (const held of [...servers.values(), ...volumes.values()]) costs(held, held.rate);
    },
  };
}

type Deed = keyof ReturnType<typeof makeMonth>['deeds'];
const OFTEN: readonly Deed[] = [
  ...(['create', 'create', 'adjust', 'adjust', 'adjust', 'adjust', 'adjust', 'adjust', 'shelve', 'delete'] as const),
  ...(['volume', 'volume', 'extend', 'drop', 'prices'] as const),
];

/** Turn of the recorder; only these two of its dependencies are asked for. */
const record = (database: Database, nowMs: number): Promise<void> =>
  metering({ database, clock: { now: () => nowMs } } as unknown as OpsDeps);

const everything = { projectId: null, resourceId: null, startMs: BEGIN - 40 * DAY_MS, stopMs: END + 40 * DAY_MS };
const wide = { limit: 100_000, offset: 0 };

async function hostOf(database: Database): Promise<number> {
  await reportHost(database, 'host-1', { vcpus: 10_000, memoryMb: 10_000_000 }, BEGIN);
  return (await findHost(database.read, { host: 'host-1' }))?.id as number;
}

/** What is recorded, in parts of a millionth. */
async function recorded(database: Database): Promise<bigint> {
  const rows: Record<string, unknown>[] = await database.read('usage_records').select('amount', 'fraction');
  return rows.reduce(
    (sum, { amount, fraction }) => sum + BigInt(amount as number) * PARTS + BigInt(fraction as number),
    0n,
  );
}

const bills = new Map<string, readonly CostLine[]>();

for (const engine of engines) {
  describe(`metering on ${engine}`, () => {
    let store: TestStore;
    let hostId: number;
    before(async () => {
      store = await freshDatabase(engine);
      hostId = await hostOf(store.database);
    });
    after(() => store.close());

    it('comes to what was held in a month, to the last part of a millionth, whatever outages there were', async () => {
      const { database } = store;
      const month = makeMonth(database, hostId, 20_261_101);
      const { number } = month;
      let outageUntil = 0;
      while (month.now() < END) {
        await month.deeds[OFTEN[number(OFTEN.length)] as Deed]();
        month.pass(1 + number(3 * HOUR_MS));
        if (number(40) === 0) outageUntil = month.now() + number(5 * DAY_MS);
        if (month.now() < outageUntil) continue;
        await record(database, month.now());
        // a turn that is repeated, or that a second worker has at the same time
        if (number(5) === 0) await Promise.all([record(database, month.now()), record(database, month.now())]);
      }
      // up to a whole hour, and past the time that is left for what comes late
      month.pass(HOUR_MS - (month.now() % HOUR_MS));
      month.close();
      await record(database, month.now() + HOUR_MS / 2);
      const all = [...month.books.values()].reduce((sum, parts) => sum + parts, 0n);
      assert.ok(all > PARTS, 'something was paid for');
      assert.equal(await recorded(database), all);

      const lines = await listCosts(database.read, everything, ['project'], wide);
      assert.deepEqual(
        lines.map(({ of, cost }) => [of.project, BigInt(cost)]),
        [...month.books].sort(([a], [b]) => (a < b ? -1 : 1)).map(([project, parts]) => [project, parts / PARTS]),
      );
      bills.set(engine, await listCosts(database.read, everything, ['project', 'kind', 'day'], wide));
    });

    it('has a record for each hour of what was there, and none that is longer', async () => {
      const { database } = store;
      const long = await database.read('usage_records').where('held_ms', '>', HOUR_MS);
      assert.deepEqual(long, []);
      const [days, months] = [
        await listCosts(database.read, everything, ['day'], wide),
        await listCosts(database.read, everything, ['month'], wide),
      ];
      assert.equal(days.length, 31);
      assert.ok(days.every(({ of }) => (of.day as number) % DAY_MS === 0));
      assert.equal(months[0]?.of.month, BEGIN);
      const sum = (lines: readonly CostLine[]) => lines.reduce((hours, line) => hours + line.hours, 0);
      assert.ok(Math.abs(sum(days) - sum(months)) < 1e-4, 'of rounded hours');
    });
  });

  describe(`metering by a clock that is wrong, on ${engine}`, () => {
    let store: TestStore;
    before(async () => {
      store = await freshDatabase(engine);
    });
    after(() => store.close());

    it('takes back what it recorded ahead of time, and charges what came late', async () => {
      const { database } = store;
      const month = makeMonth(database, await hostOf(database), 7);
      const { number } = month;
      for (let turn = 0; turn < 150; turn += 1) {
        await month.deeds[OFTEN[number(OFTEN.length)] as Deed]();
        month.pass(1 + number(2 * HOUR_MS));
        // days ahead, or behind
        await record(database, month.now() + number(4 * DAY_MS) - 2 * DAY_MS);
      }
      month.pass(5 * DAY_MS);
      month.pass(HOUR_MS - (month.now() % HOUR_MS));
      month.close();
      await record(database, month.now() + HOUR_MS / 2);
      const all = [...month.books.values()].reduce((sum, parts) => sum + parts, 0n);
      assert.equal(await recorded(database), all);
    });
  });
}

it('makes the same bill on both engines', () => {
  const [first, second] = engines.map((engine) => bills.get(engine));
  assert.ok((first?.length ?? 0) > 60, 'a bill of a month has lines');
  assert.deepEqual(second, first);
});
