// One guest that rewrites its memory all the time, and checks it, goes from host to host as it runs, again and again: it is never lost,
// never twice, never anew, and no byte of it is old; how long it stood still each time is told as a histogram. How often: XLOUD_MOVES
// (`make moves COUNT=50`); XLOUD_MOVES_STORAGE: `own` or `shared`; default: both.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runInside } from '../support/inside.ts';
import type { LibvirtHost } from '../support/libvirt-host.ts';
import { moveLive } from '../support/move-contract.ts';
import { moving, startTwoHosts } from '../support/two-hosts.ts';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Driver } from '../../src/virt/driver.ts';
import { writesArrive } from '../../src/virt/libvirt/move/emulated.ts';

const COUNT = Number(process.env.XLOUD_MOVES ?? 10);
const DOWNTIME_MS = 500;
const EACH_MS = 120_000;
const INSIDE_MS = 60_000;
/** Upper ends of the bars, in milliseconds. */
const BARS = [25, 50, 100, 200, 300, 400, DOWNTIME_MS, 750, 1_000, 1_500, 2_000, Number.POSITIVE_INFINITY];
/** 16 MiB of noise, written anew without end; each time, what is read must be what was written. */
const LOAD = `(while :; do
  dd if=/dev/urandom bs=64k count=256 | tee /run/noise | md5sum >/run/wrote
  md5sum </run/noise >/run/read
  cmp -s /run/wrote /run/read || echo old >>/run/old
  echo >>/run/rounds
done) </dev/null >/dev/null 2>&1 &`;

const wished = process.env.XLOUD_MOVES_STORAGE?.split(',') ?? ['own', 'shared'];

/** What libvirt measured of the guest's last move, where it came. */
async function downtimeOf(host: LibvirtHost, uuid: string): Promise<number> {
  const words = await host.virsh('domjobinfo', '--completed', '--rawstats', uuid);
  return Number(/^downtime: (\d+)$/m.exec(words)?.[1] ?? /Total downtime: +(\d+)/.exec(words)?.[1] ?? Number.NaN);
}

/** What the guest and its QEMU said last. */
async function lastWords({ consoleOf, libvirtd }: LibvirtHost, uuid: string): Promise<string> {
  const { stdout } = await libvirtd.exec('tail', '-n', '8', `/var/log/libvirt/qemu/xloud-${uuid}.log`);
  return `${(await consoleOf(uuid).text()).slice(-2_000)}\n${stdout}`;
}

function histogram(values: readonly number[]): string {
  let from = 0;
  const lines: string[] = [];
  for (const to of BARS) {
    const count = values.filter((value) => value > from && value <= to).length;
    if (count > 0)
      lines.push(
        `${String(from).padStart(5)} to ${String(to).padStart(8)} ms  ${String(count).padStart(4)}  ${'#'.repeat(count)}`,
      );
    from = to;
  }
  return lines.join('\n');
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const inside = ({ askAgent }: LibvirtHost, uuid: string, script: string): Promise<string> =>
  runInside((command) => askAgent(uuid, command), script, INSIDE_MS);

/** One guest, from the first to the second and back, with drivers for both. */
async function moveAgainAndAgain(
  hosts: readonly [LibvirtHost, LibvirtHost],
  drivers: readonly [Driver, Driver],
  spec: GuestSpec,
  shared: boolean,
): Promise<{ readonly downtimes: readonly number[]; readonly totals: readonly number[] }> {
  const { uuid } = spec;
  const downtimes: number[] = [];
  const totals: number[] = [];
  for (let move = 0; move < COUNT; move += 1) {
    const [from, to] = move % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    const before_ = (await hosts[from].consoleOf(uuid).last()) ?? assert.fail('it says nothing');
    const beganMs = Date.now();
    const { powerState } = await moveLive(drivers[from], drivers[to], spec);
    if (powerState !== power.running)
      assert.fail(`move ${move} ended in power state ${powerState}: ${await lastWords(hosts[to], uuid)}`);
    totals.push(Date.now() - beganMs);
    await drivers[from].destroy({ uuid });
    assert.equal(await drivers[from].inspect({ uuid }), null);
    if (!shared) assert.deepEqual(await hosts[from].leftovers(uuid), []);
    const after_ = await hosts[to].consoleOf(uuid).until(({ seq }) => seq > before_.seq, EACH_MS);
    assert.ok(after_.upS > before_.upS, 'it runs on');
    downtimes.push(await downtimeOf(hosts[to], uuid));
  }
  return { downtimes, totals };
}

describe('a guest under load', { concurrency: 1 }, () => {
  for (const storage of wished) {
    const shared = storage === 'shared';
    it(`survives ${COUNT} moves in a row, storage: ${storage}`, { timeout: COUNT * EACH_MS + EACH_MS }, async () => {
      const sharedDir = shared ? await mkdtemp(join(tmpdir(), 'xloud-shared-')) : null;
      const two = await startTwoHosts(sharedDir === null ? {} : { sharedDir });
      const live = { downtimeMs: DOWNTIME_MS, permitAutoConverge: true };
      const open = (host: LibvirtHost) => host.anotherDriver(moving(two.addressOf(host), live));
      const drivers = [await open(two.a), await open(two.b)] as const;
      try {
        const spec = two.a.spec();
        const { uuid } = spec;
        await drivers[0].spawn({ spec });
        await two.a.ready(uuid);
        const words = await two.a.mark(uuid);
        await inside(two.a, uuid, LOAD);
        const runs = writesArrive(await two.a.virsh('dumpxml', uuid));
        const { downtimes, totals } = await moveAgainAndAgain([two.a, two.b], drivers, spec, shared);
        const last = COUNT % 2 === 0 ? two.a : two.b;
        assert.equal(await last.marked(uuid), words);
        const [rounds = 0, old = 0] = (await inside(last, uuid, 'cat /run/rounds | wc -l; cat /run/old | wc -l'))
          .split('\n')
          .map(Number);
        assert.ok(rounds > 0, 'it worked all the time');
        assert.equal(old, 0, 'memory that is older than what was written to it');
        const how = runs ? 'running on its way' : 'standing still while its memory goes';
        console.log(`${COUNT} moves, 0 lost, ${rounds} times all it wrote was read; storage: ${storage}; ${how}`);
        const longest = Math.max(...downtimes);
        console.log(`stood still: median ${median(downtimes)} ms, longest ${longest} ms, ${DOWNTIME_MS} ms wished for`);
        console.log(histogram(downtimes));
        console.log(`a whole move: median ${median(totals)} ms`);
        assert.ok(downtimes.every(Number.isFinite), 'libvirt told each time');
      } finally {
        for (const driver of drivers) await driver.close();
        await two.close();
        if (sharedDir !== null) await rm(sharedDir, { recursive: true, force: true });
      }
    });
  }
});
